import type { Service } from '../../catalog/service.ts'
import { reach } from '../../failpoints.ts'
import { type ClaimedJob, LedgerError } from '../../ports/ledger.ts'
import type { UpstreamCall, UpstreamEnd, UpstreamHead } from '../../ports/upstream.ts'
import type { Gateway } from '../gateway.ts'
import type { JobOutcome, LiveAnswer, RunningJob } from './jobs.ts'
import { type Failure, isWorthKeeping, judge } from './judge.ts'
import { memoryLimitBytes, Recording, RecordingLost } from './recording.ts'
import { Sealer } from './seal.ts'
import { fromMemory, openStored, readCommitted, readRecording } from './stored.ts'

/** All that a run needs. It belongs to no client: once claimed, it goes to its end. */
export interface JobPlan {
  readonly paymentHash: string
  readonly preimage: string
  readonly requestHash: string
  /** 16 bytes, as claimed. */
  readonly salt: Buffer
  /** Today's service of that name where there is one: limits, attempts and result rules. */
  readonly service: Service
  /** Without the idempotency key, which depends on the claim. */
  readonly call: Omit<UpstreamCall, 'idempotencyKey'>
}

type RunDependencies = Pick<Gateway, 'ledger' | 'upstream' | 'clock' | 'events'>

const firstRetryMs = 1_000
const longestRetryMs = 60_000

export function startJob(gateway: RunDependencies, plan: JobPlan, claimed: ClaimedJob): RunningJob {
  const run = new JobRun(gateway, plan, claimed)
  return {
    jobId: claimed.id,
    epoch: claimed.epoch,
    requestHash: plan.requestHash,
    outcome: run.outcome(),
    live: plan.service.config.stream ? run.live() : undefined,
  }
}

class JobRun {
  readonly #gateway: RunDependencies
  readonly #plan: JobPlan
  readonly #claimed: ClaimedJob
  readonly #recording: Recording
  #shown: Promise<boolean> | undefined
  #head: UpstreamHead | undefined
  #tooLarge = false

  constructor(gateway: RunDependencies, plan: JobPlan, claimed: ClaimedJob) {
    this.#gateway = gateway
    this.#plan = plan
    this.#claimed = claimed
    const { paymentHash, preimage, salt, service } = plan
    const sealer = new Sealer({ preimage, paymentHash, epoch: claimed.epoch, salt, purpose: 'result' })
    const append = (frames: Parameters<Gateway['ledger']['append']>[2]) =>
      gateway.ledger.append(paymentHash, claimed.epoch, frames)
    this.#recording = new Recording(sealer, append, service.validateResult !== undefined)
  }

  live(): LiveAnswer {
    const { paymentHash, preimage, salt } = this.#plan
    const scope = { jobId: this.#claimed.id, paymentHash, epoch: this.#claimed.epoch, salt, preimage }
    const committed = readCommitted(this.#gateway.ledger, scope)
    return {
      recording: this.#recording,
      show: () => (this.#shown ??= this.#gateway.ledger.show(paymentHash, this.#claimed.epoch)),
      read: (position) => readRecording(this.#recording, committed, position),
    }
  }

  async outcome(): Promise<JobOutcome> {
    try {
      return await this.#run()
    } catch (thrown) {
      this.#gateway.events.lost(this.#facts(), thrown)
      return { kind: 'lost' }
    } finally {
      this.#recording.end()
    }
  }

  async #run(): Promise<JobOutcome> {
    const begunMs = this.#gateway.clock.monotonicMs()
    const end = await this.#exchange()
    reach('upstream_end')
    const lost = end.kind === 'fault' && (end.cause instanceof RecordingLost || end.cause instanceof LedgerError)
    if (lost) throw end.cause
    const { service } = this.#plan
    const judgement = judge({
      head: this.#head,
      end,
      tooLarge: this.#tooLarge,
      matchesSchema: () => this.#matchesSchema(),
      allowUnframed: service.config.allowUnframed,
    })
    switch (judgement.kind) {
      case 'captured':
        return await this.#capture(this.#gateway.clock.monotonicMs() - begunMs)
      case 'refused':
        return await this.#refuse()
      case 'failed':
        return await this.#fail(judgement)
    }
  }

  #exchange(): Promise<UpstreamEnd> {
    const { call, service, paymentHash } = this.#plan
    const idempotencyKey = `${paymentHash}-${this.#claimed.generation}`
    const stop = new AbortController()
    return this.#gateway.upstream.exchange(
      { ...call, idempotencyKey },
      {
        head: (head) => {
          reach('upstream_head')
          this.#head = head
          if (isWorthKeeping(head, service.config.allowUnframed)) this.#recording.begin(head)
        },
        data: (chunk) => {
          reach('upstream_data')
          if (this.#recording.size + chunk.length > service.config.result.maxBytes) {
            this.#tooLarge = true
            stop.abort()
            return undefined
          }
          // A failure's body is of no use to anyone; only its status is looked at.
          return this.#recording.head ? this.#recording.write(chunk) : undefined
        },
      },
      stop.signal,
    )
  }

  #matchesSchema(): boolean {
    const { validateResult } = this.#plan.service
    if (!validateResult) return true
    const body = this.#recording.body
    if (!body) return false
    try {
      return validateResult(JSON.parse(Buffer.concat(body).toString('utf8'))).ok
    } catch {
      return false
    }
  }

