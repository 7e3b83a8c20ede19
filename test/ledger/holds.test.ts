import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { HoldLimits, HoldOffer, Holds } from '#src/ports/holds.ts'
import { type LedgerWithHolds, openHolds } from '../support/ledger/opened-holds.ts'
import {
  hexOf,
  hour,
  lastingSeconds,
  makeCapture,
  makeClaim,
  makeFail,
  makeGivenUp,
  makeRefusal,
  now,
} from '../support/ledger/requests.ts'

const limits: HoldLimits = { maxOpen: 100, maxBytes: 100_000, maxPerClient: 100 }

const makeOffer = (overrides: Partial<HoldOffer> = {}): HoldOffer => ({
  paymentHash: hexOf(32),
  tokenId: hexOf(32),
  keyId: 1,
  service: 'make',
  rev: '0123456789abcdef',
  wallet: 'dev',
  priceMsat: 7_000n,
  quote: '[{"label":"flat","msat":7000}]',
  requestHash: hexOf(32),
  sealedRequest: randomBytes(100),
  client: '192.0.2',
  mintedExpiry: lastingSeconds(now, 24 * hour),
  expiresAtMs: now + hour,
  createdAtMs: now,
  ...overrides,
})

const accept = (holds: Holds, { paymentHash }: HoldOffer, jobId = hexOf(16)) =>
  holds.accept(paymentHash, jobId, 24 * hour, now)

/** What the ledger says of the payment and its job. */
async function statesOf({ ledger }: LedgerWithHolds, { paymentHash }: HoldOffer) {
  const record = await ledger.read(paymentHash)
  return record && [record.state, record.job.state]
}

/** What the job of a held payment may have come to. */
const ends = ['fresh', 'running', 'retryable', 'captured', 'refused', 'given_up'] as const
type End = (typeof ends)[number]

async function bringTo({ ledger }: LedgerWithHolds, offer: HoldOffer, end: End): Promise<void> {
  const { paymentHash, requestHash } = offer
  const claim = makeClaim({ paymentHash, requestHash, nowMs: now })
  if (end === 'fresh') return
  expect((await ledger.claim(claim)).kind).toBe('claimed')
  if (end === 'captured') await ledger.capture(makeCapture(claim))
  else if (end !== 'running') {
    const make = { retryable: makeFail, refused: makeRefusal, given_up: makeGivenUp }[end]
    await ledger.fail(make(claim))
  }
}

async function heldWith(opened: LedgerWithHolds, end: End): Promise<HoldOffer> {
  const offer = makeOffer()
  await opened.ledger.holds.offer(offer, limits)
  await accept(opened.ledger.holds, offer)
  await bringTo(opened, offer, end)
  return offer
}

describe('offers', () => {
  test('are kept whole, oldest first, across a restart', async () => {
    await using opened = await openHolds()
    const [newer, older] = [makeOffer({ createdAtMs: now + 1 }), makeOffer()]
    for (const offer of [newer, older]) expect(await opened.ledger.holds.offer(offer, limits)).toBe('offered')
    expect(await opened.ledger.holds.offers()).toEqual(
      [older, newer].map((offer) => ({ ...offer, sealedRequest: new Uint8Array(offer.sealedRequest) })),
    )
    await opened.reopen()
    expect((await opened.ledger.holds.offers()).map(({ paymentHash }) => paymentHash)).toEqual(
      [older, newer].map(({ paymentHash }) => paymentHash),
    )
  })

  test('written twice are one, and as they were first', async () => {
    await using opened = await openHolds()
    const offer = makeOffer()
    await opened.ledger.holds.offer(offer, limits)
    expect(await opened.ledger.holds.offer({ ...offer, priceMsat: 1n }, limits)).toBe('offered')
    expect((await opened.ledger.holds.offers()).map(({ priceMsat }) => priceMsat)).toEqual([7_000n])
  })

  test('are bounded by number, by bytes and by client, however many come at once', async () => {
    await using opened = await openHolds()
    const bounds = fc.record({
      limits: fc.record({ maxOpen: fc.integer({ min: 1, max: 6 }), maxBytes: fc.integer({ min: 1, max: 400 }) }),
      maxPerClient: fc.integer({ min: 1, max: 4 }),
      offers: fc.array(fc.record({ client: fc.constantFrom('a', 'b', 'c'), bytes: fc.integer({ min: 1, max: 150 }) }), {
        maxLength: 12,
      }),
    })
    const stays = fc.asyncProperty(bounds, async ({ limits: { maxOpen, maxBytes }, maxPerClient, offers }) => {
      const { holds } = opened.ledger
      for (const { paymentHash } of await holds.offers()) await holds.withdraw(paymentHash)
      const made = offers.map(({ client, bytes }) => makeOffer({ client, sealedRequest: randomBytes(bytes) }))
      const said = await Promise.all(made.map((offer) => holds.offer(offer, { maxOpen, maxBytes, maxPerClient })))
      // The same, one after the other.
      const open: HoldOffer[] = []
      const expected = made.map((offer) => {
        const bytes = open.reduce((sum, { sealedRequest }) => sum + sealedRequest.length, offer.sealedRequest.length)
        if (open.length >= maxOpen || bytes > maxBytes) return 'full'
        if (open.filter(({ client }) => client === offer.client).length >= maxPerClient) return 'client_full'
        open.push(offer)
        return 'offered'
      })
      expect(said).toEqual(expected)
      expect(await holds.offers()).toHaveLength(open.length)
    })
    await fc.assert(stays, { numRuns: 40 })
  })

  test('that were withdrawn make room, cannot be accepted, and can be withdrawn again', async () => {
    await using opened = await openHolds()
    const { holds } = opened.ledger
    const [first, second] = [makeOffer(), makeOffer()]
    const one = { ...limits, maxOpen: 1 }
    expect([await holds.offer(first, one), await holds.offer(second, one)]).toEqual(['offered', 'full'])
    await holds.withdraw(first.paymentHash)
    await holds.withdraw(first.paymentHash)
    expect(await holds.offer(second, one)).toBe('offered')
    expect(await accept(holds, first)).toBe(false)
    expect(await opened.ledger.read(first.paymentHash)).toBeUndefined()
  })
})

