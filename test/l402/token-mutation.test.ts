import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeToken, type GenuineToken, verifyToken } from '#src/l402/token.ts'
import { decodeOrFail, makeTerms, master, mint, preimage } from './samples.ts'

const bytes = Buffer.from(mint(), 'base64')
const genuine = verifyToken(decodeOrFail(mint()), master, preimage)

/** The text of the location field, the only part of a macaroon that is not signed. */
const location = { from: 3, to: 7 }

function verified(text: string): GenuineToken | undefined {
  const decoded = decodeToken(text)
  return 'reason' in decoded ? undefined : verifyToken(decoded, master, preimage)
}

function flipped(bit: number): string {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy.toString('base64')
}

describe('a token with one bit changed', () => {
  test('is never verified, whichever bit it is', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      if (bit >> 3 >= location.from && bit >> 3 < location.to) continue
      expect(verified(flipped(bit)), `bit ${bit}`).toBeUndefined()
    }
  })

  test('in its unsigned location is the same token or none', () => {
    expect(bytes.toString('latin1', location.from, location.to)).toBe('lsat')
    let same = 0
    for (let bit = location.from * 8; bit < location.to * 8; bit++) {
      const token = verified(flipped(bit))
      if (token === undefined) continue
      same++
      expect(token).toEqual(genuine)
    }
    // The highest bit of each letter makes it no UTF-8.
    expect(same).toBe(28)
  })
})

describe('a token changed otherwise', () => {
  const end = bytes.length

  test('is never verified when bytes are cut out, put in, exchanged or appended', () => {
    const anyRange = fc.tuple(fc.nat(end - 1), fc.nat(40))
    fc.assert(
      fc.property(anyRange, fc.uint8Array({ maxLength: 40, size: 'max' }), ([from, length], put) => {
        const changed = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + length)])
        fc.pre(!changed.equals(bytes))
        const token = verified(changed.toString('base64'))
        expect(from < location.to ? [undefined, genuine] : [undefined]).toContainEqual(token)
      }),
      { numRuns: 1000 },
    )
  })

  test('is never verified with a part of another token', () => {
    const other = Buffer.from(mint(makeTerms({ path: '/api/l402/other-clone', priceMsat: 1_000_000n })), 'base64')
    expect(other).toHaveLength(end)
    for (let at = 1; at < end; at++) {
      const mixed = [
        Buffer.concat([bytes.subarray(0, at), other.subarray(at)]),
        Buffer.concat([other.subarray(0, at), bytes.subarray(at)]),
      ].filter((each) => !each.equals(bytes) && !each.equals(other))
      for (const each of mixed) expect(verified(each.toString('base64'))).toBeUndefined()
    }
  })
})
