import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '#src/errors.ts'
import { readMediaType } from '#src/gateway/request/media-type.ts'

function read(...lines: string[]): unknown {
  try {
    const { essence, parameters } = readMediaType(lines)
    return [essence, Object.fromEntries(parameters)]
  } catch (thrown) {
    return thrown
  }
}

describe('a Content-Type', () => {
  test.for([
    ['application/json', 'application/json', {}],
    ['  Application/JSON  ', 'application/json', {}],
    ['application/json;', 'application/json', {}],
    ['application/json ; charset=utf-8', 'application/json', { charset: 'utf-8' }],
    ['application/json;CHARSET="UTF-8"', 'application/json', { charset: 'UTF-8' }],
    ['application/vnd.api+json; ext="a;b=c"', 'application/vnd.api+json', { ext: 'a;b=c' }],
    ['multipart/form-data; boundary="a \\" b"', 'multipart/form-data', { boundary: 'a " b' }],
    ['multipart/form-data; boundary=--x; charset=utf-8', 'multipart/form-data', { boundary: '--x', charset: 'utf-8' }],
    ['text/plain; a=""', 'text/plain', { a: '' }],
  ] as const)('%j is read', ([line, essence, parameters]) => {
    expect(read(line)).toEqual([essence, parameters])
  })

  test('may be absent', () => {
    expect(read()).toEqual([undefined, {}])
  })

  test.for([
    [''],
    ['json'],
    ['application/'],
    ['/json'],
    ['application/json/x'],
    ['application/json charset=utf-8'],
    ['application/json, text/plain'],
    ['application/json; charset'],
    ['application/json; charset='],
    ['application/json; =utf-8'],
    ['application/json; charset=utf-8; charset=utf-16'],
    ['application/json; charset=utf-8; Charset=utf-16'],
    ['application/json; charset="utf-8'],
    ['application/json; charset=utf-8 x'],
    ['application/json; charset = utf-8'],
    ['application/json;; charset=utf-8'],
    ['application/jsön'],
    ['multipart/form-data; boundary=a b'],
    ['multipart/form-data; boundary=a; boundary=b'],
  ])('%j is refused, since others might read it otherwise', ([line]) => {
    expect(read(line ?? '')).toMatchObject({ code: 'unsupported_media_type', status: 415 })
  })

  test('given twice is refused, even when both say the same', () => {
    expect(read('application/json', 'application/json')).toMatchObject({ code: 'unsupported_media_type' })
  })

  test('of any text is read or refused with a GatewayError', () => {
    const shards = fc.constantFrom('a/b', ';', '=', '"', '\\', ' ', '\t', ',', 'charset', 'utf-8', '/')
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(shards, { maxLength: 12 }).map((parts) => parts.join('')),
    )
    const property = fc.property(text, (line) => {
      const outcome = read(line)
      expect(outcome instanceof GatewayError || Array.isArray(outcome)).toBe(true)
    })
    expect(fc.assert(property, { numRuns: 1000 })).toBeUndefined()
  })
})
