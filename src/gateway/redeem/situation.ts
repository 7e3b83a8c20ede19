import type { ErrorCode, MoneyStatus } from '../../errors.ts'
import { longestRetryMs, type PaymentRecord } from '../../ports/ledger.ts'

/**
 * What a genuine token is worth for the request it comes with: one cell of the situation table, decided from the
 * ledger's row and the clock alone.
 */
export type Situation =
  /** Take it for this request. */
  | { readonly kind: 'claim' }
  /** Take it for this other request, under today's terms. */
  | { readonly kind: 'rebind' }
  /** Serve what is stored: the result, or the refusal. */
  | { readonly kind: 'stored'; readonly record: PaymentRecord }
  /** A payment is needed; the token does not cover this. */
  | { readonly kind: 'challenge'; readonly code: ErrorCode }
  | {
      readonly kind: 'error'
      readonly code: ErrorCode
      readonly retryAfterMs?: number
      readonly reference?: string
      /** Where it is not what the code says by itself. */
      readonly money?: MoneyStatus
    }

export interface SituationInput {
  readonly record: PaymentRecord | undefined
  /** The request is the one the payment is for: by the row, or by the minted caveats where there is no row. */
  readonly same: boolean
  /** Unix seconds. */
  readonly mintedAt: number
  /** Unix seconds. */
  readonly mintedExpiry: number
  /** A mismatch within this time of minting or failing is a client that changes its retry, not a new purchase. */
  readonly mismatchWindowMs: number
  /** The buyer has had the result, and asks for a new purchase of the same thing. */
  readonly wantsNew: boolean
  /** What the times of the token are held against: it may have waited since. */
  readonly arrivedAtMs: number
  readonly nowMs: number
}

export function situationOf(input: SituationInput): Situation {
  const { record, same, arrivedAtMs } = input
  if (!record) {
    if (same) return arrivedAtMs < input.mintedExpiry * 1000 ? { kind: 'claim' } : challenge('token_expired')
    return mismatch(input.mintedAt * 1000, input)
  }
  switch (record.state) {
    case 'revoked':
    case 'refunded':
      return withdrawn(record)
    case 'cancelled':
    case 'cancelling':
      return challenge('payment_cancelled')
    case 'settled':
    case 'held':
    case 'settling':
      return same ? sameRequest(record, input) : otherRequest(record, input)
  }
}

/** What the operator's word left of a payment, whatever it is presented for. */
export function withdrawn({ state, job }: PaymentRecord): Extract<Situation, { kind: 'error' }> {
  if (state === 'refunded') return { kind: 'error', code: 'refunded', reference: job.id }
  const had = job.state === 'captured' && job.firstDeliveredAtMs !== undefined
  return { kind: 'error', code: 'token_revoked', reference: job.id, ...(had && { money: 'spent' }) }
}

export const isWithdrawn = ({ state }: PaymentRecord): boolean => state === 'revoked' || state === 'refunded'

const takenSoonMs = 1_000

/** Until when a row is honoured, whatever the minted expiry alone would say. */
export function honouredUntilMs(record: PaymentRecord): number {
  return Math.max(record.mintedExpiry * 1000, record.job.keepUntilMs ?? 0)
}

function sameRequest(record: PaymentRecord, { nowMs, arrivedAtMs, wantsNew }: SituationInput): Situation {
  const { job } = record
  const over = arrivedAtMs >= honouredUntilMs(record)
  const kept = !job.pruned && arrivedAtMs < (job.keepUntilMs ?? 0)
  const due: Situation = { kind: 'error', code: 'refund_due', reference: job.id }
  // Its time begins when the wallet has taken it, which is a moment away: the preimage is here.
  const isStored = job.state === 'captured' || job.state === 'refused'
  if (record.state === 'settling' && job.state !== 'running' && (isStored ? !kept : over))
    return { kind: 'error', code: 'settlement_pending', retryAfterMs: takenSoonMs }
  switch (job.state) {
    case 'running':
      return { kind: 'claim' }
    case 'captured':
      if (wantsNew) return challenge('new_purchase')
      if (kept) return { kind: 'stored', record }
      return over ? challenge('token_expired') : { kind: 'error', code: 'result_expired' }
    case 'retryable': {
      if (over) return due
      const retryAfterMs = job.retryAtMs - nowMs
      if (retryAfterMs <= 0 || retryAfterMs > longestRetryMs) return { kind: 'claim' }
      return { kind: 'error', code: failureCode(job.lastCode), retryAfterMs }
    }
    case 'refused':
      return kept ? { kind: 'stored', record } : due
    case 'given_up':
      return over || job.lastCode === 'restored' ? due : { kind: 'error', code: 'given_up', reference: job.id }
  }
}

function otherRequest(record: PaymentRecord, input: SituationInput): Situation {
  const { job } = record
  switch (job.state) {
    case 'running':
      return challenge('token_in_use')
    case 'captured':
      return challenge('token_spent')
    case 'retryable':
      return mismatch(job.finishedAtMs ?? record.createdAtMs, input)
    case 'refused':
    case 'given_up':
      if (job.shown || job.rebound) return challenge('token_for_other_request')
      if (input.arrivedAtMs >= honouredUntilMs(record)) return { kind: 'error', code: 'refund_due', reference: job.id }
      return { kind: 'rebind' }
  }
}

function mismatch(sinceMs: number, { nowMs, mismatchWindowMs }: SituationInput): Situation {
  return nowMs < sinceMs + mismatchWindowMs
    ? { kind: 'error', code: 'request_mismatch' }
    : challenge('token_for_other_request')
}

const challenge = (code: ErrorCode): Situation => ({ kind: 'challenge', code })

const failureCodes: ReadonlySet<string> = new Set<ErrorCode>([
  'upstream_unreachable',
  'upstream_failed',
  'upstream_answer_refused',
  'upstream_cut_short',
  'result_too_large',
  'result_mismatch',
  'upstream_busy',
  'upstream_timeout',
])

const failureCode = (code: string | undefined): ErrorCode =>
  code !== undefined && failureCodes.has(code) ? (code as ErrorCode) : 'upstream_failed'