describe('an accepted payment', () => {
  test('is accepted once, by whoever comes first, and has one job', async () => {
    await using opened = await openHolds()
    const { holds } = opened.ledger
    const offer = makeOffer()
    await holds.offer(offer, limits)
    const ids = Array.from({ length: 8 }, () => hexOf(16))
    const accepted = await Promise.all(ids.map((id) => accept(holds, offer, id)))
    expect(accepted.filter(Boolean)).toHaveLength(1)
    const record = await opened.ledger.read(offer.paymentHash)
    expect(record).toMatchObject({ state: 'held', job: { state: 'retryable', id: ids[accepted.indexOf(true)] } })
    expect(await holds.offers()).toEqual([])
    expect(await opened.ledger.sealedRequest(offer.paymentHash)).toEqual(new Uint8Array(offer.sealedRequest))
  })

  test('of an unknown hash is none', async () => {
    await using opened = await openHolds()
    expect(await accept(opened.ledger.holds, makeOffer())).toBe(false)
    expect(await opened.ledger.holds.undecided()).toEqual([])
  })

  test('is listed until its end is written down, also after a restart, when its run is nobody’s', async () => {
    await using opened = await openHolds()
    const [held, settling, cancelling, over] = [
      await heldWith(opened, 'running'),
      await heldWith(opened, 'captured'),
      await heldWith(opened, 'refused'),
      await heldWith(opened, 'refused'),
    ]
    await opened.ledger.holds.decideToSettle(settling.paymentHash, 'result')
    for (const { paymentHash } of [cancelling, over]) await opened.ledger.holds.decideToCancel(paymentHash)
    await opened.ledger.holds.conclude(over.paymentHash, 'cancelled')
    const listed = async () =>
      (await opened.ledger.holds.undecided()).map(({ paymentHash, state, jobState }) => [paymentHash, state, jobState])
    expect(await listed()).toEqual([
      [held.paymentHash, 'held', 'running'],
      [settling.paymentHash, 'settling', 'captured'],
      [cancelling.paymentHash, 'cancelling', 'refused'],
    ])
    await opened.reopen()
    expect((await listed()).map(([, state, jobState]) => [state, jobState])).toEqual([
      ['held', 'retryable'],
      ['settling', 'captured'],
      ['cancelling', 'refused'],
    ])
    const [first] = await opened.ledger.holds.undecided()
    const { tokenId, service, rev, wallet, priceMsat, mintedExpiry } = held
    expect(first).toMatchObject({ tokenId, service, rev, wallet, priceMsat, mintedExpiry, acceptedAtMs: now })
  })
})

test('a key is needed until the last payment under it has ended', async () => {
  await using opened = await openHolds()
  const { ledger } = opened
  const offer = await heldWith(opened, 'captured')
  const running = async () => (await ledger.keyUse(Number.parseInt(offer.tokenId.slice(0, 2), 16))).running
  expect(await running()).toBe(1)
  await ledger.holds.decideToSettle(offer.paymentHash, 'result')
  expect(await running()).toBe(1)
  await ledger.holds.conclude(offer.paymentHash, 'settled')
  expect(await running()).toBe(0)
})

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
    expect(await holds.conclude(offer.paymentHash, to)).toBe(may)
    expect((await statesOf(opened, offer))?.[0]).toBe(may ? to : from)
    // An end is the end.
    if (!may) return
    for (const other of ['settled', 'cancelled'] as const) {
      expect(await holds.conclude(offer.paymentHash, other)).toBe(false)
    }
    expect(await holds.decideToCancel(offer.paymentHash)).toBe(false)
    expect(await holds.decideToSettle(offer.paymentHash, 'patience')).toBe(false)
    expect((await statesOf(opened, offer))?.[0]).toBe(to)
    await opened.reopen()
    expect((await statesOf(opened, offer))?.[0]).toBe(to)
  })

  test('that nobody pays for leaves nothing of the request, and no claim', async () => {
    await using opened = await openHolds()
    const { holds } = opened.ledger
    const offer = await heldWith(opened, 'retryable')
    await holds.decideToCancel(offer.paymentHash)
    await holds.conclude(offer.paymentHash, 'cancelled')
    expect(await opened.ledger.sealedRequest(offer.paymentHash)).toBeUndefined()
    const { paymentHash, requestHash } = offer
    const claimed = await opened.ledger.claim(makeClaim({ paymentHash, requestHash, nowMs: now + hour }))
    expect(claimed.kind).toBe('standing')
  })

  test('of another payment or of none changes nothing', async () => {
    await using opened = await openHolds()
    const offer = await heldWith(opened, 'captured')
    for (const to of ['settled', 'cancelled'] as const)
      expect(await opened.ledger.holds.conclude(hexOf(32), to)).toBe(false)
    const upfront = makeClaim()
    await opened.ledger.claim(upfront)
    expect(await opened.ledger.holds.conclude(upfront.paymentHash, 'cancelled')).toBe(false)
    expect(await opened.ledger.holds.decideToCancel(upfront.paymentHash)).toBe(false)
    expect((await opened.ledger.read(upfront.paymentHash))?.state).toBe('settled')
    expect(await statesOf(opened, offer)).toEqual(['held', 'captured'])
  })
})
