import { describe, expect, test } from 'vitest'
import type { ClaimOutcome, ClaimRequest, Ledger } from '#src/ports/ledger.ts'
import { type OpenLedger, type Shared, shareLedger } from './opened-ledger.ts'
import {
  again,
  day,
  framesOf,
  hexOf,
  hour,
  makeCapture,
  makeClaim,
  makeFail,
  makeFrame,
  makeGivenUp,
  makeRefusal,
  now,
  other,
  rowOf,
  second,
} from './requests.ts'

const kinds = (outcomes: readonly ClaimOutcome[]) => outcomes.map(({ kind }) => kind).toSorted()
const oneOf64 = ['claimed', ...Array.from({ length: 63 }, () => 'standing')]

export function describeClaims(open: OpenLedger): void {
  describe('a claim', () => {
    const shared = shareLedger(open)
    describeFirstClaims(shared)
    describeRaces(shared)
    describeTakeover(shared)
    describeRetries(shared)
  })
}

function describeFirstClaims(shared: Shared): void {
  test('of a payment never seen takes it, and the row says what for', async () => {
    const ledger = shared()
    const claim = makeClaim({ receivedMsat: 7_001n })
    expect(await ledger.read(claim.paymentHash)).toBeUndefined()
    const job = { id: claim.jobId, epoch: 1, generation: 0, attempts: 0, failures: 0, shown: false, rebound: false }
    expect(await ledger.claim(claim)).toEqual({ kind: 'claimed', job })
    const { paymentHash, service, wallet, priceMsat, mintedExpiry, requestHash, rev, salt } = claim
    expect(await ledger.read(paymentHash)).toMatchObject({
      paymentHash,
      state: 'settled',
      service,
      wallet,
      priceMsat,
      mintedExpiry,
      createdAtMs: claim.nowMs,
      job: { ...job, requestHash, rev, state: 'running', pruned: false, finishedAtMs: undefined },
    })
    expect(Buffer.from((await rowOf(ledger, claim)).job.salt)).toEqual(Buffer.from(salt))
  })

  test('keeps the largest price whole', async () => {
    const ledger = shared()
    const claim = makeClaim({ priceMsat: 21_000_000n * 100_000_000_000n })
    await ledger.claim(claim)
    expect((await rowOf(ledger, claim)).priceMsat).toBe(claim.priceMsat)
  })

  test.for([
    ['a millisecond before the token expires', -1, 'claimed'],
    ['in the very second that the token expires', 0, 'expired'],
    ['a day after the token expired', day, 'expired'],
  ] as const)('made %s is %s', async ([, afterMs, kind]) => {
    const ledger = shared()
    const claim = makeClaim({ mintedExpiry: now / second, nowMs: now + afterMs })
    expect(await ledger.claim(claim)).toMatchObject({ kind })
    expect((await ledger.read(claim.paymentHash)) === undefined).toBe(kind === 'expired')
  })

  test('for another request on a claimed payment changes nothing and is shown the row', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    const before = await rowOf(ledger, claim)
    const outcome = await ledger.claim(other(claim, { takeover: true }))
    expect(outcome).toEqual({ kind: 'standing', record: before })
    expect(await rowOf(ledger, claim)).toEqual(before)
  })

  test('of one payment leaves the others alone', async () => {
    const ledger = shared()
    const [one, two] = [makeClaim(), makeClaim()]
    await ledger.claim(one)
    expect(await ledger.claim(two)).toMatchObject({ kind: 'claimed' })
    await ledger.capture(makeCapture(one))
    expect((await rowOf(ledger, two)).job.state).toBe('running')
  })
}

function describeRaces(shared: Shared): void {
  test('made 64 times at once is granted once', async () => {
    const ledger = shared()
    const claim = makeClaim()
    const outcomes = await Promise.all(Array.from({ length: 64 }, () => ledger.claim(again(claim))))
    expect(kinds(outcomes)).toEqual(oneOf64)
  })

  test('made at once for 64 different requests is granted to one, and the others see whose it is', async () => {
    const ledger = shared()
    const claim = makeClaim()
    const claims = Array.from({ length: 64 }, () => other(claim))
    const outcomes = await Promise.all(claims.map((each) => ledger.claim(each)))
    expect(kinds(outcomes)).toEqual(oneOf64)
    const winner = claims[outcomes.findIndex(({ kind }) => kind === 'claimed')]
    for (const outcome of outcomes) {
      if (outcome.kind !== 'standing') continue
      expect(outcome.record.job.requestHash).toBe(winner?.requestHash)
    }
  })

  test('made 64 times at once on a retryable payment is granted once', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.fail(makeFail(claim))
    const retry = { nowMs: now + second }
    const outcomes = await Promise.all(Array.from({ length: 64 }, () => ledger.claim(again(claim, retry))))
    expect(kinds(outcomes)).toEqual(oneOf64)
    expect((await rowOf(ledger, claim)).job.epoch).toBe(2)
  })
}

