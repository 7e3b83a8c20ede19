import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '#src/errors.ts'
import { maxDepth, parseStrictJson } from '#src/gateway/request/strict-json.ts'

const parse = (text: string | Uint8Array) => parseStrictJson(typeof text === 'string' ? Buffer.from(text) : text)

function refusal(text: string | Uint8Array): unknown {
  try {
    return parse(text)
  } catch (thrown) {
    return thrown
  }
}

const nested = (depth: number, open = '[', close = ']') => `${open.repeat(depth)}1${close.repeat(depth)}`

describe('JSON that is taken', () => {
  test.for([
    ['{}', {}],
    ['[]', []],
    [' \t\r\n{ "a" : [ 1 , true , false , null , "x" ] } \n', { a: [1, true, false, null, 'x'] }],
    ['{"a":{"a":{"a":1}}}', { a: { a: { a: 1 } } }],
    ['[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
    ['"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"', '"\\/\b\f\n\r\té😀'],
    ['"\\\\"', '\\'],
    ['"é😀\u2028"', 'é😀\u2028'],
    ['0', 0],
    ['-0', 0],
    ['-12.5e-3', -0.0125],
    ['1E+2', 100],
    ['9007199254740991', 9007199254740991],
    ['-9007199254740991', -9007199254740991],
    ['0.1', 0.1],
    ['{"":1}', { '': 1 }],
    ['{"a":1,"A":2}', { a: 1, A: 2 }],
    [nested(maxDepth), JSON.parse(nested(maxDepth))],
  ] as const)('%j is %j', ([text, value]) => {
    expect(parse(text)).toEqual(value)
  })

  test('keeps keys that mean something to JavaScript as plain ones', () => {
    const value = parse('{"__proto__":{"isAdmin":true},"constructor":1,"hasOwnProperty":2}') as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBeNull()
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'hasOwnProperty'])
    expect(JSON.stringify(value)).toBe('{"__proto__":{"isAdmin":true},"constructor":1,"hasOwnProperty":2}')
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined()
  })
})

