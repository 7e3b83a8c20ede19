import { randomBytes } from 'node:crypto'
import type { CaptureRequest, ClaimRequest, FailRequest, Frame, Ledger, PaymentRecord } from '#src/ports/ledger.ts'

/** What the ledger's tests ask of it, with everything that a test does not care about filled in. */

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour
export const year = 365 * day

export const hexOf = (bytes: number): string => randomBytes(bytes).toString('hex')

/** The moment that requests are made at unless they say otherwise: a whole second, near the real time. */
export const now: number = Math.floor(Date.now() / second) * second

export const lastingSeconds = (at: number, ms: number): number => Math.ceil((at + ms) / second)

/** A first claim of a payment of its own, for a request of its own, with a token that lives for a day. */
export function makeClaim(overrides: Partial<ClaimRequest> = {}): ClaimRequest {
  const nowMs = overrides.nowMs ?? now
  return {
    paymentHash: hexOf(32),
    tokenId: hexOf(32),
    service: 'make',
    rev: '0123456789abcdef',
    wallet: 'dev',
    priceMsat: 7_000n,
    quote: '[{"label":"flat","msat":7000}]',
    mintedExpiry: lastingSeconds(nowMs, day),
    requestHash: hexOf(32),
    jobId: hexOf(16),
    salt: randomBytes(16),
    nowMs,
    resultTtlMs: day,
    takeover: false,
    ...overrides,
  }
}

/** The same request on the same payment again: what a new attempt sends. */
export const again = (claim: ClaimRequest, overrides: Partial<ClaimRequest> = {}): ClaimRequest => ({
  ...claim,
  jobId: hexOf(16),
  salt: randomBytes(16),
  ...overrides,
})

/** Another request on the same payment. */
export const other = (claim: ClaimRequest, overrides: Partial<ClaimRequest> = {}): ClaimRequest =>
  again(claim, { requestHash: hexOf(32), ...overrides })

export const makeFrame = (seq: number, sealed: Uint8Array = Buffer.from(`frame ${seq}`)): Frame => ({
  seq,
  kind: seq === 0 ? 'head' : 'data',
  sealed,
})

type Paid = Pick<ClaimRequest, 'paymentHash' | 'nowMs'>

export const makeCapture = ({ paymentHash, nowMs }: Paid, overrides: Partial<CaptureRequest> = {}): CaptureRequest => ({
  paymentHash,
  epoch: 1,
  frames: [makeFrame(0)],
  resultBytes: 7,
  nowMs,
  keepUntilMs: (overrides.nowMs ?? nowMs) + day,
  ...overrides,
})

/** A failure that may be tried again a second later and counts. */
export const makeFail = ({ paymentHash, nowMs }: Paid, overrides: Partial<FailRequest> = {}): FailRequest => ({
  paymentHash,
  epoch: 1,
  state: 'retryable',
  code: 'upstream_failed',
  counted: true,
  nextGeneration: true,
  retryAtMs: (overrides.nowMs ?? nowMs) + second,
  frames: [],
  resultBytes: 0,
  nowMs,
  keepUntilMs: (overrides.nowMs ?? nowMs) + day,
  ...overrides,
})

/** A refusal whose answer is stored. */
export const makeRefusal = (claim: Paid, overrides: Partial<FailRequest> = {}): FailRequest =>
  makeFail(claim, { state: 'refused', counted: false, frames: [makeFrame(0)], resultBytes: 7, ...overrides })

export const makeGivenUp = (claim: Paid, overrides: Partial<FailRequest> = {}): FailRequest =>
  makeFail(claim, { state: 'given_up', ...overrides })

/** The row of a payment that must have one. */
export async function rowOf(
  ledger: Ledger,
  { paymentHash }: Pick<ClaimRequest, 'paymentHash'>,
): Promise<PaymentRecord> {
  const record = await ledger.read(paymentHash)
  if (!record) throw new Error('the payment has no row')
  return record
}

/** Every stored frame of a payment's job, by number. */
export async function framesOf(ledger: Ledger, claim: Pick<ClaimRequest, 'paymentHash'>): Promise<number[]> {
  const { job } = await rowOf(ledger, claim)
  const frames = await ledger.frames(claim.paymentHash, job.epoch, 0, 2 ** 30)
  return frames.map(({ seq }) => seq)
}
