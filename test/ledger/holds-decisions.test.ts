import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { refundOf } from '#src/ledger/refunds.ts'
import type { HoldOffer, Holds } from '#src/ports/holds.ts'
import { type End, ends, heldWith, statesOf } from '../support/ledger/held.ts'
import { openHolds } from '../support/ledger/opened-holds.ts'
import {
  hexOf,
  hour,
  makeCapture,
  makeClaim,
  makeFail,
  makeGivenUp,
  makeRefusal,
  now,
  other,
} from '../support/ledger/requests.ts'

describe('a decision', () => {
  /** Which of them may pass, by what the job has come to. */
  const allowed: Readonly<Record<End, readonly string[]>> = {
    fresh: ['cancel'],
    running: ['patience'],
    retryable: ['cancel'],
    captured: ['result', 'patience'],
    refused: ['cancel'],
    given_up: ['cancel'],
  }
  const decide = (holds: Holds, { paymentHash }: HoldOffer, what: string): Promise<boolean> =>
    what === 'cancel' ? holds.decideToCancel(paymentHash) : holds.decideToSettle(paymentHash, what as 'result')

  test.for(ends)('about a job that is %s is what that job allows, and made once', async (end) => {
    await using opened = await openHolds()
    for (const what of ['result', 'patience', 'cancel']) {
      const offer = await heldWith(opened, end)
      const may = allowed[end].includes(what)
      expect([what, await decide(opened.ledger.holds, offer, what)]).toEqual([what, may])
      const state = may ? (what === 'cancel' ? 'cancelling' : 'settling') : 'held'
      expect((await statesOf(opened, offer))?.[0]).toBe(state)
      if (may)
        for (const again of ['result', 'patience', 'cancel']) {
          expect(await decide(opened.ledger.holds, offer, again)).toBe(false)
        }
    }
  })

  test('among all who decide while the work ends is one, and nothing is taken for work that failed', async () => {
    await using opened = await openHolds()
    type Step = 'result' | 'patience' | 'cancel' | 'capture' | 'fail' | 'refuse' | 'give up'
    const steps = fc.array(
      fc.constantFrom<Step>('result', 'patience', 'cancel', 'capture', 'fail', 'refuse', 'give up'),
      { minLength: 2, maxLength: 10 },
    )
    const property = fc.asyncProperty(steps, fc.boolean(), async (order, atOnce) => {
      const offer = await heldWith(opened, 'running')
      const { ledger } = opened
      const claim = makeClaim({ paymentHash: offer.paymentHash, requestHash: offer.requestHash })
      const run = (step: Step): Promise<unknown> => {
        switch (step) {
          case 'capture':
            return ledger.capture(makeCapture(claim))
          case 'fail':
            return ledger.fail(makeFail(claim))
          case 'refuse':
            return ledger.fail(makeRefusal(claim))
          case 'give up':
            return ledger.fail(makeGivenUp(claim))
          default:
            return decide(ledger.holds, offer, step)
        }
      }
      const said: unknown[] = []
      if (atOnce) said.push(...(await Promise.all(order.map(run))))
      else for (const step of order) said.push(await run(step))
      const decisions = order.filter(
        (step, index) => said[index] === true && ['result', 'patience', 'cancel'].includes(step),
      )
      expect(decisions.length).toBeLessThanOrEqual(1)
      // The steps are committed in the order in which they were sent.
      const end = order.findIndex((step) => !['result', 'patience', 'cancel'].includes(step))
      const before = order.slice(0, end === -1 ? order.length : end)
      const after = end === -1 ? [] : order.slice(end)
      const captured = after[0] === 'capture'
      const expected = before.includes('patience')
        ? 'settling'
        : after.some((step) => (captured ? step === 'result' || step === 'patience' : step === 'cancel'))
          ? captured
            ? 'settling'
            : 'cancelling'
          : 'held'
      expect((await statesOf(opened, offer))?.[0]).toBe(expected)
    })
    await fc.assert(property, { numRuns: 150 })
  })
})

test('a payment that is being taken may be used for another request after a refusal, like one that was taken', async () => {
  await using opened = await openHolds()
  const offer = await heldWith(opened, 'running')
  await opened.ledger.holds.decideToSettle(offer.paymentHash, 'patience')
  const claim = makeClaim({ paymentHash: offer.paymentHash, requestHash: offer.requestHash })
  await opened.ledger.fail(makeRefusal(claim))
  expect((await statesOf(opened, offer))?.[0]).toBe('settling')
  expect(await opened.ledger.rebind(other(claim))).toMatchObject({ kind: 'claimed' })
})