describe('JSON that is refused', () => {
  test.for([
    ['a key twice', '{"n":1,"n":2}'],
    ['a key twice, once escaped', '{"n":1,"\\u006e":2}'],
    ['a key twice, once escaped in upper-case digits', '{"ö":1,"\\u00F6":2}'],
    ['a key twice, deep inside', '{"a":[{"b":{"c":1,"c":2}}]}'],
    ['the key of every object twice', '{"__proto__":1,"__proto__":2}'],
    ['an integer that a double cannot hold', '{"n":9007199254740992}'],
    ['a negative integer that a double cannot hold', '-9007199254740993'],
    ['an integer that a double cannot hold, as a power', '1e16'],
    ['a number beyond all doubles', '1e400'],
    ['nothing', ''],
    ['only space', ' \n'],
    ['a byte order mark', '\ufeff{}'],
    ['a comment', '{"a":1}//'],
    ['a comment inside', '{/**/"a":1}'],
    ['a comma after the last item', '[1,]'],
    ['a comma after the last key', '{"a":1,}'],
    ['only a comma', '[,]'],
    ['two values', '{}{}'],
    ['a key without quotes', '{a:1}'],
    ['a key in single quotes', "{'a':1}"],
    ['a key that is a number', '{1:1}'],
    ['no colon', '{"a" 1}'],
    ['an open object', '{"a":1'],
    ['an open list', '[1'],
    ['an open string', '"abc'],
    ['a string that ends in a backslash', '"abc\\"'],
    ['a number with a leading zero', '01'],
    ['a number with a plus', '+1'],
    ['a number with spaces for Python', '1_000'],
    ['a number with nothing before the point', '.5'],
    ['a number with nothing after the point', '5.'],
    ['a number with an empty power', '1e'],
    ['a hexadecimal number', '0x10'],
    ['not a number', 'NaN'],
    ['infinity', '-Infinity'],
    ['a word', 'undefined'],
    ['a word in capitals', 'True'],
    ['half a word', 'nul'],
    ['a word that goes on', 'nulls'],
    ['an escape that is none', '"\\x41"'],
    ['a cut escape', '"\\u00"'],
    ['half of a surrogate pair', '"\\ud83d"'],
    ['the other half', '"\\ude00"'],
    ['the halves in the wrong order', '"\\ude00\\ud83d"'],
    ['half of a pair in a key', '{"\\ud83d":1}'],
    ['a line feed in a string', '"a\nb"'],
    ['a null in a string', '"a\0b"'],
    ['an escape in a string', '"a\u001bb"'],
    ['a no-break space between', '[1,\u00a02]'],
    ['a form feed between', '[1,\f2]'],
    ['one level too many of lists', nested(maxDepth + 1)],
    ['one level too many of objects', nested(maxDepth + 1, '{"a":', '}')],
    ['a hundred thousand levels', '['.repeat(100_000)],
  ] as const)('has %s', ([, text]) => {
    expect(refusal(text)).toMatchObject({ name: 'GatewayError', code: 'bad_json', status: 400 })
  })

  test.for([
    ['a lone continuation', [0x22, 0x80, 0x22]],
    ['an overlong quote', [0x22, 0xc0, 0xa2, 0x22]],
    ['half of a surrogate pair', [0x22, 0xed, 0xa0, 0xbd, 0x22]],
    ['a cut character', [0x22, 0xc3, 0x22]],
    ['a byte beyond Unicode', [0x22, 0xf5, 0x80, 0x80, 0x80, 0x22]],
    ['two bytes a character', [0x7b, 0x00, 0x7d, 0x00]],
    ['a byte order mark of two bytes', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ])('is not UTF-8: %s', ([, bytes]) => {
    expect(refusal(Uint8Array.from(bytes as number[]))).toMatchObject({ code: 'bad_json' })
  })

  test('names the place', () => {
    expect(refusal('{"input":[{"role":"a"},{"role":"b","role":"c"}]}')).toMatchObject({
      options: { issues: [{ path: '$.input[1]', message: 'the key "role" stands here twice' }] },
    })
    expect(refusal('{"n": [1, 1e999]}')).toMatchObject({ options: { issues: [{ path: '$.n[1]' }] } })
  })
})

describe('all JSON', () => {
  const key = fc.oneof(
    fc.constantFrom('__proto__', 'constructor', 'toString', '', 'a', 'A'),
    fc.string({ unit: 'grapheme' }),
  )
  const number = fc.oneof(
    fc.maxSafeInteger(),
    fc.double({ noDefaultInfinity: true, noNaN: true }).filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
  )
  const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 6, withCrossShrink: true },
      fc.oneof(
        fc.constantFrom(null, true, false),
        number,
        fc.string({ unit: 'binary' }).filter((s) => s.isWellFormed()),
      ),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
    ),
  }))

  test('that JSON.stringify writes is read like JSON.parse reads it', () => {
    const property = fc.property(anyValue, fc.constantFrom(undefined, 2, '\t'), (value, space) => {
      const text = JSON.stringify(value, undefined, space)
      expect(JSON.stringify(parse(text))).toBe(JSON.stringify(JSON.parse(text)))
    })
    expect(fc.assert(property, { numRuns: 500 })).toBeUndefined()
  })

  test('that is taken is read the same by JSON.parse, and anything else is a GatewayError', () => {
    const shards = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '1',
      '-',
      '.',
      'e',
      'null',
      ' ',
      '\\',
      '\\u',
      'd83d',
      '\0',
    )
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.array(shards, { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''))),
      anyValue.chain((value) => {
        const bytes = Buffer.from(JSON.stringify(value))
        return fc.tuple(fc.nat(bytes.length), fc.nat(255)).map(([at, byte]) => {
          const changed = Buffer.from(bytes)
          if (at < changed.length) changed[at] = byte
          return changed
        })
      }),
    )
    const property = fc.property(anyBytes, (bytes) => {
      const outcome = refusal(bytes)
      if (outcome instanceof GatewayError) return
      expect(JSON.stringify(outcome)).toBe(JSON.stringify(JSON.parse(Buffer.from(bytes).toString())))
    })
    expect(fc.assert(property, { numRuns: 3000 })).toBeUndefined()
  })
})
