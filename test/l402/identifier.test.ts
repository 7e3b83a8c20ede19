import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeIdentifier, encodeIdentifier, type Identifier, tokenIdHex } from '#src/l402/identifier.ts'
import { makeIdentifier, mintedAt, paymentHash } from './samples.ts'

const anyIdentifier: fc.Arbitrary<Identifier> = fc.record({
  paymentHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  keyId: fc.nat(255),
  mintedAt: fc.integer({ min: 0, max: 2 ** 40 }),
  random: fc.uint8Array({ minLength: 25, maxLength: 25 }),
})

function decoded(bytes: Uint8Array): Identifier {
  const identifier = decodeIdentifier(bytes)
  if (!identifier) throw new Error('not an identifier')
  return {
    ...identifier,
    paymentHash: Uint8Array.from(identifier.paymentHash),
    random: Uint8Array.from(identifier.random),
  }
}

describe('an identifier', () => {
  test('is version 0, payment hash, key id, mint time in six bytes and 25 random bytes', () => {
    const bytes = Buffer.from(encodeIdentifier(makeIdentifier({ keyId: 0xfe, mintedAt: 0x01_02_03_04_05_06 })))
    expect(bytes).toHaveLength(66)
    expect(bytes.toString('hex')).toBe(`0000${paymentHash.toString('hex')}fe010203040506${'5a'.repeat(25)}`)
    expect(tokenIdHex(bytes)).toBe(`fe010203040506${'5a'.repeat(25)}`)
  })

  test('comes back as it was written, for every key id, time up to 2^40 and random part', () => {
    fc.assert(
      fc.property(anyIdentifier, (identifier) => {
        expect(decoded(encodeIdentifier(identifier))).toEqual(identifier)
      }),
    )
  })

  test.for([0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 - 1, 2 ** 40])('keeps the mint time %d', (time) => {
    expect(decoded(encodeIdentifier(makeIdentifier({ mintedAt: time }))).mintedAt).toBe(time)
  })

  test('is read at its own offset when it is a part of a larger buffer', () => {
    const bytes = encodeIdentifier(makeIdentifier())
    const inside = Buffer.concat([Buffer.alloc(7, 0xff), bytes, Buffer.alloc(5, 0xff)]).subarray(7, 73)
    expect(decoded(inside)).toMatchObject({ keyId: 3, mintedAt })
    expect(tokenIdHex(inside)).toBe(tokenIdHex(bytes))
  })

  test.for([
    ['of 65 bytes', Buffer.alloc(65)],
    ['of 67 bytes', Buffer.alloc(67)],
    ['of no bytes', Buffer.alloc(0)],
    ['of version 1', Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(64)])],
    ['of version 256', Buffer.concat([Buffer.from([1, 0]), Buffer.alloc(64)])],
  ] as const)('%s is refused', ([, bytes]) => {
    expect(decodeIdentifier(bytes)).toBeUndefined()
  })
})
