import { describe, expect, test } from 'vitest'
import type { ClaimRequest, Ledger } from '#src/ports/ledger.ts'
import { type OpenLedger, type Shared, shareLedger } from './opened-ledger.ts'
import {
  again,
  framesOf,
  hexOf,
  hour,
  makeCapture,
  makeClaim,
  makeFail,
  makeFrame,
  makeGivenUp,
  makeRefusal,
  minute,
  now,
  rowOf,
  second,
} from './requests.ts'

type Write = (ledger: Ledger, paymentHash: string, epoch: number) => Promise<boolean>

/** Everything that a run writes. */
const writes: readonly (readonly [string, Write])[] = [
  ['an append', (ledger, paymentHash, epoch) => ledger.append(paymentHash, epoch, [makeFrame(5)])],
  ['a capture', (ledger, paymentHash, epoch) => ledger.capture(makeCapture({ paymentHash, nowMs: now }, { epoch }))],
  ['a failure', (ledger, paymentHash, epoch) => ledger.fail(makeFail({ paymentHash, nowMs: now }, { epoch }))],
  ['a refusal', (ledger, paymentHash, epoch) => ledger.fail(makeRefusal({ paymentHash, nowMs: now }, { epoch }))],
  ['its request', (ledger, paymentHash, epoch) => ledger.keepRequest(paymentHash, epoch, Buffer.from('request'))],
  ['a reference', (ledger, paymentHash, epoch) => ledger.keepUpstreamRef(paymentHash, epoch, Buffer.from('reference'))],
  ['a showing', (ledger, paymentHash, epoch) => ledger.show(paymentHash, epoch)],
]

export function describeRuns(open: OpenLedger): void {
  describe('a run', () => {
    const shared = shareLedger(open)
    describeFences(shared)
    describeCapture(shared)
    describeFailure(shared)
    describeShownAndDelivered(shared)
  })
}

function describeFences(shared: Shared): void {
  test.for(writes)('may write %s while its epoch lasts', async ([, write]) => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    expect(await write(ledger, claim.paymentHash, 1)).toBe(true)
  })

  test.for(writes)('cannot write %s after another epoch began', async ([, write]) => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.claim(again(claim, { takeover: true }))
    const before = await rowOf(ledger, claim)
    for (const epoch of [1, 0, 3]) expect(await write(ledger, claim.paymentHash, epoch)).toBe(false)
    expect(await rowOf(ledger, claim)).toEqual(before)
    expect(await framesOf(ledger, claim)).toEqual([])
  })

  test.for([
    ['captured', (ledger: Ledger, claim: ClaimRequest) => ledger.capture(makeCapture(claim))],
    ['refused', (ledger: Ledger, claim: ClaimRequest) => ledger.fail(makeRefusal(claim))],
    ['given up', (ledger: Ledger, claim: ClaimRequest) => ledger.fail(makeGivenUp(claim))],
    ['retryable', (ledger: Ledger, claim: ClaimRequest) => ledger.fail(makeFail(claim))],
  ] as const)('cannot write anything once it is %s', async ([, end]) => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    await end(ledger, claim)
    const [before, frames] = [await rowOf(ledger, claim), await framesOf(ledger, claim)]
    for (const [, write] of writes) expect(await write(ledger, claim.paymentHash, 1)).toBe(false)
    expect(await rowOf(ledger, claim)).toEqual(before)
    expect(await framesOf(ledger, claim)).toEqual(frames)
  })

  test.for(writes)('cannot write %s for a payment that is not there', async ([, write]) => {
    const ledger = shared()
    expect(await write(ledger, hexOf(32), 1)).toBe(false)
  })
}

function describeCapture(shared: Shared): void {
  test('that is captured stores the rest and makes the payment spent', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.append(claim.paymentHash, 1, [makeFrame(0), makeFrame(1)])
    const capture = makeCapture(claim, { frames: [makeFrame(2)], resultBytes: 600_000, nowMs: now + minute })
    expect(await ledger.capture(capture)).toBe(true)
    expect((await rowOf(ledger, claim)).job).toMatchObject({
      state: 'captured',
      resultBytes: 600_000,
      finishedAtMs: now + minute,
      keepUntilMs: capture.keepUntilMs,
      lastCode: undefined,
    })
    expect(await framesOf(ledger, claim)).toEqual([0, 1, 2])
  })

  test('is captured once of 16 times at once', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    const captures = Array.from({ length: 16 }, (_, index) => makeCapture(claim, { resultBytes: index }))
    const done = await Promise.all(captures.map((each) => ledger.capture(each)))
    expect(done.filter(Boolean)).toHaveLength(1)
    expect((await rowOf(ledger, claim)).job.resultBytes).toBe(done.indexOf(true))
    expect(await framesOf(ledger, claim)).toEqual([0])
  })
}

