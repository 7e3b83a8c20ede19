import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Pieces } from '#src/gateway/request/pieces.ts'

const KiB = 1024

function piecesOf(lengths: readonly number[]): { given: Buffer; taken: Buffer[] } {
  const pieces = new Pieces()
  const given = lengths.map((length, index) => Buffer.alloc(length, index % 251))
  for (const each of given) pieces.add(each)
  return { given: Buffer.concat(given), taken: pieces.take() }
}

describe('the pieces of a body', () => {
  test('are the same bytes in the same order, however it was cut', () => {
    const length = fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 40 * KiB }), fc.constantFrom(4095, 4096, 16_384))
    fc.assert(
      fc.property(fc.array(length, { maxLength: 40 }), (lengths) => {
        const { given, taken } = piecesOf(lengths)
        expect(Buffer.concat(taken).equals(given)).toBe(true)
      }),
    )
  })

  test('are few where they came byte by byte', () => {
    const { given, taken } = piecesOf(Array(64 * KiB).fill(1))
    expect(Buffer.concat(taken).equals(given)).toBe(true)
    expect(taken.length).toBeLessThan(8)
  })

  test('are few where a large one stands before every small one', () => {
    const { taken } = piecesOf(Array.from({ length: 200 }, (_each, index) => (index % 2 === 0 ? 4 * KiB : 1)))
    const held = new Set(taken.map(({ buffer }) => buffer))
      .values()
      .reduce((sum, { byteLength }) => sum + byteLength, 0)
    expect(taken.length).toBeLessThanOrEqual(200)
    expect(held).toBeLessThan(2 * 100 * 4 * KiB)
  })

  test('of one are that one, uncopied', () => {
    const only = Buffer.from('{}')
    const pieces = new Pieces()
    pieces.add(only)
    expect(pieces.take()[0]).toBe(only)
  })
})
