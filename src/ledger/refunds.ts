import type { JobRecord, PaymentRecord } from '../ports/ledger.ts'

/**
 * Why a payment is owed back:
 * - `given_up`: its service failed too often;
 * - `refused`: the service refused its request, and it may not or can no longer be used for another one;
 * - `expired_unspent`: it failed or was turned away, and was not tried again while it was honoured;
 * - `terms_unreadable`: what was sold cannot be made any more;
 * - `revoked`: the operator withdrew it before its result was handed over;
 * - `restored`: the ledger was restored from a backup, and whether it was spent since is not known.
 */
export type RefundReason = 'given_up' | 'refused' | 'expired_unspent' | 'terms_unreadable' | 'revoked' | 'restored'

export interface Refund {
  /** What the buyer was shown. */
  readonly reference: string
  readonly paymentHash: string
  readonly service: string
  readonly wallet: string
  readonly priceMsat: bigint
  /** When the payment was presented for the first time, Unix ms. */
  readonly paidAtMs: number
  /** Since when it is owed, Unix ms. */
  readonly sinceMs: number
  readonly reason: RefundReason
  /** Error code of the last failure. */
  readonly lastCode: string | undefined
  /** Part of a result was shown before the service failed. */
  readonly shown: boolean
  readonly closed: { readonly note: string; readonly atMs: number } | undefined
}

/** What is owed, or was, for a payment; undefined for one that is spent or can still be used. */
export function refundOf(record: PaymentRecord, nowMs: number): Refund | undefined {
  const { job, refund } = record
  const due = refund ? (dueAlive(record, Number.POSITIVE_INFINITY) ?? revoked(record)) : dueNow(record, nowMs)
  if (!due) return undefined
  return {
    reference: job.id,
    paymentHash: record.paymentHash,
    service: record.service,
    wallet: record.wallet,
    priceMsat: record.priceMsat,
    paidAtMs: record.createdAtMs,
    ...due,
    lastCode: job.lastCode,
    shown: job.shown,
    closed: refund && { note: refund.note, atMs: refund.closedAtMs },
  }
}

type Due = Pick<Refund, 'reason' | 'sinceMs'>

function dueNow(record: PaymentRecord, nowMs: number): Due | undefined {
  switch (record.state) {
    case 'settled':
      return dueAlive(record, nowMs)
    case 'revoked':
      // A result that was handed over is paid for, whatever became of the token.
      return record.job.state === 'captured' && record.job.firstDeliveredAtMs !== undefined
        ? undefined
        : revoked(record)
    case 'held':
    case 'settling':
    case 'cancelling':
    case 'cancelled':
    case 'refunded':
      return undefined
  }
}

const revoked = ({ job, createdAtMs }: PaymentRecord): Due => ({
  reason: 'revoked',
  sinceMs: job.finishedAtMs ?? createdAtMs,
})

function dueAlive({ job, mintedExpiry, createdAtMs }: PaymentRecord, nowMs: number): Due | undefined {
  const endedMs = job.finishedAtMs ?? createdAtMs
  const overMs = Math.max(mintedExpiry * 1000, job.keepUntilMs ?? 0)
  switch (job.state) {
    case 'running':
    case 'captured':
      return undefined
    case 'given_up':
      return { reason: endings[job.lastCode ?? ''] ?? 'given_up', sinceMs: endedMs }
    case 'refused':
      if (isFinal(job)) return { reason: 'refused', sinceMs: endedMs }
      return nowMs >= overMs ? { reason: 'refused', sinceMs: overMs } : undefined
    case 'retryable':
      if (job.lastCode === 'refund_due') return { reason: 'terms_unreadable', sinceMs: endedMs }
      return nowMs >= overMs ? { reason: 'expired_unspent', sinceMs: overMs } : undefined
  }
}

const endings: Readonly<Record<string, RefundReason>> = { token_revoked: 'revoked', restored: 'restored' }

/** It cannot be used for another request. */
const isFinal = ({ rebound, shown }: JobRecord): boolean => rebound || shown
