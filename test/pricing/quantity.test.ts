import { describe, expect, test } from 'vitest'
import { parseField } from '#src/pricing/field.ts'
import { countCharacters, measure } from '#src/pricing/quantity.ts'
import { formatRational } from '#src/pricing/rational.ts'
import type { QuantitySpec } from '#src/pricing/spec.ts'

type Characters = Extract<QuantitySpec, { kind: 'characters' }>
type NumberOf = Extract<QuantitySpec, { kind: 'number' }>

const fields = (names: readonly string[]) => names.flatMap((name) => parseField(name) ?? [])
const characters = (of: readonly string[], changes: Partial<Characters> = {}): QuantitySpec => ({
  kind: 'characters',
  count: 'codepoints',
  of: fields(of),
  ...changes,
})
const numbers = (of: readonly string[], changes: Partial<NumberOf> = {}): QuantitySpec => ({
  kind: 'number',
  unit: 'unit',
  of: fields(of),
  ...changes,
})

/** The units as text, or where and why there are none. */
function measured(quantity: QuantitySpec, body: unknown, query: Record<string, string> = {}): string | string[] {
  const source = { body, query: new Map(Object.entries(query)), params: new Map(Object.entries(query)) }
  const result = measure(quantity, source)
  return result.ok ? formatRational(result.units) : result.issues.map(({ path, message }) => `${path} ${message}`)
}

const notANumber = 'must be a number, 0 or above: the price depends on it'

test('a flat price has one unit whatever is asked for', () => {
  expect(measured({ kind: 'one' }, { anything: 5 })).toBe('1')
  expect(measured({ kind: 'one' }, undefined)).toBe('1')
})

describe('characters', () => {
  test.for([
    ['nothing', '', 0, 0, 0],
    ['letters', 'hello', 5, 5, 5],
    ['a line break', '\n', 1, 1, 1],
    ['an umlaut', 'ü', 1, 1, 2],
    ['an umlaut of two code points', 'u\u0308', 2, 2, 3],
    ['a thumb', '👍', 1, 2, 4],
    ['a thumb of dark skin', '👍🏿', 2, 4, 8],
    ['a family of seven code points', '👨‍👩‍👧‍👦', 7, 11, 25],
    ['a thumb between letters', 'a👍b', 3, 4, 6],
    ['the last code point', '\u{10ffff}', 1, 2, 4],
    ['a high surrogate alone', '\ud83d', 1, 1, 3],
    ['a low surrogate alone', '\udc4d', 1, 1, 3],
    ['a pair the wrong way round', '\udc4d\ud83d', 2, 2, 6],
    ['two high surrogates and a low one', '\ud83d\ud83d\udc4d', 2, 3, 7],
    ['a null character', '\0', 1, 1, 1],
  ] as const)('%s', ([, text, codepoints, utf16, bytes]) => {
    expect(countCharacters(text, 'codepoints')).toBe(codepoints)
    expect(countCharacters(text, 'utf16')).toBe(utf16)
    expect(countCharacters(text, 'bytes')).toBe(bytes)
  })

  test('are added up over fields and lists', () => {
    const body = { input: [{ content: 'abc' }, { content: '👍' }, {}], fileContext: 'de' }
    expect(measured(characters(['input.*.content', 'fileContext']), body)).toBe('6')
    expect(measured(characters(['input.*.content', 'fileContext'], { count: 'utf16' }), body)).toBe('7')
    expect(measured(characters(['input.*.content', 'fileContext'], { count: 'bytes' }), body)).toBe('9')
  })

  test('of an absent or null field count 0', () => {
    for (const body of [{}, { a: null }, undefined, null, 'text']) expect(measured(characters(['a']), body)).toBe('0')
  })

  test('may be those of a query or path parameter', () => {
    expect(measured(characters(['?q']), undefined, { q: 'a👍' })).toBe('2')
    expect(measured(characters([':q']), undefined, { q: 'a👍' })).toBe('2')
  })

  test.for([5, true, ['x'], { x: 'y' }])('cannot be counted in %j', (value) => {
    expect(measured(characters(['a']), { a: value })).toEqual(['$.a must be text: the price is by its characters'])
  })

  test('in a list are refused at the item that is not text', () => {
    expect(measured(characters(['input.*.content']), { input: [{ content: 'x' }, { content: 5 }] })).toEqual([
      '$.input[1].content must be text: the price is by its characters',
    ])
    expect(measured(characters(['tags.*']), { tags: ['x', null, 7] })).toEqual([
      '$.tags[1] must be text: the price is by its characters',
      '$.tags[2] must be text: the price is by its characters',
    ])
  })
})

