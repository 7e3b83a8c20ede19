import { describe, expect, test } from 'vitest'
import type { ClaimRequest, Ledger } from '#src/ports/ledger.ts'
import { type OpenLedger, type Shared, shareLedger } from './opened-ledger.ts'
import {
  again,
  day,
  framesOf,
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

const later = now + 60 * second

async function ended(ledger: Ledger, how: 'retryable' | 'refused' | 'given_up' | 'captured' | 'running') {
  const claim = makeClaim()
  await ledger.claim(claim)
  if (how === 'retryable') await ledger.fail(makeFail(claim))
  if (how === 'refused') await ledger.fail(makeRefusal(claim))
  if (how === 'given_up') await ledger.fail(makeGivenUp(claim))
  if (how === 'captured') await ledger.capture(makeCapture(claim))
  return claim
}

/** Neither this request nor another one is granted. */
async function expectWorthless(ledger: Ledger, claim: ClaimRequest): Promise<void> {
  const at = { nowMs: later, takeover: true }
  expect(await ledger.claim(again(claim, at))).toMatchObject({ kind: 'standing' })
  expect(await ledger.rebind(other(claim, at))).toMatchObject({ kind: 'standing' })
}

export function describeWithdrawals(open: OpenLedger): void {
  describe('the operator’s word', () => {
    const shared = shareLedger(open)
    describeRevoking(shared)
    describeRefunding(shared)
    describeReopening(shared)
    describeOwing(shared)
    test('is found by the payment hash and by the reference that buyers are shown', async () => {
      const ledger = shared()
      const claim = await ended(ledger, 'given_up')
      const row = await rowOf(ledger, claim)
      expect(await ledger.find(claim.paymentHash)).toEqual(row)
      expect(await ledger.find(claim.jobId)).toEqual(row)
      expect(await ledger.find('ab'.repeat(16))).toBeUndefined()
      expect(await ledger.find('ab'.repeat(32))).toBeUndefined()
    })
  })
}

function describeRevoking(shared: Shared): void {
  test.for(['retryable', 'refused', 'given_up', 'captured', 'running'] as const)(
    'to revoke holds for a payment that is %s, and may be said twice',
    async (state) => {
      const ledger = shared()
      const claim = await ended(ledger, state)
      expect(await ledger.revoke(claim.paymentHash, later)).toMatchObject({
        kind: 'done',
        record: { state: 'revoked' },
      })
      expect(await ledger.revoke(claim.paymentHash, later)).toMatchObject({ kind: 'already' })
      await expectWorthless(ledger, claim)
      expect(await ledger.reopen(claim.paymentHash, later, later + day)).toMatchObject({ kind: 'standing' })
    },
  )

  test('to revoke fences a run: nothing of it is stored', async () => {
    const ledger = shared()
    const claim = await ended(ledger, 'running')
    const { paymentHash } = claim
    await ledger.append(paymentHash, 1, [makeFrame(0)])
    await ledger.revoke(paymentHash, later)
    for (const epoch of [1, 2]) {
      expect(await ledger.append(paymentHash, epoch, [makeFrame(1)])).toBe(false)
      expect(await ledger.show(paymentHash, epoch)).toBe(false)
      expect(await ledger.capture(makeCapture(claim, { epoch }))).toBe(false)
    }
    expect(await framesOf(ledger, claim)).toEqual([])
    expect((await rowOf(ledger, claim)).job).toMatchObject({ state: 'given_up', lastCode: 'token_revoked' })
  })

  test('to revoke what was not presented yet holds when it is, among any number of claims at once', async () => {
    const ledger = shared()
    const claim = makeClaim()
    expect(await ledger.revoke(claim.paymentHash, now)).toEqual({ kind: 'unknown' })
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => ledger.claim(again(claim, { takeover: true }))))
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['standing']))
    expect(await rowOf(ledger, claim)).toMatchObject({ state: 'revoked', job: { state: 'given_up' } })
  })

  test('to revoke and a claim at once leave nothing that runs', async () => {
    const ledger = shared()
    for (let round = 0; round < 20; round++) {
      const claim = makeClaim()
      await Promise.all([ledger.claim(claim), ledger.revoke(claim.paymentHash, now), ledger.claim(again(claim))])
      expect(await ledger.capture(makeCapture(claim))).toBe(false)
      expect(await rowOf(ledger, claim)).toMatchObject({ state: 'revoked', job: { state: 'given_up' } })
    }
  })
}