function describeTakeover(shared: Shared): void {
  test('does not take a running payment unless it says that nobody runs it', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    expect(await ledger.claim(again(claim))).toMatchObject({ kind: 'standing', record: { job: { epoch: 1 } } })
  })

  test('that takes a running payment over begins a new epoch with its own salt and without the old frames', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.append(claim.paymentHash, 1, [makeFrame(0), makeFrame(1)])
    const next = again(claim, { takeover: true })
    expect(await ledger.claim(next)).toMatchObject({
      kind: 'claimed',
      job: { id: claim.jobId, epoch: 2, generation: 0, attempts: 0, failures: 0 },
    })
    const { job } = await rowOf(ledger, claim)
    expect(Buffer.from(job.salt)).toEqual(Buffer.from(next.salt))
    expect(await ledger.frames(claim.paymentHash, 1, 0, 2 ** 20)).toEqual([])
    expect(await framesOf(ledger, claim)).toEqual([])
  })

  test('takes a running payment over even after its token expired, since it was claimed in time', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    const late = again(claim, { takeover: true, nowMs: now + 3 * day })
    expect(await ledger.claim(late)).toMatchObject({ kind: 'claimed', job: { epoch: 2 } })
  })
}

function describeRetries(shared: Shared): void {
  test.for([
    ['before its time is not granted', second - 1, 'standing'],
    ['at its time is granted', second, 'claimed'],
    ['when the clock was set back a little, is not granted', -50 * second, 'standing'],
    ['when its time is further ahead than any wait, is granted: the clock was set back', -2 * hour, 'claimed'],
  ] as const)('after a failure %s', async ([, afterMs, kind]) => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.fail(makeFail(claim))
    expect(await ledger.claim(again(claim, { nowMs: now + afterMs, takeover: true }))).toMatchObject({ kind })
    const epoch = kind === 'claimed' ? 2 : 1
    expect((await rowOf(ledger, claim)).job).toMatchObject({ epoch, generation: 1, attempts: 1, failures: 1 })
  })

  test.for([
    ['the token has expired but the row is kept', { mintedMs: hour, keptMs: 2 * hour }, 2 * hour - 1, 'claimed'],
    ['the row is no longer kept but the token lives', { mintedMs: 2 * hour, keptMs: hour }, 2 * hour - 1, 'claimed'],
    ['both are over', { mintedMs: hour, keptMs: 2 * hour }, 2 * hour, 'standing'],
    ['both are over, the other way round', { mintedMs: 2 * hour, keptMs: hour }, 2 * hour, 'standing'],
  ] as const)('after a failure, when %s, is %s', async ([, { mintedMs, keptMs }, afterMs, kind]) => {
    const ledger = shared()
    const claim = makeClaim({ mintedExpiry: (now + mintedMs) / second })
    await ledger.claim(claim)
    await ledger.fail(makeFail(claim, { keepUntilMs: now + keptMs }))
    expect(await ledger.claim(again(claim, { nowMs: now + afterMs }))).toMatchObject({ kind })
  })

  test.for([
    ['captured', (ledger: Ledger, claim: ClaimRequest) => ledger.capture(makeCapture(claim))],
    ['refused', (ledger: Ledger, claim: ClaimRequest) => ledger.fail(makeRefusal(claim))],
    ['given_up', (ledger: Ledger, claim: ClaimRequest) => ledger.fail(makeGivenUp(claim))],
  ] as const)('of a payment that is %s is never granted for the same request', async ([state, end]) => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    expect(await end(ledger, claim)).toBe(true)
    for (const overrides of [{}, { takeover: true }, { takeover: true, nowMs: now + hour }, { tokenId: hexOf(32) }]) {
      const outcome = await ledger.claim(again(claim, overrides))
      expect(outcome).toMatchObject({ kind: 'standing', record: { job: { state, epoch: 1 } } })
    }
  })
}
