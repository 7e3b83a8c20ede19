import { describe, expect, test } from 'vitest'
import type { Ledger } from '#src/ports/ledger.ts'
import type { OpenLedger } from './opened-ledger.ts'
import {
  again,
  framesOf,
  makeCapture,
  makeClaim,
  makeFail,
  makeFrame,
  makeRefusal,
  now,
  rowOf,
  second,
} from './requests.ts'

const operations: readonly ((ledger: Ledger) => Promise<unknown>)[] = [
  (ledger) => ledger.claim(makeClaim()),
  (ledger) => ledger.capture(makeCapture(makeClaim())),
  (ledger) => ledger.delivered(makeClaim().paymentHash, now),
  (ledger) => ledger.read(makeClaim().paymentHash),
  (ledger) => ledger.probe(now),
]

export function describeLifetime(open: OpenLedger): void {
  describe('when it is closed', () => {
    test('finishes every operation that is under way, and they are there afterwards', async () => {
      await using opened = await open()
      const { ledger } = opened
      const claims = Array.from({ length: 100 }, () => makeClaim())
      const underWay = claims.map(async (claim) => {
        const outcome = await ledger.claim(claim)
        return outcome.kind
      })
      const delivered = ledger.delivered(makeClaim().paymentHash, now)
      const reopened = await opened.reopen()
      expect(new Set(await Promise.all(underWay))).toEqual(new Set(['claimed']))
      await delivered
      for (const claim of claims) expect(await reopened.read(claim.paymentHash)).toBeDefined()
    })

    test('refuses everything from then on, and may be closed again', async () => {
      await using opened = await open()
      const { ledger } = opened
      await Promise.all([ledger[Symbol.asyncDispose](), ledger[Symbol.asyncDispose]()])
      for (const operate of operations)
        await expect(operate(ledger)).rejects.toMatchObject({ name: 'LedgerError', code: 'closed' })
    })
  })

  describe('when it is opened again', () => {
    test('lets every run that nobody ran to its end be claimed at once, without counting it', async () => {
      await using opened = await open()
      const claim = makeClaim()
      await opened.ledger.claim(claim)
      await opened.ledger.append(claim.paymentHash, 1, [makeFrame(0)])
      const ledger = await opened.reopen()
      expect((await rowOf(ledger, claim)).job).toMatchObject({ state: 'retryable', attempts: 0, failures: 0 })
      expect(await ledger.capture(makeCapture(claim))).toBe(false)
      expect(await ledger.claim(again(claim))).toMatchObject({
        kind: 'claimed',
        job: { epoch: 2, generation: 0, attempts: 0, failures: 0 },
      })
      expect(await framesOf(ledger, claim)).toEqual([])
    })

    test('has everything else as it was', async () => {
      await using opened = await open()
      const { ledger } = opened
      const claims = [makeClaim(), makeClaim(), makeClaim()] as const
      for (const claim of claims) await ledger.claim(claim)
      await ledger.capture(makeCapture(claims[0], { frames: [makeFrame(0), makeFrame(1)] }))
      await ledger.fail(makeFail(claims[1]))
      await ledger.fail(makeRefusal(claims[2]))
      const before = await Promise.all(claims.map((claim) => rowOf(ledger, claim)))
      const reopened = await opened.reopen()
      expect(await Promise.all(claims.map((claim) => rowOf(reopened, claim)))).toEqual(before)
      expect(await framesOf(reopened, claims[0])).toEqual([0, 1])
      const spent = await reopened.claim(again(claims[0], { takeover: true, nowMs: now + second }))
      expect(spent).toMatchObject({ kind: 'standing' })
    })
  })
}