function describeRefunding(shared: Shared): void {
  test.for(['retryable', 'refused', 'given_up'] as const)(
    'that a payment was refunded holds for one that is %s, and may be said twice',
    async (state) => {
      const ledger = shared()
      const claim = await ended(ledger, state)
      const done = await ledger.closeRefund(claim.paymentHash, 'by hand', later)
      const refund = { note: 'by hand', closedAtMs: later }
      expect(done).toMatchObject({ kind: 'done', record: { state: 'refunded', refund } })
      const repeated = await ledger.closeRefund(claim.paymentHash, 'other', later + 1)
      expect(repeated).toMatchObject({ kind: 'already', record: { refund } })
      await expectWorthless(ledger, claim)
      expect(await framesOf(ledger, claim)).toEqual([])
      expect(await ledger.revoke(claim.paymentHash, later)).toMatchObject({ kind: 'standing' })
      expect(await ledger.reopen(claim.paymentHash, later, later + day)).toMatchObject({ kind: 'standing' })
    },
  )

  test.for(['captured', 'running'] as const)(
    'that a payment was refunded is not taken for one that is %s',
    async (state) => {
      const ledger = shared()
      const claim = await ended(ledger, state)
      const before = await rowOf(ledger, claim)
      expect(await ledger.closeRefund(claim.paymentHash, 'x', later)).toMatchObject({ kind: 'standing' })
      expect(await rowOf(ledger, claim)).toEqual(before)
    },
  )

  test('that a payment was refunded is taken for a revoked one whose result nobody had, and its result is gone', async () => {
    const ledger = shared()
    const [undelivered, delivered] = [await ended(ledger, 'captured'), await ended(ledger, 'captured')]
    await ledger.delivered(delivered.paymentHash, later)
    for (const { paymentHash } of [undelivered, delivered]) await ledger.revoke(paymentHash, later)
    expect(await ledger.closeRefund(undelivered.paymentHash, 'x', later)).toMatchObject({ kind: 'done' })
    expect(await framesOf(ledger, undelivered)).toEqual([])
    expect(await ledger.closeRefund(delivered.paymentHash, 'x', later)).toMatchObject({ kind: 'standing' })
  })

  test('that a payment was refunded and a claim at once: one of them holds', async () => {
    const ledger = shared()
    const kinds = new Set<string>()
    for (let round = 0; round < 40; round++) {
      const claim = await ended(ledger, 'retryable')
      const refund = () => ledger.closeRefund(claim.paymentHash, 'x', later)
      const retry = () => ledger.claim(again(claim, { nowMs: later }))
      const refundFirst = round % 2 === 0
      const early = refundFirst ? refund() : undefined
      const claiming = retry()
      const [refunded, claimed] = [await (early ?? refund()), await claiming]
      expect((refunded.kind === 'done') !== (claimed.kind === 'claimed')).toBe(true)
      kinds.add(refunded.kind)
    }
    expect(kinds).toEqual(new Set(['done', 'standing']))
  })
}

