import { beforeAll, describe, expect, test } from 'vitest'
import type { Ledger } from '#src/ports/ledger.ts'
import { TestClock } from '../clock.ts'
import { type OpenLedger, shareLedger } from './opened-ledger.ts'
import {
  again,
  day,
  framesOf,
  hour,
  lastingSeconds,
  makeCapture,
  makeClaim,
  makeFail,
  makeFrame,
  makeGivenUp,
  makeRefusal,
  minute,
  now,
  other,
  rowOf,
  second,
  year,
} from './requests.ts'

/** Prunes until nothing is left to forget. @returns how much went */
async function prune(ledger: Ledger, clock: TestClock): Promise<number> {
  let gone = 0
  for (;;) {
    const step = await ledger.prune(clock.nowMs(), clock.monotonicMs())
    if (step === 0) return gone
    gone += step
  }
}

/** A captured payment; its token lives for `mintedMs` and its frames for `keptMs`. */
async function captured(ledger: Ledger, clock: TestClock, { mintedMs = 2 * hour, keptMs = hour } = {}) {
  const nowMs = clock.nowMs()
  const claim = makeClaim({ nowMs, mintedExpiry: lastingSeconds(nowMs, mintedMs) })
  await ledger.claim(claim)
  await ledger.capture(makeCapture(claim, { keepUntilMs: nowMs + keptMs, frames: [makeFrame(0), makeFrame(1)] }))
  return claim
}

/** The same for all tests of a `describe`; its clock only ever moves ahead. */
function shareWatched(open: OpenLedger): () => { ledger: Ledger; clock: TestClock } {
  const shared = shareLedger(open)
  const clock = new TestClock(now)
  beforeAll(() => prune(shared(), clock))
  return () => ({ ledger: shared(), clock })
}

/** A ledger that is pruned now and then, as a gateway does from its start. */
async function watched(open: OpenLedger) {
  const opened = await open()
  const clock = new TestClock(now)
  await prune(opened.ledger, clock)
  return Object.assign(opened, { clock })
}

export function describePruning(open: OpenLedger): void {
  describe('pruning', () => {
    describe('as time passes', () => {
      describeDue(open)
      describeUnspent(open)
    })
    describeForgotten(open)
    describeClockSteps(open)
  })
}

function describeDue(open: OpenLedger): void {
  const watch = shareWatched(open)

  test('deletes frames when their keeping is over and not before', async () => {
    const { ledger, clock } = watch()
    const claim = await captured(ledger, clock)
    clock.advance(hour - 1)
    await prune(ledger, clock)
    expect(await framesOf(ledger, claim)).toEqual([0, 1])
    clock.advance(1)
    await prune(ledger, clock)
    expect(await framesOf(ledger, claim)).toEqual([])
    expect((await rowOf(ledger, claim)).job).toMatchObject({ state: 'captured', pruned: true })
  })

  test.for([
    ['the token expires after the frames', 2 * hour, hour],
    ['the token expires before the frames', hour, 2 * hour],
  ] as const)(
    'forgets a captured row only when nothing honours it any more, where %s',
    async ([, mintedMs, keptMs]) => {
      const { ledger, clock } = watch()
      const claim = await captured(ledger, clock, { mintedMs, keptMs })
      clock.advance(2 * hour - 1)
      await prune(ledger, clock)
      expect((await rowOf(ledger, claim)).job.state).toBe('captured')
      clock.advance(1)
      await prune(ledger, clock)
      expect(await ledger.read(claim.paymentHash)).toBeUndefined()
    },
  )

  test('works through any number of rows', async () => {
    const { ledger, clock } = watch()
    const claims = await Promise.all(Array.from({ length: 1_200 }, () => captured(ledger, clock)))
    clock.advance(2 * hour)
    expect(await prune(ledger, clock)).toBeGreaterThanOrEqual(2_400)
    expect(await ledger.prune(clock.nowMs(), clock.monotonicMs())).toBe(0)
    const left = await Promise.all(claims.map(({ paymentHash }) => ledger.read(paymentHash)))
    expect(left.filter((row) => row !== undefined)).toEqual([])
  })
}