describe('a number', () => {
  test.for([
    [0, '0'],
    [5, '5'],
    [4.5, '4.5'],
    [0.1, '0.1'],
    [1e-6, '0.000001'],
    [1e21, '1000000000000000000000'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ] as const)('%d in the body is exact', ([value, units]) => {
    expect(measured(numbers(['steps']), { steps: value })).toBe(units)
  })

  test('is added up over fields and lists', () => {
    expect(measured(numbers(['a', 'b.*.n']), { a: 0.1, b: [{ n: 0.2 }, { n: 3 }] })).toBe('3.3')
  })

  test.for(['0', '5', '12.5', '0.000000001', '999999999999999'])('`%s` in a query or path is taken', (text) => {
    const expected = text === '0.000000001' ? '0.000001' : text
    expect(measured(numbers(['?n']), undefined, { n: text })).toBe(expected)
    expect(measured(numbers([':n']), undefined, { n: text })).toBe(expected)
  })

  test.for([
    '',
    ' ',
    '05',
    '00',
    '5.',
    '.5',
    '+5',
    '-5',
    '-0',
    '1e1',
    '1E1',
    '0x5',
    '5,0',
    ' 5',
    '5 ',
    '5s',
    '١',
    '1_000',
    'NaN',
    'Infinity',
    '1000000000000000',
    '0.0000000001',
    '5\n',
  ])('%j in a query or path is refused, since other readers may take it for another number', (text) => {
    expect(measured(numbers(['?n']), undefined, { n: text })).toEqual([`?n ${notANumber}`])
    expect(measured(numbers([':n']), undefined, { n: text })).toEqual([`:n ${notANumber}`])
  })

  test.for([-1, -0.001, true, 'five', [5], { n: 5 }, Number.NaN, Number.POSITIVE_INFINITY])(
    '%j in the body is refused',
    (value) => {
      expect(measured(numbers(['steps']), { steps: value })).toEqual([`$.steps ${notANumber}`])
    },
  )

  test.for([{}, { steps: null }, undefined, []])('that is absent from %j is refused', (body) => {
    expect(measured(numbers(['steps']), body)).toEqual(['$.steps is needed: the price depends on it'])
  })

  test('that is absent is refused by the place it would have had', () => {
    expect(measured(numbers(['?n']), undefined)).toEqual(['?n is needed: the price depends on it'])
    expect(measured(numbers(['list.*.n']), { list: [] })).toEqual(['$.list[*].n is needed: the price depends on it'])
  })

  test('is refused for each field that has a problem', () => {
    expect(measured(numbers(['a', 'b', 'c']), { a: 1, b: 'x' })).toEqual([
      `$.b ${notANumber}`,
      '$.c is needed: the price depends on it',
    ])
  })
})

describe('limits', () => {
  const text = (length: number) => ({ a: 'x'.repeat(length), b: '' })
  test.for([
    [2, ['$.a + $.b must be at least 3 characters together']],
    [3, '3'],
    [5, '5'],
    [6, ['$.a + $.b must be at most 5 characters together']],
  ] as const)('on characters hold for all fields together: %d', ([length, expected]) => {
    expect(measured(characters(['a', 'b'], { minUnits: 3n, maxUnits: 5n }), text(length))).toEqual(expected)
  })

  test.for([
    [2.999, ['$.n must be at least 3 seconds together']],
    [3, '3'],
    [15, '15'],
    [15.001, ['$.n must be at most 15 seconds together']],
  ] as const)('on seconds are exact: %d', ([value, expected]) => {
    expect(measured(numbers(['n'], { unit: 'second', minUnits: 3n, maxUnits: 15n }), { n: value })).toEqual(expected)
  })

  test('on numbers speak of units', () => {
    expect(measured(numbers(['n'], { maxUnits: 4n }), { n: 5 })).toEqual(['$.n must be at most 4 units together'])
  })

  test('refuse a request that says nothing where at least one character is needed', () => {
    expect(measured(characters(['a'], { minUnits: 1n }), {})).toEqual(['$.a must be at least 1 characters together'])
  })
})
