import { describe, expect, test } from 'vitest'
import { absentAt, type FieldSource, fieldName, parseField, readField } from '#src/pricing/field.ts'

const source = (parts: Partial<FieldSource>): FieldSource => ({
  body: undefined,
  query: new Map(),
  params: new Map(),
  ...parts,
})

function values(text: string, parts: Partial<FieldSource>) {
  const field = parseField(text)
  if (!field) throw new Error(`${text} is no field`)
  return readField(field, source(parts)).map(({ at, value }) => [at, value])
}

describe('a field is named by where it stands', () => {
  test.for([
    ['prompt', { in: 'body', path: ['prompt'] }, '$.prompt'],
    ['input.*.content', { in: 'body', path: ['input', '*', 'content'] }, '$.input[*].content'],
    ['a.b.c', { in: 'body', path: ['a', 'b', 'c'] }, '$.a.b.c'],
    ['list.*', { in: 'body', path: ['list', '*'] }, '$.list[*]'],
    ['max-tokens', { in: 'body', path: ['max-tokens'] }, '$.max-tokens'],
    ['?steps', { in: 'query', name: 'steps' }, '?steps'],
    [':style', { in: 'path', name: 'style' }, ':style'],
  ] as const)('%s', ([text, field, absent]) => {
    expect(parseField(text)).toEqual(field)
    expect(fieldName(field)).toBe(text)
    expect(absentAt(field)).toBe(absent)
  })

  test.for(['', '?', ':', '.', 'a.', '.a', 'a..b', '*', '*.a', 'a*', 'a.b*', 'a b', 'a?b.c ', 'a.?b', 'a.:b'])(
    '`%s` names none',
    (text) => {
      expect(parseField(text)).toBeUndefined()
    },
  )
})

describe('the values of a field', () => {
  test('come from the body with their place', () => {
    const body = { prompt: 'x', input: [{ content: 'a' }, { role: 'User' }, { content: 'b' }], deep: { er: 1 } }
    expect(values('prompt', { body })).toEqual([['$.prompt', 'x']])
    expect(values('deep.er', { body })).toEqual([['$.deep.er', 1]])
    expect(values('input.*.content', { body })).toEqual([
      ['$.input[0].content', 'a'],
      ['$.input[2].content', 'b'],
    ])
  })

  test('come from query and path as text', () => {
    const parts = {
      query: new Map([['steps', '5']]),
      params: new Map([['style', 'oil']]),
      body: { steps: 9, style: 9 },
    }
    expect(values('?steps', parts)).toEqual([['?steps', '5']])
    expect(values(':style', parts)).toEqual([[':style', 'oil']])
    expect(values('?style', parts)).toEqual([])
    expect(values(':steps', parts)).toEqual([])
  })

  test.for([undefined, null, 'text', 7, [], { other: 1 }, { a: null }, { a: undefined }])(
    'there are none in %j',
    (body) => {
      expect(values('a', { body })).toEqual([])
    },
  )

  test('nothing is found through what is not there, or not a list', () => {
    expect(values('a.b.c', { body: { a: { b: null } } })).toEqual([])
    expect(values('a.*.c', { body: { a: { c: 'x' } } })).toEqual([])
    expect(values('a.*.c', { body: { a: 'xyz' } })).toEqual([])
    expect(values('a.b', { body: { a: 'xyz' } })).toEqual([])
  })

  test('what every object inherits is not a field', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty'])
      expect(values(name, { body: {} })).toEqual([])
    expect(values('constructor', { body: { constructor: 'x' } })).toEqual([['$.constructor', 'x']])
  })
})