  async #capture(upstreamMs: number): Promise<JobOutcome> {
    const { ledger, clock, events } = this.#gateway
    const nowMs = clock.nowMs()
    const frames = await this.#recording.finish()
    const done = await ledger.capture({
      paymentHash: this.#plan.paymentHash,
      epoch: this.#claimed.epoch,
      frames,
      resultBytes: this.#recording.size,
      nowMs,
      keepUntilMs: nowMs + this.#plan.service.config.result.ttlMs,
    })
    if (!done) throw new RecordingLost('another run has begun')
    reach('captured')
    events.captured(this.#facts(), this.#recording.size, upstreamMs)
    return { kind: 'captured', stored: await this.#stored() }
  }

  async #refuse(): Promise<JobOutcome> {
    const frames = await this.#recording.finish()
    await this.#commitFailure({ code: 'invalid_request', counted: false, nextGeneration: true }, 'refused', frames)
    this.#gateway.events.refused(this.#facts(), this.#head?.status ?? 0)
    return { kind: 'refused', stored: await this.#stored(), final: this.#claimed.rebound || (await this.#wasShown()) }
  }

  async #fail(failure: Failure): Promise<JobOutcome> {
    const { service } = this.#plan
    const shownBefore = this.#claimed.shown
    const attempts = this.#claimed.attempts + (failure.counted ? 1 : 0)
    // After bytes were shown one more run is fair; a third would let a buyer choose between samples.
    const givenUp = attempts >= service.config.attempts || (shownBefore && failure.counted)
    const retryAfterMs = Math.max(
      failure.retryAfterMs ?? 0,
      Math.min(longestRetryMs, firstRetryMs * 2 ** this.#claimed.failures),
    )
    await this.#commitFailure(failure, givenUp ? 'given_up' : 'retryable', [], retryAfterMs)
    const upstreamStatus = this.#head?.status
    this.#gateway.events.failed(this.#facts(), {
      code: failure.code,
      counted: failure.counted,
      givenUp,
      upstreamStatus,
    })
    return givenUp
      ? { kind: 'given_up', reference: this.#claimed.id }
      : { kind: 'failed', code: failure.code, retryAfterMs }
  }

  async #commitFailure(
    failure: Pick<Failure, 'code' | 'counted' | 'nextGeneration'>,
    state: 'retryable' | 'refused' | 'given_up',
    frames: Awaited<ReturnType<Recording['finish']>>,
    retryAfterMs = 0,
  ): Promise<void> {
    const { ledger, clock } = this.#gateway
    const nowMs = clock.nowMs()
    const done = await ledger.fail({
      paymentHash: this.#plan.paymentHash,
      epoch: this.#claimed.epoch,
      state,
      code: failure.code,
      counted: failure.counted,
      nextGeneration: failure.nextGeneration,
      retryAtMs: nowMs + retryAfterMs,
      frames,
      resultBytes: frames.length > 0 ? this.#recording.size : 0,
      nowMs,
      keepUntilMs: nowMs + this.#plan.service.config.result.ttlMs,
    })
    if (!done) throw new RecordingLost('another run has begun')
  }

  /** From memory where all of it is there, so that an ordinary result is never read back. */
  async #stored() {
    const { head, body } = this.#recording
    if (head && body && this.#recording.size <= memoryLimitBytes) return fromMemory(head, body)
    const record = await this.#gateway.ledger.read(this.#plan.paymentHash)
    if (!record) throw new RecordingLost('the row is gone')
    return await openStored(this.#gateway.ledger, record, this.#plan.preimage)
  }

  async #wasShown(): Promise<boolean> {
    return this.#claimed.shown || ((await this.#shown) ?? false)
  }

  #facts() {
    return { service: this.#plan.service.name, jobId: this.#claimed.id, epoch: this.#claimed.epoch }
  }
}
