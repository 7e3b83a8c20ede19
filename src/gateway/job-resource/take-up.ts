import { setTimeout as delay } from 'node:timers/promises'
import { GatewayError } from '../../errors.ts'
import type { GenuineToken } from '../../l402/token.ts'
import type { Gateway } from '../gateway.ts'
import type { RunningJob } from '../redeem/jobs.ts'
import { redeem } from '../redeem/redeem.ts'
import { servicesFor } from '../redeem/services-for.ts'
import { openRequest, type StoredRequest } from '../redeem/stored-request.ts'
import { lookAtPayment } from './look.ts'
import type { StatusFacts } from './status.ts'

/** A job as its resource sees it. */
export interface JobView extends StatusFacts {
  readonly run: RunningJob | undefined
}

/**
 * Looks at the job of a payment and, where nobody runs it and it may be run, runs it exactly as its own request would.
 * @param mayRun false only looks
 * @throws GatewayError `job_not_found`, and whatever running it throws
 */
export async function takeUp(
  gateway: Gateway,
  token: GenuineToken,
  requestId: string,
  mayRun: boolean,
): Promise<JobView> {
  const view = await look(gateway, token)
  if (!mayRun || view.running || view.situation.kind !== 'claim' || !view.canGoOn) return view
  const sealed = await gateway.ledger.sealedRequest(token.paymentHash)
  if (!sealed) return await look(gateway, token)
  const request = opened(token, sealed, view.record.job.id)
  const arrivedAtMs = gateway.clock.nowMs()
  const undecided = gateway.arrivals.enter(arrivedAtMs)
  const running = redeem(gateway, {
    ...request,
    token,
    ...servicesFor(gateway, token, request),
    arrivedAtMs,
    requestId,
    wantsNew: false,
    respondAsync: false,
    isPresented: true,
    waiting: { left: stays, wait: (waiting) => waiting },
  }).finally(() => undecided[Symbol.dispose]())
  const outcome = await Promise.race([running, delay(patienceMs, 'queued' as const, { ref: false })])
  if (outcome === 'queued') running.catch(() => undefined)
  if (outcome === 'queued' || outcome.kind !== 'running') return await look(gateway, token)
  const record = await gateway.ledger.read(token.paymentHash)
  return { ...view, record: record ?? view.record, running: true, run: outcome.job }
}

/** It keeps its place in the queue of its upstream, whoever asked for it. */
const stays = new AbortController().signal

/** Whoever asks where a job stands is not kept waiting for its turn. */
const patienceMs = 500

async function look(gateway: Gateway, token: GenuineToken): Promise<JobView> {
  const seen = await lookAtPayment(gateway, token)
  if (!seen) throw new GatewayError('job_not_found')
  const { state } = seen.record.job
  const running = seen.run !== undefined
  const unfinished = state === 'running' || state === 'retryable'
  const canGoOn = unfinished && (running || (await gateway.ledger.sealedRequest(token.paymentHash)) !== undefined)
  return { ...seen, running, canGoOn }
}

/** @throws GatewayError `internal` */
function opened(token: GenuineToken, sealed: Uint8Array, jobId: string): StoredRequest {
  try {
    return openRequest(token, sealed)
  } catch (cause) {
    throw new GatewayError('internal', `job ${jobId}: its request cannot be opened`, { cause })
  }
}
