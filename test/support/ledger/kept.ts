import { describe, expect, test } from 'vitest'
import type { ClaimOutcome, ClaimRequest, Ledger } from '#src/ports/ledger.ts'
import { type OpenLedger, shareLedger } from './opened-ledger.ts'
import { again, hour, makeCapture, makeClaim, makeFail, makeGivenUp, makeRefusal, now, other } from './requests.ts'

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString()
const asyncClaim = (sealed = 'request'): ClaimRequest => makeClaim({ sealedRequest: Buffer.from(sealed) })
const requestOf = async (ledger: Ledger, { paymentHash }: ClaimRequest) => text(await ledger.sealedRequest(paymentHash))
const refOf = (outcome: ClaimOutcome) => (outcome.kind === 'claimed' ? text(outcome.job.upstreamRef) : outcome.kind)

/** What a job needs to be taken up again. */
export function describeKept(open: OpenLedger): void {
  describe('the request of a job', () => {
    const shared = shareLedger(open)

    test('is kept with the claim, and by claims that bring none', async () => {
      const ledger = shared()
      const claim = asyncClaim()
      await ledger.claim(claim)
      const { sealedRequest: _sealed, ...plain } = again(claim, { takeover: true })
      await ledger.claim(plain)
      expect(await requestOf(ledger, claim)).toBe('request')
      await ledger.claim(again(claim, { takeover: true, sealedRequest: Buffer.from('anew') }))
      expect(await requestOf(ledger, claim)).toBe('anew')
    })

    test('may be kept while it runs, and is not replaced by that', async () => {
      const ledger = shared()
      const claim = makeClaim()
      await ledger.claim(claim)
      expect(await requestOf(ledger, claim)).toBeUndefined()
      for (const sealed of ['first', 'second'])
        expect(await ledger.keepRequest(claim.paymentHash, 1, Buffer.from(sealed))).toBe(true)
      expect(await requestOf(ledger, claim)).toBe('first')
    })

    test('outlives failures, and goes with a result or a refusal', async () => {
      const ledger = shared()
      const [failed, captured, refused, givenUp] = [asyncClaim(), asyncClaim(), asyncClaim(), asyncClaim()]
      for (const claim of [failed, captured, refused, givenUp]) await ledger.claim(claim)
      await ledger.fail(makeFail(failed))
      await ledger.capture(makeCapture(captured))
      await ledger.fail(makeRefusal(refused))
      await ledger.fail(makeGivenUp(givenUp))
      const kept = await Promise.all([failed, captured, refused, givenUp].map((claim) => requestOf(ledger, claim)))
      expect(kept).toEqual(['request', undefined, undefined, 'request'])
    })

    test('is another one after a rebind, or none', async () => {
      const ledger = shared()
      const [one, two] = [asyncClaim(), asyncClaim()]
      for (const claim of [one, two]) {
        await ledger.claim(claim)
        await ledger.fail(makeGivenUp(claim))
      }
      await ledger.rebind(other(one, { sealedRequest: Buffer.from('another') }))
      const { sealedRequest: _sealed, ...plain } = other(two)
      await ledger.rebind(plain)
      expect([await requestOf(ledger, one), await requestOf(ledger, two)]).toEqual(['another', undefined])
    })
  })

  describe('the reference of an asynchronous upstream', () => {
    const shared = shareLedger(open)
    const begin = async (ledger: Ledger): Promise<ClaimRequest> => {
      const claim = makeClaim()
      expect(refOf(await ledger.claim(claim))).toBeUndefined()
      expect(await ledger.keepUpstreamRef(claim.paymentHash, 1, Buffer.from('reference'))).toBe(true)
      return claim
    }

    test('is given to the run that takes over', async () => {
      const ledger = shared()
      const claim = await begin(ledger)
      expect(refOf(await ledger.claim(again(claim, { takeover: true })))).toBe('reference')
    })

    test('belongs to its generation, and goes with it', async () => {
      const ledger = shared()
      for (const [nextGeneration, expected] of [
        [false, 'reference'],
        [true, undefined],
      ] as const) {
        const claim = await begin(ledger)
        await ledger.fail(makeFail(claim, { nextGeneration, retryAtMs: now }))
        expect(refOf(await ledger.claim(again(claim)))).toBe(expected)
      }
    })

    test('is not given to another request', async () => {
      const ledger = shared()
      const claim = await begin(ledger)
      await ledger.fail(makeGivenUp(claim, { nextGeneration: false }))
      expect(refOf(await ledger.rebind(other(claim)))).toBeUndefined()
    })
  })

  test('a row whose frames were deleted is whole again once it is claimed', async () => {
    await using opened = await open()
    const { ledger } = opened
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.fail(makeFail(claim, { keepUntilMs: now + hour }))
    await ledger.prune(now, 0)
    while ((await ledger.prune(now + 2 * hour, 2 * hour)) > 0);
    expect((await ledger.read(claim.paymentHash))?.job.pruned).toBe(true)
    await ledger.claim(again(claim, { nowMs: now + 2 * hour }))
    await ledger.capture(makeCapture(claim, { epoch: 2 }))
    expect((await ledger.read(claim.paymentHash))?.job).toMatchObject({ state: 'captured', pruned: false })
  })
}
