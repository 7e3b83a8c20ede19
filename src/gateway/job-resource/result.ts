import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ErrorCode, GatewayError, type GatewayErrorOptions, type MoneyStatus } from '../../errors.ts'
import type { GenuineToken } from '../../l402/token.ts'
import type { PaymentRecord } from '../../ports/ledger.ts'
import type { Gateway } from '../gateway.ts'
import { noteDelivery } from '../redeem/answer.ts'
import { deliverStored } from '../redeem/deliver.ts'
import { openStored, type StoredResult } from '../redeem/stored.ts'
import type { RequestScope } from '../scope.ts'
import { chooseRange, type RangeChoice } from './range.ts'
import { pauseMs } from './status.ts'
import type { JobView } from './take-up.ts'

/**
 * Delivers what a job made, or says why there is nothing: with the status and headers that the service gave it, whole
 * or, of a 200, the part that was asked for. @throws GatewayError
 */
export async function sendResult(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  token: GenuineToken,
  view: JobView,
): Promise<void> {
  const record = finished(view)
  const { job } = record
  const stored = await openStored(gateway.ledger, record, token.preimage)
  const replayed = job.firstDeliveredAtMs !== undefined || gateway.deliveries.isNoted(token.paymentHash)
  const etag = `"${job.id}-${job.epoch}"`
  const range = rangeOf(incoming, stored, etag)
  const delivery = { money: moneyOf(record, replayed), replayed, etag, range }
  const whole = await deliverStored(incoming, outgoing, scope, stored, delivery)
  // Who asks for it in parts has it when the last part has gone.
  if (whole && (range.kind === 'whole' || range.end === stored.size)) {
    noteDelivery(gateway, token, { jobId: job.id, epoch: job.epoch, service: record.service }, replayed)
  }
}

/** @returns the row of a job whose answer is stored */
function finished({ record, situation, running, canGoOn, nowMs }: JobView): PaymentRecord {
  if (running) throw new GatewayError('job_unfinished', undefined, { retryAfterMs: pauseMs(record, nowMs) })
  switch (situation.kind) {
    case 'stored':
      return situation.record
    case 'claim':
    case 'rebind':
      if (!canGoOn) throw new GatewayError('job_needs_request')
      throw new GatewayError('job_unfinished', undefined, {
        retryAfterMs: 1000,
        money: 'unspent',
        action: 'retry_same_token',
      })
    case 'challenge':
      throw new GatewayError(situation.code === 'payment_cancelled' ? 'job_cancelled' : 'result_expired')
    case 'error':
      throw problem(situation.code, situation)
  }
}

function problem(code: ErrorCode, { retryAfterMs, reference }: GatewayErrorOptions): GatewayError {
  return new GatewayError(code, undefined, {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(reference !== undefined && { reference }),
  })
}

function moneyOf({ job }: PaymentRecord, replayed: boolean): MoneyStatus {
  if (job.state === 'refused') return job.rebound || job.shown ? 'refundable' : 'unspent'
  return replayed ? 'replayed' : 'spent'
}

/** RFC 9110, sections 13.1.5 and 14.2: only of a 200, and only while it is the result that the client began with. */
function rangeOf(
  { method, headers }: IncomingMessage,
  { head, size }: StoredResult,
  etag: string,
): Exclude<RangeChoice, { kind: 'unsatisfiable' }> {
  const condition = headers['if-range']
  const applies = method === 'GET' && head.status === 200 && (condition === undefined || condition === etag)
  const choice = applies ? chooseRange(headers.range, size) : ({ kind: 'whole' } as const)
  if (choice.kind !== 'unsatisfiable') return choice
  throw new GatewayError('range_not_satisfiable', undefined, { headers: { 'Content-Range': `bytes */${size}` } })
}
