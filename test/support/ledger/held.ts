import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { HoldLimits, HoldOffer, Holds } from '#src/ports/holds.ts'
import type { LedgerWithHolds } from './opened-holds.ts'
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
} from './requests.ts'

export const limits: HoldLimits = { maxOpen: 100, maxBytes: 100_000, maxPerClient: 100 }

export const makeOffer = (overrides: Partial<HoldOffer> = {}): HoldOffer => ({
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

export const accept = (holds: Holds, { paymentHash }: HoldOffer, jobId = hexOf(16)) =>
  holds.accept(paymentHash, jobId, 24 * hour, now)

/** What the ledger says of the payment and its job. */
export async function statesOf({ ledger }: LedgerWithHolds, { paymentHash }: HoldOffer) {
  const record = await ledger.read(paymentHash)
  return record && [record.state, record.job.state]
}

/** What the job of a held payment may have come to. */
export const ends = ['fresh', 'running', 'retryable', 'captured', 'refused', 'given_up'] as const
export type End = (typeof ends)[number]

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

export async function heldWith(opened: LedgerWithHolds, end: End): Promise<HoldOffer> {
  const offer = makeOffer()
  await opened.ledger.holds.offer(offer, limits)
  await accept(opened.ledger.holds, offer)
  await bringTo(opened, offer, end)
  return offer
}