function describeUnspent(open: OpenLedger): void {
  const watch = shareWatched(open)

  test.for([
    ['retryable', makeFail],
    ['refused', makeRefusal],
    ['given_up', makeGivenUp],
  ] as const)('never forgets a payment that is %s, only what is stored for it', async ([state, make]) => {
    const { ledger, clock } = watch()
    const claim = makeClaim({ nowMs: clock.nowMs() })
    await ledger.claim(claim)
    await ledger.fail(make(claim))
    for (let days = 0; days < 5; days++) {
      clock.advance(year)
      await prune(ledger, clock)
    }
    expect(await rowOf(ledger, claim)).toMatchObject({ priceMsat: claim.priceMsat, job: { state, pruned: true } })
    expect(await framesOf(ledger, claim)).toEqual([])
    expect(await ledger.claim(again(claim, { nowMs: clock.nowMs() }))).toMatchObject({ kind: 'standing' })
  })

  test('never touches a payment whose run is under way', async () => {
    const { ledger, clock } = watch()
    const claim = makeClaim({ nowMs: clock.nowMs() })
    await ledger.claim(claim)
    await ledger.append(claim.paymentHash, 1, [makeFrame(0)])
    clock.advance(year)
    await prune(ledger, clock)
    expect(await framesOf(ledger, claim)).toEqual([0])
    expect(await ledger.capture(makeCapture(claim, { frames: [makeFrame(1)] }))).toBe(true)
  })

  test('leaves a result alone that was made after an old refusal had gone', async () => {
    const { ledger, clock } = watch()
    const claim = makeClaim({ nowMs: clock.nowMs() })
    await ledger.claim(claim)
    await ledger.fail(makeRefusal(claim, { keepUntilMs: clock.nowMs() + minute }))
    clock.advance(hour)
    await prune(ledger, clock)
    expect(await framesOf(ledger, claim)).toEqual([])
    await ledger.rebind(other(claim, { nowMs: clock.nowMs() }))
    await ledger.capture(makeCapture(claim, { epoch: 2, nowMs: clock.nowMs(), keepUntilMs: clock.nowMs() + day }))
    await prune(ledger, clock)
    expect((await rowOf(ledger, claim)).job.pruned).toBe(false)
    expect(await framesOf(ledger, claim)).toEqual([0])
  })
}

function describeForgotten(open: OpenLedger): void {
  test('remembers how far it forgot, and takes no new claim at or below that, whatever the clock says', async () => {
    await using opened = await watched(open)
    const { ledger, clock } = opened
    const [early, late] = [await captured(ledger, clock, { mintedMs: hour }), await captured(ledger, clock)]
    clock.advance(3 * hour)
    await prune(ledger, clock)
    clock.step(-year)
    const nowMs = clock.nowMs()
    for (const claim of [early, late]) {
      expect(await ledger.claim(again(claim, { nowMs }))).toEqual({ kind: 'expired' })
      expect(await ledger.read(claim.paymentHash)).toBeUndefined()
    }
    const between = { nowMs, mintedExpiry: late.mintedExpiry }
    expect(await ledger.claim(makeClaim(between))).toEqual({ kind: 'expired' })
    const above = { nowMs, mintedExpiry: late.mintedExpiry + 1 }
    expect(await ledger.claim(makeClaim(above))).toMatchObject({ kind: 'claimed' })
  })

  test('remembers it over a restart', async () => {
    await using opened = await watched(open)
    const claim = await captured(opened.ledger, opened.clock)
    opened.clock.advance(3 * hour)
    await prune(opened.ledger, opened.clock)
    const ledger = await opened.reopen()
    expect(await ledger.claim(again(claim, { nowMs: now }))).toEqual({ kind: 'expired' })
  })

  test('of frames alone stops no new claim', async () => {
    await using opened = await watched(open)
    const { ledger, clock } = opened
    await captured(ledger, clock, { mintedMs: day, keptMs: minute })
    clock.advance(hour)
    expect(await prune(ledger, clock)).toBe(1)
    const nowMs = clock.nowMs()
    expect(await ledger.claim(makeClaim({ nowMs, mintedExpiry: lastingSeconds(nowMs, minute) }))).toMatchObject({
      kind: 'claimed',
    })
  })
}

function describeClockSteps(open: OpenLedger): void {
  test.for([
    ['a year ahead', year],
    ['a year back', -year],
  ] as const)('forgets nothing when the clock is set %s and little time has passed', async ([, step]) => {
    await using opened = await watched(open)
    const { ledger, clock } = opened
    const claim = await captured(ledger, clock)
    clock.step(step)
    for (let minutes = 0; minutes < 30; minutes += 10) {
      clock.advance(10 * minute)
      expect(await prune(ledger, clock)).toBe(0)
    }
    expect(await framesOf(ledger, claim)).toEqual([0, 1])
    expect(await ledger.claim(again(claim, { nowMs: clock.nowMs(), takeover: true }))).toMatchObject({
      kind: 'standing',
      record: { job: { state: 'captured' } },
    })
  })

  test('forgets what is over once that time has really passed after a step ahead', async () => {
    await using opened = await watched(open)
    const { ledger, clock } = opened
    const claim = await captured(ledger, clock)
    clock.step(year)
    await prune(ledger, clock)
    clock.advance(2 * hour)
    await prune(ledger, clock)
    expect(await ledger.read(claim.paymentHash)).toBeUndefined()
  })

  test('does not take a restart for the passing of time', async () => {
    await using opened = await watched(open)
    const claim = await captured(opened.ledger, opened.clock)
    const ledger = await opened.reopen()
    // The new process's monotonic clock begins somewhere else.
    expect(await ledger.prune(now + year, 9 * year)).toBe(0)
    expect(await ledger.prune(now + year, 9 * year + 59 * minute)).toBe(0)
    expect(await framesOf(ledger, claim)).toEqual([0, 1])
    expect(await ledger.prune(now + year, 9 * year + 60 * minute + second)).toBe(1)
  })
}
