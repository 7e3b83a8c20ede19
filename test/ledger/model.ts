import type { ClaimRequest, FailRequest, JobState } from '#src/ports/ledger.ts'

import { minute } from '../support/ledger/requests.ts'

/** What DESIGN §4 and §7 say of the ledger, in plain memory. */

export interface ModelJob {
  id: string
  requestHash: string
  rev: string
  state: JobState
  epoch: number
  generation: number
  attempts: number
  failures: number
  retryAtMs: number
  shown: boolean
  rebound: boolean
  mintedExpiry: number
  keepUntilMs: number
  resultTtlMs: number
  pruned: boolean
  /** Numbers of the frames that are stored. */
  frames: number[]
}

export type ModelOutcome = 'claimed' | 'expired' | 'standing'

export class LedgerModel {
  readonly jobs = new Map<string, ModelJob>()
  /** Payments a result was ever stored for, forgotten ones too. */
  readonly everCaptured = new Set<string>()
  #prunedThrough = 0
  /** The time that forgetting goes by: it began with the first watch and moves only as time really passes. */
  #trustedMs: number | undefined
  #watchedMonotonicMs: number | undefined

  claim(request: ClaimRequest): ModelOutcome {
    const job = this.jobs.get(request.paymentHash)
    if (!job) return this.#firstClaim(request)
    const waitMs = job.retryAtMs - request.nowMs
    const due = job.state === 'retryable' && !(waitMs > 0 && waitMs <= minute) && request.nowMs < honouredUntilMs(job)
    const abandoned = job.state === 'running' && request.takeover
    if (job.requestHash !== request.requestHash || !(due || abandoned)) return 'standing'
    begin(job, request)
    return 'claimed'
  }

  rebind(request: ClaimRequest): ModelOutcome {
    const job = this.jobs.get(request.paymentHash)
    if (!job) return 'expired'
    const free = job.state === 'refused' || job.state === 'given_up'
    const honoured = request.nowMs < honouredUntilMs(job)
    if (!free || job.shown || job.rebound || !honoured || job.requestHash === request.requestHash) return 'standing'
    const { requestHash, rev } = request
    begin(job, request)
    Object.assign(job, { requestHash, rev, rebound: true, generation: job.generation + 1, attempts: 0, failures: 0 })
    return 'claimed'
  }

  turnAway(request: ClaimRequest): void {
    if (this.jobs.has(request.paymentHash) || this.#firstClaim(request) === 'expired') return
    const job = this.jobs.get(request.paymentHash)
    if (job) Object.assign(job, { state: 'retryable', epoch: 0, keepUntilMs: request.nowMs + request.resultTtlMs })
  }

  show(paymentHash: string, epoch: number): boolean {
    const job = this.#run(paymentHash, epoch)
    if (job) job.shown = true
    return job !== undefined
  }

  append(paymentHash: string, epoch: number, seqs: readonly number[]): boolean {
    const job = this.#run(paymentHash, epoch)
    job?.frames.push(...seqs)
    return job !== undefined
  }

  capture(paymentHash: string, epoch: number, seqs: readonly number[], keepUntilMs: number): boolean {
    const job = this.#run(paymentHash, epoch)
    if (!job) return false
    Object.assign(job, { state: 'captured', keepUntilMs })
    job.frames.push(...seqs)
    this.everCaptured.add(paymentHash)
    return true
  }

  fail(request: FailRequest): boolean {
    const job = this.#run(request.paymentHash, request.epoch)
    if (!job) return false
    const { state, keepUntilMs, retryAtMs, frames } = request
    Object.assign(job, { state, keepUntilMs, retryAtMs, failures: job.failures + 1 })
    if (request.counted) job.attempts++
    if (request.nextGeneration) job.generation++
    if (frames.length === 0) job.frames = []
    else job.frames.push(...frames.map(({ seq }) => seq))
    return true
  }

  prune(nowMs: number, monotonicMs: number): void {
    const passedMs = monotonicMs - (this.#watchedMonotonicMs ?? monotonicMs)
    this.#watchedMonotonicMs = monotonicMs
    this.#trustedMs = (this.#trustedMs ?? nowMs) + passedMs
    const untilMs = Math.min(nowMs, this.#trustedMs)
    for (const [paymentHash, job] of this.jobs) {
      if (job.state === 'running' || job.keepUntilMs > untilMs) continue
      job.frames = []
      job.pruned = true
      if (job.state !== 'captured' || job.mintedExpiry * 1000 > untilMs) continue
      this.jobs.delete(paymentHash)
      this.#prunedThrough = Math.max(this.#prunedThrough, job.mintedExpiry)
    }
  }

  /** The process ends and another begins at this time. */
  reopen(nowMs: number): void {
    this.#watchedMonotonicMs = undefined
    for (const job of this.jobs.values()) {
      if (job.state !== 'running') continue
      Object.assign(job, { state: 'retryable', retryAtMs: 0, keepUntilMs: nowMs + job.resultTtlMs })
    }
  }

  #firstClaim(request: ClaimRequest): ModelOutcome {
    const { paymentHash, jobId, requestHash, rev, mintedExpiry, nowMs, resultTtlMs } = request
    if (nowMs >= mintedExpiry * 1000 || mintedExpiry <= this.#prunedThrough) return 'expired'
    const counters = { epoch: 1, generation: 0, attempts: 0, failures: 0, retryAtMs: 0, keepUntilMs: 0 }
    const flags = { shown: false, rebound: false, pruned: false }
    const job = { id: jobId, requestHash, rev, mintedExpiry, resultTtlMs, ...counters, ...flags }
    this.jobs.set(paymentHash, { ...job, state: 'running', frames: [] })
    return 'claimed'
  }

  #run(paymentHash: string, epoch: number): ModelJob | undefined {
    const job = this.jobs.get(paymentHash)
    return job?.state === 'running' && job.epoch === epoch ? job : undefined
  }
}

const honouredUntilMs = (job: ModelJob) => Math.max(job.mintedExpiry * 1000, job.keepUntilMs)

function begin(job: ModelJob, { resultTtlMs }: ClaimRequest): void {
  Object.assign(job, { state: 'running', epoch: job.epoch + 1, frames: [], pruned: false, resultTtlMs })
}