describe('the end of a payment', () => {
  const froms = {
    held: () => Promise.resolve(true),
    settling: (holds: Holds, hash: string) => holds.decideToSettle(hash, 'patience'),
    cancelling: (holds: Holds, hash: string) => holds.decideToCancel(hash),
  }

  test.for([
    ['held', 'settled', false],
    ['held', 'cancelled', true],
    ['settling', 'settled', true],
    ['settling', 'cancelled', true],
    // What the wallet has taken is taken, whatever was to become of it.
    ['cancelling', 'settled', true],
    ['cancelling', 'cancelled', true],
  ] as const)('from %s to %s: %s', async ([from, to, may]) => {
    await using opened = await openHolds()
    const { holds } = opened.ledger
    const offer = await heldWith(opened, from === 'cancelling' ? 'retryable' : 'captured')
    expect(await froms[from](holds, offer.paymentHash)).toBe(true)
    expect(await holds.conclude(offer.paymentHash, to, now)).toBe(may)
    expect((await statesOf(opened, offer))?.[0]).toBe(may ? to : from)
    // An end is the end.
    if (!may) return
    for (const last of ['settled', 'cancelled'] as const) {
      expect(await holds.conclude(offer.paymentHash, last, now)).toBe(false)
    }
    expect(await holds.decideToCancel(offer.paymentHash)).toBe(false)
    expect(await holds.decideToSettle(offer.paymentHash, 'patience')).toBe(false)
    expect((await statesOf(opened, offer))?.[0]).toBe(to)
    await opened.reopen()
    expect((await statesOf(opened, offer))?.[0]).toBe(to)
  })

  test.for([
    ['held', false],
    ['settling', false],
    ['cancelling', true],
    ['cancelled', true],
  ] as const)('is corrected, from %s: %s, when the wallet took the payment after all', async ([from, may]) => {
    await using opened = await openHolds()
    const { holds } = opened.ledger
    const offer = await heldWith(opened, from === 'cancelling' ? 'retryable' : 'captured')
    if (from === 'cancelled') await holds.conclude(offer.paymentHash, 'cancelled', now)
    else await froms[from](holds, offer.paymentHash)
    expect(await holds.noteTaken(offer.paymentHash, now)).toBe(may)
    expect((await statesOf(opened, offer))?.[0]).toBe(may ? 'settled' : from)
    // Whoever still carries the other end out changes nothing any more.
    expect(await holds.conclude(offer.paymentHash, 'cancelled', now)).toBe(!may)
    expect(await holds.noteTaken(offer.paymentHash, now)).toBe(!may)
  })

  test('whose result was forgotten meanwhile is owed, when the wallet took the payment after all', async () => {
    await using opened = await openHolds()
    const { ledger } = opened
    const offer = await heldWith(opened, 'running')
    const { paymentHash, requestHash } = offer
    const overMs = now + hour
    await ledger.capture(makeCapture(makeClaim({ paymentHash, requestHash }), { keepUntilMs: overMs }))
    await ledger.holds.conclude(paymentHash, 'cancelled', now)
    // The clock that forgetting goes by begins with the first look.
    await ledger.prune(now, 0)
    while ((await ledger.prune(overMs, overMs - now)) > 0);
    expect(await ledger.read(paymentHash)).toMatchObject({ job: { state: 'captured', pruned: true } })
    expect(await ledger.holds.noteTaken(paymentHash, overMs)).toBe(true)
    const record = await ledger.read(paymentHash)
    expect(record).toMatchObject({ state: 'settled', job: { state: 'given_up', lastCode: 'result_expired' } })
    expect(record && refundOf(record, overMs)).toMatchObject({ reason: 'given_up' })
  })

  test('that nobody pays for leaves nothing of the request, and no claim', async () => {
    await using opened = await openHolds()
    const { holds } = opened.ledger
    const offer = await heldWith(opened, 'retryable')
    await holds.decideToCancel(offer.paymentHash)
    await holds.conclude(offer.paymentHash, 'cancelled', now)
    expect(await opened.ledger.sealedRequest(offer.paymentHash)).toBeUndefined()
    const { paymentHash, requestHash } = offer
    const claimed = await opened.ledger.claim(makeClaim({ paymentHash, requestHash, nowMs: now + hour }))
    expect(claimed.kind).toBe('standing')
  })

  test('of another payment or of none changes nothing', async () => {
    await using opened = await openHolds()
    const offer = await heldWith(opened, 'captured')
    for (const to of ['settled', 'cancelled'] as const)
      expect(await opened.ledger.holds.conclude(hexOf(32), to, now)).toBe(false)
    const upfront = makeClaim()
    await opened.ledger.claim(upfront)
    expect(await opened.ledger.holds.conclude(upfront.paymentHash, 'cancelled', now)).toBe(false)
    expect(await opened.ledger.holds.decideToCancel(upfront.paymentHash)).toBe(false)
    expect((await opened.ledger.read(upfront.paymentHash))?.state).toBe('settled')
    expect(await statesOf(opened, offer)).toEqual(['held', 'captured'])
  })
})
