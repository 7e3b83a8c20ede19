import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '#src/errors.ts'
import { encodeQuery, parseQuery } from '#src/gateway/request/query.ts'

const parse = (query: string) => [...parseQuery(query)]

function refusal(query: string): unknown {
  try {
    return parseQuery(query)
  } catch (thrown) {
    return thrown
  }
}

describe('a query', () => {
  test.for([
    ['', []],
    ['a=1', [['a', '1']]],
    [
      'b=2&a=1',
      [
        ['b', '2'],
        ['a', '1'],
      ],
    ],
    ['a', [['a', '']]],
    ['a=', [['a', '']]],
    ['a=b=c', [['a', 'b=c']]],
    ['a=1+2%2B3', [['a', '1 2+3']]],
    ['caf%C3%A9=%F0%9F%98%80', [['café', '😀']]],
    ['=1', [['', '1']]],
    ['__proto__=1', [['__proto__', '1']]],
  ] as const)('%j has the parameters %j', ([query, expected]) => {
    expect(parse(query)).toEqual(expected)
  })

  test.for([
    ['a parameter twice', 'steps=1&steps=2'],
    ['a parameter twice with the same value', 'steps=1&steps=1'],
    ['a parameter twice, once escaped', 'steps=1&%73teps=2'],
    ['a parameter twice, once in another case', 'steps=1&Steps=2'],
    ['an empty pair twice', 'a=1&&'],
    ['a cut escape', 'a=%2'],
    ['an escape that is none', 'a=%zz'],
    ['an escape that is not UTF-8', 'a=%FF'],
  ])('with %s is refused', ([, query]) => {
    expect(refusal(query ?? '')).toMatchObject({ code: 'invalid_request', status: 400 })
  })

  test('of any parameters is read back as it was written', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 })
    const anyParameters = fc.uniqueArray(fc.tuple(name, fc.string({ unit: 'grapheme' })), {
      selector: ([each]) => each.toLowerCase(),
    })
    const property = fc.property(anyParameters, (parameters) => {
      expect(parse(encodeQuery(new Map(parameters)))).toEqual(parameters)
    })
    expect(fc.assert(property)).toBeUndefined()
  })

  test('of any text is read or refused with a GatewayError', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), (query) => {
      const outcome = refusal(query)
      expect(outcome instanceof GatewayError || outcome instanceof Map).toBe(true)
    })
    expect(fc.assert(property)).toBeUndefined()
  })
})
