import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openStored, type StoredResult } from '#src/gateway/redeem/stored.ts'
import { bytesOf, cut, record } from './recorded.ts'

const KiB = 1024
const frame = 256 * KiB
const sizes = [
  0,
  1,
  64 * KiB - 1,
  64 * KiB,
  64 * KiB + 1,
  frame - 1,
  frame,
  frame + 1,
  2 * frame,
  3 * frame - 1,
  3 * frame,
  1024 * KiB - 1,
  1024 * KiB,
  1024 * KiB + 1,
  5 * frame - 1,
  5 * frame,
  5 * frame + 1,
  6 * frame,
  5 * 1024 * KiB,
]

async function readAll(stored: StoredResult, from = 0): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (let at = from; at < stored.size; ) {
    const piece = await stored.read(at)
    if (piece.length === 0) throw new Error(`nothing at ${at} of ${stored.size}`)
    pieces.push(piece)
    at += piece.length
  }
  return Buffer.concat(pieces)
}

/** Where reading may begin: at every border of frames and around it. */
function places(size: number): number[] {
  const borders = [0, 64 * KiB, size]
  for (let at = frame; at < size; at += frame) borders.push(at)
  return [...new Set(borders.flatMap((at) => [at - 1, at, at + 1]))].filter((at) => at >= 0 && at < size)
}

describe('a recorded answer', () => {
  test.for(sizes)('of %i bytes is read back as it was, from any place', async (size) => {
    const body = bytesOf(size)
    const headers = ['Content-Type', 'image/png', 'X-Seed', '7', 'x-seed', '8']
    const { ledger, record: row, preimage } = await record({ chunks: cut(body, [65_536]), status: 201, headers })
    const stored = await openStored(ledger, row, preimage)
    expect(stored.head).toEqual({ status: 201, headers })
    expect(stored.size).toBe(size)
    expect((await readAll(stored)).equals(body)).toBe(true)
    for (const at of places(size)) expect((await readAll(stored, at)).equals(body.subarray(at))).toBe(true)
  })

  test('is read back as it was, however it came', async () => {
    const size = fc.oneof(fc.constantFrom(...sizes), fc.nat(3 * 1024 * KiB))
    const piece = fc.oneof(fc.integer({ min: 1, max: 512 * KiB }), fc.integer({ min: 8 * KiB, max: 16 * KiB }))
    const anyway = fc.asyncProperty(
      size,
      fc.array(piece, { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      fc.nat(),
      async (bytes, pieces, keepAll, place) => {
        const body = bytesOf(bytes)
        // A lone small piece over and over would be thousands of them.
        const chunks = cut(body, [...pieces, 64 * KiB])
        const { ledger, record: row, preimage } = await record({ chunks, keepAll })
        const stored = await openStored(ledger, row, preimage)
        const from = bytes === 0 ? 0 : place % bytes
        expect((await readAll(stored, from)).equals(body.subarray(from))).toBe(true)
      },
    )
    await expect(fc.assert(anyway, { numRuns: 60 })).resolves.toBeUndefined()
  })

  test('of at most a mebibyte is stored in one piece with its end', async () => {
    for (const size of [0, 64 * KiB + 1, 1024 * KiB]) {
      expect(await record({ chunks: cut(bytesOf(size), [4 * KiB]) })).toMatchObject({ appends: 0 })
    }
  })

  test.for([
    [1, 1],
    [frame, frame],
  ] as const)(
    'of more goes into the ledger as it comes, in frames that are all full but the last, of %i',
    async ([more, last]) => {
      const { appends, frames } = await record({ chunks: cut(bytesOf(9 * frame + more), [16 * KiB]) })
      expect(appends).toBeGreaterThan(3)
      expect(frames.map(({ seq }) => seq)).toEqual(Array.from({ length: 11 }, (_, seq) => seq))
      expect(frames.map(({ kind }) => kind)).toEqual(['head', ...Array.from({ length: 10 }, () => 'data')])
      const overhead = 17
      const full = Array.from({ length: 9 }, () => frame)
      expect(frames.slice(1).map(({ sealed }) => sealed.length - overhead)).toEqual([...full, last])
    },
  )
})
