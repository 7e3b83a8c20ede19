import type { Service } from '../../catalog/service.ts'
import { reach } from '../../failpoints.ts'
import type { CallHealth } from '../../ports/guard.ts'
import { type ClaimedJob, LedgerError, longestRetryMs } from '../../ports/ledger.ts'
import type { UpstreamCall, UpstreamEnd, UpstreamHead } from '../../ports/upstream.ts'
import type { Gateway } from '../gateway.ts'
import { callHealth } from './call-health.ts'
import type { JobOutcome, LiveAnswer, RunningJob } from './jobs.ts'
import { type Failure, isWorthKeeping, type Judgement, judge } from './judge.ts'
import { memoryLimitBytes, Recording, RecordingLost } from './recording.ts'
import { type AcceptedAnswer, runElsewhere } from './run-elsewhere.ts'
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
  /** Told what each call of the run showed of its upstream. */
  readonly judged: (health: CallHealth) => void
}

export type RunDependencies = Pick<Gateway, 'ledger' | 'upstream' | 'clock' | 'events' | 'random' | 'jobs' | 'releases'>

const firstRetryMs = 1_000

/** An answer with an id in it is small. */
const maxReferenceBytes = 2 ** 20

const isSuccess = ({ status }: UpstreamHead): boolean => status >= 200 && status < 300

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
      show: () => this.#gateway.ledger.show(paymentHash, this.#claimed.epoch),
      read: (position) => readRecording(this.#recording, committed, position),
    }
  }

  async outcome(): Promise<JobOutcome> {
    try {
      return await this.#run()
    } catch (thrown) {
      this.#gateway.events.lost(this.#facts(), thrown)
      const { paymentHash, service } = this.#plan
      this.#gateway.releases.add({ paymentHash, epoch: this.#claimed.epoch, resultTtlMs: service.config.result.ttlMs })
      return { kind: 'lost' }
    } finally {
      this.#recording.end()
    }
  }

  async #run(): Promise<JobOutcome> {
    const begunMs = this.#gateway.clock.monotonicMs()
    const idempotencyKey = `${this.#plan.paymentHash}-${this.#claimed.generation}`
    const call = { ...this.#plan.call, idempotencyKey }
    const judgement = this.#plan.service.config.upstreamJob
      ? await runElsewhere(this.#gateway, this.#plan, this.#claimed, call, {
          ask: (asked) => this.#ask(asked),
          fetch: async (place) => ({ judgement: await this.#call(place), status: this.#head?.status }),
          keep: (head, body) => this.#keep(head, body),
        })
      : await this.#call(call)
    switch (judgement.kind) {
      case 'captured':
        return await this.#capture(this.#gateway.clock.monotonicMs() - begunMs)
      case 'refused':
        return await this.#refuse()
      case 'failed':
        return await this.#fail(judgement)
      case 'handed_over':
        return judgement
    }
  }

  /** Records the answer of a call, and says what it means. */
  async #call(call: UpstreamCall): Promise<Judgement> {
    return this.#judge(await this.#exchange(call))
  }

  /** A call whose success is not the result, but what that will be asked for with. */
  async #ask(call: UpstreamCall): Promise<Judgement | AcceptedAnswer> {
    const chunks: Buffer[] = []
    const end = await this.#exchange(call, chunks)
    const head = this.#head
    const framed = head?.framing !== 'close' || this.#plan.service.config.allowUnframed
    const whole = end.kind === 'complete' && !this.#tooLarge && framed
    if (!head || !whole || !isSuccess(head)) return this.#judge(end)
    this.#plan.judged('working')
    return { kind: 'accepted', head, body: Buffer.concat(chunks) }
  }

  /** Records an answer that has come in another way. */
  async #keep(head: UpstreamHead, body: Buffer): Promise<Judgement> {
    this.#head = head
    this.#tooLarge = body.length > this.#plan.service.config.result.maxBytes
    if (!this.#tooLarge) {
      this.#recording.begin(head)
      await this.#recording.write(body)
    }
    return this.#judge({ kind: 'complete', trailers: [] })
  }

  #judge(end: UpstreamEnd): Judgement {
    const judgement = judge({
      head: this.#head,
      end,
      tooLarge: this.#tooLarge,
      matchesSchema: () => this.#matchesSchema(),
      allowUnframed: this.#plan.service.config.allowUnframed,
    })
    this.#plan.judged(callHealth(judgement, end, this.#head?.status))
    return judgement
  }

  /** @param successes takes the body of a 2xx instead of the recording */
  async #exchange(call: UpstreamCall, successes?: Buffer[]): Promise<UpstreamEnd> {
    const { service } = this.#plan
    const stop = new AbortController()
    let aside = 0
    this.#head = undefined
    const end = await this.#gateway.upstream.exchange(
      call,
      {
        head: (head) => {
          reach('upstream_head')
          this.#head = head
          if (successes && isSuccess(head)) return
          if (isWorthKeeping(head, service.config.allowUnframed)) this.#recording.begin(head)
        },
        data: (chunk) => {
          reach('upstream_data')
          const isAside = successes !== undefined && this.#head !== undefined && isSuccess(this.#head)
          if (isAside) aside += chunk.length
          if (aside > maxReferenceBytes || this.#recording.size + chunk.length > service.config.result.maxBytes) {
            this.#tooLarge = true
            stop.abort()
            return undefined
          }
          if (isAside) {
            successes.push(chunk)
            return undefined
          }
          // A failure's body is of no use to anyone; only its status is looked at.
          return this.#recording.head ? this.#recording.write(chunk) : undefined
        },
      },
      stop.signal,
    )
    reach('upstream_end')
    const lost = end.kind === 'fault' && (end.cause instanceof RecordingLost || end.cause instanceof LedgerError)
    if (lost) throw end.cause
    return end
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
    // Of a refusal itself nothing is shown before it is stored.
    return { kind: 'refused', stored: await this.#stored(), final: this.#claimed.rebound || this.#claimed.shown }
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

  #facts() {
    return { service: this.#plan.service.name, jobId: this.#claimed.id, epoch: this.#claimed.epoch }
  }
}