function describeReopening(shared: Shared): void {
  test.for(['retryable', 'refused', 'given_up'] as const)(
    'to open again holds for one that is %s: at once, with all its attempts',
    async (state) => {
      const ledger = shared()
      const claim = await ended(ledger, state)
      const untilMs = claim.mintedExpiry * 1000 + 30 * day
      expect(await ledger.reopen(claim.paymentHash, later, untilMs)).toMatchObject({
        kind: 'done',
        record: { job: { state: 'retryable', attempts: 0, failures: 0, keepUntilMs: untilMs, lastCode: undefined } },
      })
      expect(await framesOf(ledger, claim)).toEqual([])
      expect(await ledger.claim(again(claim, { nowMs: untilMs }))).toMatchObject({ kind: 'standing' })
      expect(await ledger.claim(again(claim, { nowMs: untilMs - 1 }))).toMatchObject({
        kind: 'claimed',
        job: { epoch: 2 },
      })
    },
  )

  test('to open again forgets that a refusal was delivered, since the result was not', async () => {
    const ledger = shared()
    const claim = await ended(ledger, 'refused')
    await ledger.delivered(claim.paymentHash, later)
    expect((await rowOf(ledger, claim)).job.firstDeliveredAtMs).toBe(later)
    await ledger.reopen(claim.paymentHash, later, later + day)
    expect((await rowOf(ledger, claim)).job.firstDeliveredAtMs).toBeUndefined()
  })

  test.for(['captured', 'running'] as const)('to open again does not hold for one that is %s', async (state) => {
    const ledger = shared()
    const claim = await ended(ledger, state)
    const before = await rowOf(ledger, claim)
    expect(await ledger.reopen(claim.paymentHash, later, later + day)).toMatchObject({ kind: 'standing' })
    expect(await rowOf(ledger, claim)).toEqual(before)
  })
}

function describeOwing(shared: Shared): void {
  test('a payment that cannot be honoured has its row, and may be claimed later all the same', async () => {
    const ledger = shared()
    const claim = makeClaim()
    const owed = await ledger.owe(claim)
    expect(owed).toMatchObject({
      state: 'settled',
      job: { id: claim.jobId, state: 'retryable', lastCode: 'refund_due' },
    })
    expect(await ledger.owe(again(claim))).toMatchObject({ job: { id: claim.jobId } })
    expect(await ledger.claim(again(claim))).toMatchObject({ kind: 'claimed' })
    // And a run under way is left alone.
    expect(await ledger.owe(again(claim))).toMatchObject({ job: { state: 'running', lastCode: 'refund_due' } })
    expect(await ledger.capture(makeCapture(claim, { epoch: 2 }))).toBe(true)
  })

  test('a payment that was turned away has its row, is honoured beyond its token, and begins with its first epoch', async () => {
    const ledger = shared()
    const claim = makeClaim()
    await ledger.turnAway(claim, 'upstream_busy')
    expect(await ledger.read(claim.paymentHash)).toMatchObject({
      state: 'settled',
      job: {
        id: claim.jobId,
        state: 'retryable',
        epoch: 0,
        attempts: 0,
        failures: 0,
        lastCode: 'upstream_busy',
        keepUntilMs: claim.nowMs + claim.resultTtlMs,
      },
    })
    const beyond = Math.max(claim.mintedExpiry * second, claim.nowMs + claim.resultTtlMs) - 1
    expect(await ledger.claim({ ...again(claim), nowMs: beyond })).toMatchObject({ kind: 'claimed', job: { epoch: 1 } })
    const before = await rowOf(ledger, claim)
    await ledger.turnAway(again(claim), 'upstream_down')
    expect(await rowOf(ledger, claim)).toEqual(before)
  })

  test('a payment that was turned away with a token that is over, or was revoked before, is not honoured', async () => {
    const ledger = shared()
    const over = makeClaim({ mintedExpiry: now / second })
    await ledger.turnAway(over, 'upstream_busy')
    expect(await ledger.read(over.paymentHash)).toBeUndefined()
    const revoked = makeClaim()
    await ledger.revoke(revoked.paymentHash, now)
    await ledger.turnAway(revoked, 'upstream_busy')
    expect(await rowOf(ledger, revoked)).toMatchObject({ state: 'revoked', job: { state: 'given_up' } })
  })

  test('a payment that cannot be honoured, with a token that is over, has none', async () => {
    const ledger = shared()
    const claim = makeClaim({ mintedExpiry: now / second })
    expect(await ledger.owe(claim)).toBeUndefined()
    expect(await ledger.read(claim.paymentHash)).toBeUndefined()
  })
}
