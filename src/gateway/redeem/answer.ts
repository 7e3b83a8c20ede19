import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../../errors.ts'
import type { GenuineToken } from '../../l402/token.ts'
import type { Gateway } from '../gateway.ts'
import { sendAccepted } from '../job-resource/accepted.ts'
import { waitFor } from '../job-resource/wait-for.ts'
import type { Preferences } from '../request/prefer.ts'
import type { RequestScope } from '../scope.ts'
import { type Delivery, deliverLive, deliverStored } from './deliver.ts'
import type { JobOutcome, RunningJob } from './jobs.ts'
import type { RedeemOutcome } from './redeem.ts'
import { isWithdrawn } from './situation.ts'
import type { StoredResult } from './stored.ts'

/** Answers a request whose payment was found good for it. @throws GatewayError for a run that failed */
export async function answerRedemption(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  { token, preferences }: { readonly token: GenuineToken; readonly preferences: Preferences },
  outcome: Exclude<RedeemOutcome, { kind: 'challenge' }>,
): Promise<void> {
  const deliver = async (facts: { jobId: string; epoch: number }, stored: StoredResult, delivery: Delivery) => {
    const whole = await deliverStored(incoming, outgoing, scope, stored, delivery)
    if (whole) noteDelivery(gateway, token, { ...facts, service: token.terms.service }, delivery.replayed)
  }
  if (outcome.kind === 'stored') {
    const { record, stored } = outcome
    const { job } = record
    const replayed = job.firstDeliveredAtMs !== undefined || gateway.deliveries.isNoted(token.paymentHash)
    if (job.state === 'refused')
      return await deliver({ jobId: job.id, epoch: job.epoch }, stored, refusal(job.rebound || job.shown, replayed))
    return await deliver({ jobId: job.id, epoch: job.epoch }, stored, {
      money: replayed ? 'replayed' : 'spent',
      replayed,
    })
  }
  const { job } = outcome
  if (preferences.respondAsync) {
    const ended = await scope.wait(waitFor(job.outcome, preferences.waitMs, outgoing))
    if (!ended) return await sendAccepted(gateway, incoming, outgoing, scope, token.paymentHash, preferences)
  } else if (job.live) {
    const whole = await deliverLive(incoming, outgoing, scope, job, job.live)
    if (whole) noteDelivery(gateway, token, { jobId: job.jobId, epoch: job.epoch, service: token.terms.service }, false)
    if (whole !== undefined) return
  }
  const ended = await scope.wait(job.outcome)
  switch (ended.kind) {
    case 'captured':
      return await deliver(job, ended.stored, { money: 'spent', replayed: false })
    case 'refused':
      return await deliver(job, ended.stored, refusal(ended.final, false))
    case 'lost':
      throw (await withdrawal(gateway, token)) ?? failureOf(ended, job)
    default:
      throw failureOf(ended, job)
  }
}

/** A run also ends with nothing to show when its payment was withdrawn meanwhile. @throws LedgerError */
async function withdrawal({ ledger }: Gateway, { paymentHash }: GenuineToken): Promise<GatewayError | undefined> {
  const record = await ledger.read(paymentHash)
  if (!record || !isWithdrawn(record)) return undefined
  return new GatewayError(record.state === 'refunded' ? 'refunded' : 'token_revoked', undefined, {
    reference: record.job.id,
  })
}

const refusal = (final: boolean, replayed: boolean): Delivery => ({ money: final ? 'refundable' : 'unspent', replayed })

function failureOf(outcome: Exclude<JobOutcome, { kind: 'captured' | 'refused' }>, job: RunningJob): GatewayError {
  switch (outcome.kind) {
    case 'failed':
      return new GatewayError(outcome.code, undefined, { retryAfterMs: outcome.retryAfterMs })
    case 'given_up':
      return new GatewayError('given_up', undefined, { reference: outcome.reference })
    case 'handed_over':
      return new GatewayError('not_ready', 'the gateway is being restarted; the work goes on', {
        retryAfterMs: 2_000,
        money: 'unspent',
        action: 'retry_same_token',
      })
    case 'lost':
      return new GatewayError('ledger_unavailable', undefined, { retryAfterMs: 5_000, reference: job.jobId })
  }
}

/** Tells of a delivery, and remembers the first. */
export function noteDelivery(
  gateway: Gateway,
  token: GenuineToken,
  facts: { service: string; jobId: string; epoch: number },
  replayed: boolean,
): void {
  gateway.events.delivered(facts, replayed)
  if (!replayed) gateway.deliveries.note(token.paymentHash)
}
