import type { ClaimedJob } from '../../ports/ledger.ts'
import type { UpstreamCall, UpstreamHead } from '../../ports/upstream.ts'
import type { Failure, Judgement } from './judge.ts'
import { RecordingLost } from './recording.ts'
import type { JobPlan, RunDependencies } from './run-job.ts'
import { openOnce, sealOnce } from './seal-once.ts'
import { callFor, followUpstreamJob, readJobId, type UpstreamJobConfig, type UpstreamRef } from './upstream-job.ts'

/** The upstream has taken the request. */
export interface AcceptedAnswer {
  readonly kind: 'accepted'
  readonly head: UpstreamHead
  readonly body: Buffer
}

/** What a run does with answers. */
export interface Answers {
  /** Makes a call whose 2xx says what the work is called; another answer is judged. */
  readonly ask: (call: UpstreamCall) => Promise<Judgement | AcceptedAnswer>
  /** Makes a call, records its answer and judges it. */
  readonly fetch: (
    call: UpstreamCall,
  ) => Promise<{ readonly judgement: Judgement; readonly status: number | undefined }>
  /** Records and judges an answer that is there. */
  readonly keep: (head: UpstreamHead, body: Buffer) => Promise<Judgement>
}

/**
 * A run at an upstream that takes the request, and makes the result later. Its reference is committed before it is
 * asked for the first time, so however often this process ends, the work is paid for once.
 * @throws RecordingLost, LedgerError
 */
export async function runElsewhere(
  gateway: RunDependencies,
  plan: JobPlan,
  claimed: ClaimedJob,
  call: UpstreamCall,
  { ask, fetch, keep }: Answers,
): Promise<Judgement | { readonly kind: 'handed_over' }> {
  const { service } = plan
  const { upstreamJob: config } = service.config
  if (!config) throw new Error('the service has no upstream_job')
  const known = knownRef(gateway, plan, claimed)
  const ref = known ?? (await begin(gateway, plan, claimed, call, config, ask))
  if ('kind' in ref) return ref
  const { ending } = gateway.jobs
  const followed = await followUpstreamJob(gateway, {
    service,
    config,
    call,
    ref,
    resumed: known !== undefined,
    ending,
  })
  switch (followed.kind) {
    case 'inline': {
      const headers = ['Content-Type', followed.contentType]
      return await keep({ status: 200, headers, framing: 'length' }, followed.body)
    }
    case 'elsewhere': {
      const { judgement, status } = await fetch(
        callFor(call, followed.place, resultTimeouts(service.config.timeouts, config)),
      )
      return ofResult(judgement, status)
    }
    case 'failed':
    case 'handed_over':
      return followed
  }
}

/** Sends the request and commits what the work is called, unless the answer says otherwise. */
async function begin(
  gateway: RunDependencies,
  { paymentHash, preimage }: JobPlan,
  { epoch }: ClaimedJob,
  call: UpstreamCall,
  config: UpstreamJobConfig,
  ask: Answers['ask'],
): Promise<UpstreamRef | Judgement> {
  const timeouts = { ...call.timeouts, totalMs: Math.min(call.timeouts.totalMs, config.poll.timeoutMs) }
  const answer = await ask({ ...call, timeouts })
  if (answer.kind !== 'accepted') return answer
  const id = readJobId(config, answer)
  if (id === undefined) return nameless
  const ref: UpstreamRef = { id, begunMs: gateway.clock.nowMs() }
  const scope = { paymentHash, preimage, purpose: 'upstream' } as const
  const sealed = sealOnce(scope, Buffer.from(JSON.stringify(ref)), gateway.random)
  const kept = await gateway.ledger.keepUpstreamRef(paymentHash, epoch, sealed)
  if (!kept) throw new RecordingLost('another run has begun')
  return ref
}

/** It was taken, and cannot be asked for. */
const nameless: Failure = { kind: 'failed', code: 'upstream_answer_refused', counted: true, nextGeneration: true }

/**
 * A result that cannot be fetched is no reason to make it again, unless it is gone or not what was promised; and a 4xx
 * at its place is no refusal of the request.
 */
function ofResult(judgement: Judgement, status: number | undefined): Judgement {
  switch (judgement.kind) {
    case 'captured':
      return judgement
    case 'refused':
      return { ...nameless, nextGeneration: status === 404 || status === 410 }
    case 'failed':
      return { ...judgement, nextGeneration: judgement.code === 'result_mismatch' }
  }
}

/** A large result may take its time, and a server that says nothing may not. */
function resultTimeouts(timeouts: UpstreamCall['timeouts'], { poll }: UpstreamJobConfig): UpstreamCall['timeouts'] {
  const { totalMs, firstByteMs, idleMs } = timeouts
  return { totalMs, firstByteMs: Math.min(firstByteMs, poll.timeoutMs), idleMs: Math.min(idleMs, poll.timeoutMs) }
}

/** A reference that cannot be opened is as good as none. */
function knownRef(
  { events }: RunDependencies,
  { paymentHash, preimage }: JobPlan,
  { id, upstreamRef }: ClaimedJob,
): UpstreamRef | undefined {
  if (!upstreamRef) return undefined
  try {
    return JSON.parse(openOnce({ paymentHash, preimage, purpose: 'upstream' }, upstreamRef).toString()) as UpstreamRef
  } catch (cause) {
    events.unexpected(`job ${id}: its upstream reference cannot be opened`, cause)
    return undefined
  }
}