function describeFailure(shared: Shared): void {
  test.for([
    [
      { counted: true, nextGeneration: true },
      { attempts: 1, generation: 1, failures: 1 },
    ],
    [
      { counted: true, nextGeneration: false },
      { attempts: 1, generation: 0, failures: 1 },
    ],
    [
      { counted: false, nextGeneration: true },
      { attempts: 0, generation: 1, failures: 1 },
    ],
    [
      { counted: false, nextGeneration: false },
      { attempts: 0, generation: 0, failures: 1 },
    ],
  ] as const)('that fails with %o counts as %o', async ([how, counts]) => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    expect(await ledger.fail(makeFail(claim, how))).toBe(true)
    const { job } = await rowOf(ledger, claim)
    expect(job).toMatchObject({ ...counts, state: 'retryable', lastCode: 'upstream_failed', retryAtMs: now + second })
    expect(job).toMatchObject({ finishedAtMs: now, keepUntilMs: now + 24 * hour })
    expect(await ledger.claim(again(claim, { nowMs: now + second }))).toMatchObject({ job: counts })
  })

  test('that fails leaves none of its frames', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.append(claim.paymentHash, 1, [makeFrame(0), makeFrame(1)])
    await ledger.fail(makeFail(claim))
    expect(await framesOf(ledger, claim)).toEqual([])
  })

  test('that is refused keeps the refusal like a result', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.append(claim.paymentHash, 1, [makeFrame(0)])
    await ledger.fail(makeRefusal(claim, { frames: [makeFrame(1)], resultBytes: 99 }))
    expect((await rowOf(ledger, claim)).job).toMatchObject({ state: 'refused', resultBytes: 99 })
    expect(await framesOf(ledger, claim)).toEqual([0, 1])
  })

  test('that failed before and is captured now stores only what it made itself', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.append(claim.paymentHash, 1, [makeFrame(0)])
    await ledger.fail(makeFail(claim))
    await ledger.claim(again(claim, { nowMs: now + second }))
    await ledger.capture(makeCapture(claim, { epoch: 2, frames: [makeFrame(0, Buffer.from('second'))] }))
    const { job } = await rowOf(ledger, claim)
    expect(job).toMatchObject({ state: 'captured', epoch: 2, attempts: 1, lastCode: undefined })
    const [frame] = await ledger.frames(claim.paymentHash, 2, 0, 1)
    expect(Buffer.from(frame?.sealed ?? []).toString()).toBe('second')
  })
}

function describeShownAndDelivered(shared: Shared): void {
  test('that showed bytes is remembered as one by every run after it', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    expect(await ledger.show(claim.paymentHash, 1)).toBe(true)
    expect(await ledger.show(claim.paymentHash, 1)).toBe(true)
    await ledger.fail(makeFail(claim))
    expect((await rowOf(ledger, claim)).job.shown).toBe(true)
    expect(await ledger.claim(again(claim, { nowMs: now + second }))).toMatchObject({ job: { shown: true } })
  })

  test.for([
    ['a result', (ledger: Ledger, claim: ClaimRequest) => ledger.capture(makeCapture(claim))],
    ['a refusal', (ledger: Ledger, claim: ClaimRequest) => ledger.fail(makeRefusal(claim))],
  ] as const)('has the time of the first delivery of %s noted, and no later one', async ([, end]) => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.delivered(claim.paymentHash, now)
    expect((await rowOf(ledger, claim)).job.firstDeliveredAtMs).toBeUndefined()
    await end(ledger, claim)
    await ledger.delivered(claim.paymentHash, now + second)
    await ledger.delivered(claim.paymentHash, now + minute)
    expect((await rowOf(ledger, claim)).job.firstDeliveredAtMs).toBe(now + second)
  })
}
