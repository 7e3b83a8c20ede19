import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeAnyBase64 } from '#src/l402/base64.ts'

const flavours = {
  'standard, padded': (bytes: Buffer) => bytes.toString('base64'),
  'standard, bare': (bytes: Buffer) => bytes.toString('base64').replaceAll('=', ''),
  'URL-safe, padded': (bytes: Buffer) => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_'),
  'URL-safe, bare': (bytes: Buffer) => bytes.toString('base64url'),
}

const anyBytes = fc.uint8Array({ maxLength: 100, size: 'max' }).map((bytes) => Buffer.from(bytes))
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

describe('base64 is decoded', () => {
  test.for(Object.entries(flavours))('when it is %s', ([, encode]) => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(decodeAnyBase64(encode(bytes))).toEqual(bytes)
      }),
    )
    expect(decodeAnyBase64(encode(Buffer.from('fbefbefbff', 'hex')))).toEqual(Buffer.from('fbefbefbff', 'hex'))
  })
})

describe('text is refused as base64', () => {
  test.for([
    ['a character outside the alphabet', 'AAA*'],
    ['a space inside', 'AA AA'],
    ['a line break at the end', 'AAAA\n'],
    ['a line break inside', 'AAAA\r\nAAAA'],
    ['a non-ASCII character', 'AAAé'],
    ['a full-width letter', 'AAAＡ'],
    ['a NUL', 'AAA\0'],
    ['a quote', '"AAAA"'],
    ['one character', 'A'],
    ['five characters', 'AAAAA'],
    ['only padding', '='],
    ['only two paddings', '=='],
    ['padding where none is due', 'AAAA='],
    ['two paddings where none is due', 'AAAA=='],
    ['one padding where two are due', 'AA='],
    ['two paddings where one is due', 'AAA=='],
    ['three paddings', 'A==='],
    ['four paddings', 'AAAA===='],
    ['padding inside', 'AA==AAAA'],
    ['unused last bits that are not zero, before two paddings', 'AB=='],
    ['unused last bits that are not zero, before one padding', 'AAB='],
    ['unused last bits that are not zero, bare', 'AAB'],
    ['unused last bits that are not zero, URL-safe', 'A_'],
  ])('with %s', ([, text = '']) => {
    expect(decodeAnyBase64(text)).toBeUndefined()
  })

  test('whenever another last character would decode to the same bytes', () => {
    const anyUneven = anyBytes.filter(({ length }) => length % 3 !== 0)
    fc.assert(
      fc.property(anyUneven, fc.constantFrom(...Array.from(alphabet)), (bytes, last) => {
        const bare = bytes.toString('base64').replaceAll('=', '')
        const other = bare.slice(0, -1) + last
        fc.pre(other !== bare)
        expect(decodeAnyBase64(other)).not.toEqual(bytes)
      }),
    )
  })
})

test('whatever text is decoded, it is decoded to the bytes that its letters stand for', () => {
  fc.assert(
    fc.property(fc.oneof(fc.base64String(), fc.string()), (text) => {
      const bytes = decodeAnyBase64(text)
      const bare = text.replaceAll('=', '').replaceAll('+', '-').replaceAll('/', '_')
      expect([undefined, bare]).toContain(bytes?.toString('base64url'))
    }),
  )
})
