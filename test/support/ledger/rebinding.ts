import { describe, expect, test } from 'vitest'
import type { FailRequest, Ledger } from '#src/ports/ledger.ts'
import { type OpenLedger, type Shared, shareLedger } from './opened-ledger.ts'
import {
  again,
  day,
  framesOf,
  hour,
  makeCapture,
  makeClaim,
  makeFail,
  makeGivenUp,
  makeRefusal,
  now,
  other,
  rowOf,
  second,
} from './requests.ts'

/** A payment whose run ended as `make` says. */
async function ended(
  ledger: Ledger,
  make: (claim: ReturnType<typeof makeClaim>) => FailRequest,
  overrides: Parameters<typeof makeClaim>[0] = {},
) {
  const claim = makeClaim(overrides)
  await ledger.claim(claim)
  await ledger.fail(make(claim))
  return claim
}

export function describeRebinding(open: OpenLedger): void {
  describe('a rebind', () => {
    const shared = shareLedger(open)
    describeGranted(shared)
    describeNotGranted(shared)
  })
}

function describeGranted(shared: Shared): void {
  test.for([
    ['refused', makeRefusal],
    ['given up', makeGivenUp],
  ] as const)(
    'takes a payment that was %s for another request, which is the same one from then on',
    async ([, make]) => {
      const ledger = shared()
      const claim = await ended(ledger, make)
      const next = other(claim, { rev: 'fedcba9876543210' })
      expect(await ledger.rebind(next)).toMatchObject({
        kind: 'claimed',
        job: { id: claim.jobId, epoch: 2, generation: 2, attempts: 0, failures: 0, shown: false, rebound: true },
      })
      const { job } = await rowOf(ledger, claim)
      expect(job).toMatchObject({ requestHash: next.requestHash, rev: next.rev, state: 'running', rebound: true })
      expect(Buffer.from(job.salt)).toEqual(Buffer.from(next.salt))
      await ledger.fail(makeFail(claim, { epoch: 2 }))
      const retry = { nowMs: now + second }
      expect(await ledger.claim(again(claim, retry))).toMatchObject({ kind: 'standing' })
      expect(await ledger.claim(again(next, retry))).toMatchObject({ kind: 'claimed', job: { epoch: 3 } })
    },
  )

  test('takes the stored refusal away and keeps the price that was paid', async () => {
    const ledger = shared()
    const claim = await ended(ledger, makeRefusal)
    expect(await framesOf(ledger, claim)).toEqual([0])
    await ledger.rebind(other(claim, { priceMsat: 1n }))
    expect(await framesOf(ledger, claim)).toEqual([])
    expect(await ledger.frames(claim.paymentHash, 1, 0, 1)).toEqual([])
    expect((await rowOf(ledger, claim)).priceMsat).toBe(claim.priceMsat)
  })

  test('begins delivery and keeping anew', async () => {
    const ledger = shared()
    const claim = await ended(ledger, makeRefusal)
    await ledger.delivered(claim.paymentHash, now)
    await ledger.rebind(other(claim))
    const { job } = await rowOf(ledger, claim)
    const fresh = { firstDeliveredAtMs: undefined, finishedAtMs: undefined, keepUntilMs: undefined, pruned: false }
    expect(job).toMatchObject(fresh)
  })

  test('made 64 times at once for different requests is granted to one', async () => {
    const ledger = shared()
    const claim = await ended(ledger, makeRefusal)
    const outcomes = await Promise.all(Array.from({ length: 64 }, () => ledger.rebind(other(claim))))
    expect(outcomes.filter(({ kind }) => kind === 'claimed')).toHaveLength(1)
    expect(outcomes.filter(({ kind }) => kind === 'standing')).toHaveLength(63)
  })

  test.for([
    ['the token has expired but the row is kept', { mintedMs: hour, keptMs: day }, day - 1, 'claimed'],
    ['the row is no longer kept but the token lives', { mintedMs: day, keptMs: hour }, day - 1, 'claimed'],
    ['both are over', { mintedMs: hour, keptMs: day }, day, 'standing'],
  ] as const)('when %s is %s', async ([, { mintedMs, keptMs }, afterMs, kind]) => {
    const ledger = shared()
    const claim = await ended(ledger, (each) => makeRefusal(each, { keepUntilMs: now + keptMs }), {
      mintedExpiry: (now + mintedMs) / second,
    })
    expect(await ledger.rebind(other(claim, { nowMs: now + afterMs }))).toMatchObject({ kind })
  })
}

function describeNotGranted(shared: Shared): void {
  const cases: readonly (readonly [string, (ledger: Ledger) => Promise<ReturnType<typeof makeClaim>>])[] = [
    [
      'that runs',
      async (ledger) => {
        const claim = makeClaim()
        await ledger.claim(claim)
        return claim
      },
    ],
    ['that may be tried again', (ledger) => ended(ledger, makeFail)],
    [
      'that is captured',
      async (ledger) => {
        const claim = makeClaim()
        await ledger.claim(claim)
        await ledger.capture(makeCapture(claim))
        return claim
      },
    ],
    [
      'whose bytes were shown',
      async (ledger) => {
        const claim = makeClaim()
        await ledger.claim(claim)
        await ledger.show(claim.paymentHash, 1)
        await ledger.fail(makeGivenUp(claim))
        return claim
      },
    ],
    [
      'that was rebound before',
      async (ledger) => {
        const claim = await ended(ledger, makeRefusal)
        await ledger.rebind(other(claim))
        await ledger.fail(makeRefusal(claim, { epoch: 2 }))
        return claim
      },
    ],
  ]

  test.for(cases)('of a payment %s is not granted and changes nothing', async ([, prepare]) => {
    const ledger = shared()
    const claim = await prepare(ledger)
    const before = await rowOf(ledger, claim)
    const outcome = await ledger.rebind(other(claim, { takeover: true, nowMs: now + hour }))
    expect(outcome).toEqual({ kind: 'standing', record: before })
    expect(await rowOf(ledger, claim)).toEqual(before)
  })

  test('to the request that was refused is none', async () => {
    const ledger = shared()
    const claim = await ended(ledger, makeRefusal)
    expect(await ledger.rebind(again(claim))).toMatchObject({ kind: 'standing' })
  })

  test('of a payment that has no row takes nothing', async () => {
    const ledger = shared()
    const claim = makeClaim()
    expect(await ledger.rebind(claim)).toEqual({ kind: 'expired' })
    expect(await ledger.read(claim.paymentHash)).toBeUndefined()
  })
}
