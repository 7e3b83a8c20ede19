import { type ErrorCode, errorCatalogue, type MoneyAction, type MoneyStatus } from '../../errors.ts'
import type { PaymentRecord } from '../../ports/ledger.ts'
import type { GatewaySettings } from '../gateway.ts'
import type { Situation } from '../redeem/situation.ts'

/** How a job stands, for its buyer. */
export type JobStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'expired'

export interface JobDocument {
  readonly id: string
  readonly service: string
  readonly state: JobStatus
  readonly createdAt: string
  readonly finishedAt?: string
  /** Until when the result can be fetched. */
  readonly expiresAt?: string
  /** How often it was begun. */
  readonly runs: number
  readonly payment: { readonly status: MoneyStatus; readonly action: MoneyAction; readonly reference?: string }
  /** What went wrong last; while `queued` it is tried again. */
  readonly error?: { readonly code: string; readonly title: string }
  readonly retryAfterSeconds?: number
  readonly links: { readonly self: string; readonly result: string }
}

interface Standing {
  readonly state: JobStatus
  readonly money: MoneyStatus
  readonly action: MoneyAction
  readonly code?: ErrorCode
  readonly retryAfterMs?: number
}

export interface StatusFacts {
  readonly record: PaymentRecord
  /** What the payment is worth for its own request. */
  readonly situation: Situation
  /** A run is under way in this process. */
  readonly running: boolean
  /** The request is kept, so asking again can run it. */
  readonly canGoOn: boolean
  readonly nowMs: number
}

const longestPauseMs = 30_000

export function describeJob(settings: GatewaySettings, facts: StatusFacts): JobDocument {
  const { job, service, createdAtMs } = facts.record
  const { state, code, retryAfterMs } = standingOf(facts)
  const over = state !== 'running' && state !== 'queued'
  const self = jobPath(settings, job.id)
  return {
    id: job.id,
    service,
    state,
    createdAt: isoTime(createdAtMs),
    ...(over && job.finishedAtMs !== undefined && { finishedAt: isoTime(job.finishedAtMs) }),
    ...(state === 'succeeded' && job.keepUntilMs !== undefined && { expiresAt: isoTime(job.keepUntilMs) }),
    runs: job.epoch,
    payment: moneyOfJob(facts),
    ...(code !== undefined && { error: { code, title: errorCatalogue[code].title } }),
    ...(retryAfterMs !== undefined && { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) }),
    links: { self, result: `${self}/result` },
  }
}

/** Relative to the request's own address, so that it stays where the buyer has sent the credential. */
export const jobPath = (settings: Pick<GatewaySettings, 'sitePrefix'>, jobId: string): string =>
  `${settings.sitePrefix}/jobs/${jobId}`

/** The longer it has taken, the longer it may take: a tenth of that, within limits. */
export const pauseMs = ({ createdAtMs }: PaymentRecord, nowMs: number): number =>
  Math.min(longestPauseMs, Math.max(1000, (nowMs - createdAtMs) / 10))

/** The word on its money alone. */
export function moneyOfJob(facts: StatusFacts): JobDocument['payment'] {
  const { money, action } = standingOf(facts)
  return { status: money, action, ...(money === 'refundable' && { reference: facts.record.job.id }) }
}

function standingOf({ record, situation, running, canGoOn, nowMs }: StatusFacts): Standing {
  const { job } = record
  if (running) {
    const money = record.state === 'settled' ? 'in-progress' : 'held'
    return { state: 'running', money, action: 'none', retryAfterMs: pauseMs(record, nowMs) }
  }
  switch (situation.kind) {
    case 'claim':
    case 'rebind':
      return canGoOn
        ? { state: 'queued', money: 'unspent', action: 'retry_same_token', retryAfterMs: 1000 }
        : { state: 'failed', money: 'unspent', action: 'resend_original', code: 'job_needs_request' }
    case 'stored': {
      if (job.state === 'captured') return { state: 'succeeded', money: 'spent', action: 'none' }
      const final = job.rebound || job.shown
      return final
        ? { state: 'failed', money: 'refundable', action: 'contact_seller' }
        : { state: 'failed', money: 'unspent', action: 'use_for_another_request' }
    }
    case 'challenge':
      return situation.code === 'payment_cancelled'
        ? { state: 'failed', money: 'not-charged', action: 'none', code: 'job_cancelled' }
        : { state: 'expired', money: 'spent', action: 'none', code: 'result_expired' }
    case 'error':
      return troubled(situation, canGoOn)
  }
}

function troubled(situation: Extract<Situation, { kind: 'error' }>, canGoOn: boolean): Standing {
  const { code, retryAfterMs } = situation
  const { money, action }: Pick<Standing, 'money' | 'action'> =
    situation.money === undefined ? errorCatalogue[code] : { money: situation.money, action: 'none' }
  if (retryAfterMs !== undefined)
    return canGoOn
      ? { state: 'queued', money, action, code, retryAfterMs }
      : { state: 'failed', money, action: 'resend_original', code, retryAfterMs }
  return { state: code === 'result_expired' || code === 'refund_due' ? 'expired' : 'failed', money, action, code }
}

const isoTime = (ms: number): string => new Date(ms).toISOString()
