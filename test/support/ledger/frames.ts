import { describe, expect, test } from 'vitest'
import type { Frame } from '#src/ports/ledger.ts'
import { type OpenLedger, shareLedger } from './opened-ledger.ts'
import { hexOf, makeCapture, makeClaim, makeFrame } from './requests.ts'

const seqs = (frames: readonly Frame[]) => frames.map(({ seq }) => seq)

export function describeFrames(open: OpenLedger): void {
  describe('stored frames', () => {
    const shared = shareLedger(open)
    test('come back in order, whole and as they were given', async () => {
      const ledger = shared()
      const claim = makeClaim()
      await ledger.claim(claim)
      const given = [0, 1, 2, 3].map((seq) => makeFrame(seq, Buffer.from(hexOf(1000), 'hex')))
      await ledger.append(claim.paymentHash, 1, given.slice(0, 2))
      await ledger.capture(makeCapture(claim, { frames: given.slice(2) }))
      const stored = await ledger.frames(claim.paymentHash, 1, 0, 2 ** 20)
      expect(stored.map(({ seq, kind }) => [seq, kind])).toEqual(given.map(({ seq, kind }) => [seq, kind]))
      for (const [index, { sealed }] of stored.entries())
        expect(Buffer.from(sealed).equals(given[index]?.sealed ?? Buffer.alloc(0))).toBe(true)
    })

    test.for([
      [0, 1, [0]],
      [0, 100, [0]],
      [0, 199, [0]],
      [0, 200, [0, 1]],
      [0, 1000, [0, 1, 2, 3]],
      [2, 1, [2]],
      [2, 200, [2, 3]],
      [3, 1000, [3]],
      [4, 1000, []],
    ] as const)('from %i on, within %i bytes of frames of 100, are %o', async ([fromSeq, maxBytes, expected]) => {
      const ledger = shared()
      const claim = makeClaim()
      await ledger.claim(claim)
      const frames = [0, 1, 2, 3].map((seq) => makeFrame(seq, Buffer.alloc(100, seq)))
      await ledger.append(claim.paymentHash, 1, frames)
      expect(seqs(await ledger.frames(claim.paymentHash, 1, fromSeq, maxBytes))).toEqual(expected)
    })

    test('can be read while the run still appends', async () => {
      const ledger = shared()
      const claim = makeClaim()
      await ledger.claim(claim)
      for (const seq of [0, 1, 2]) {
        await ledger.append(claim.paymentHash, 1, [makeFrame(seq)])
        expect(seqs(await ledger.frames(claim.paymentHash, 1, 0, 2 ** 20))).toEqual([0, 1, 2].slice(0, seq + 1))
      }
    })

    test('are found neither under another payment nor under another epoch', async () => {
      const ledger = shared()
      const claim = makeClaim()
      await ledger.claim(claim)
      await ledger.append(claim.paymentHash, 1, [makeFrame(0)])
      expect(await ledger.frames(hexOf(32), 1, 0, 1)).toEqual([])
      expect(await ledger.frames(claim.paymentHash, 2, 0, 1)).toEqual([])
    })

    test('are never replaced: a number given twice is an error, and the first one stays', async () => {
      const ledger = shared()
      const claim = makeClaim()
      await ledger.claim(claim)
      await ledger.append(claim.paymentHash, 1, [makeFrame(0, Buffer.from('first'))])
      const second = ledger.append(claim.paymentHash, 1, [makeFrame(0, Buffer.from('second'))])
      await expect(second).rejects.toMatchObject({ name: 'LedgerError' })
      const [frame] = await ledger.frames(claim.paymentHash, 1, 0, 1)
      expect(Buffer.from(frame?.sealed ?? []).toString()).toBe('first')
    })
  })
}
