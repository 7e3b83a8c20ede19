import type { ErrorCode } from '../../errors.ts'
import type { PaymentRecord } from '../../ports/ledger.ts'
import type { Recording } from './recording.ts'
import type { StoredResult } from './stored.ts'

/** A run of a job in this process. It goes on whoever is waiting for it, or nobody. */
export interface RunningJob {
  readonly jobId: string
  readonly epoch: number
  /** 64 hex digits. */
  readonly requestHash: string
  /** Resolves after the commit that ended the run. Never rejects. */
  readonly outcome: Promise<JobOutcome>
  /** Undefined where results are served only when they are whole. */
  readonly live: LiveAnswer | undefined
}

/** The answer of a service that sends bytes on as they come. */
export interface LiveAnswer {
  readonly recording: Recording
  /** Commits that bytes are about to be shown; false when this run no longer counts. */
  show(): Promise<boolean>
  /** A piece of what has come so far. */
  read(position: number): Promise<Buffer>
}

export type JobOutcome =
  | { readonly kind: 'captured'; readonly stored: StoredResult }
  | { readonly kind: 'refused'; readonly stored: StoredResult; readonly final: boolean }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly retryAfterMs: number }
  | { readonly kind: 'given_up'; readonly reference: string }
  /** The process is ending; an asynchronous upstream goes on, and the next run asks it. */
  | { readonly kind: 'handed_over' }
  /** The ledger could not store it, or another run has begun. */
  | { readonly kind: 'lost' }

export type JobEntry =
  | { readonly kind: 'busy' }
  | { readonly kind: 'attached'; readonly job: RunningJob }
  /** Nothing ran, and the claim, this one or the one it waited for, began nothing. */
  | { readonly kind: 'not_started'; readonly reason: NotClaimed }

/** Why a claim brought no job: the token is over, or the row stands otherwise. */
export type NotClaimed = 'expired' | PaymentRecord

interface Entry {
  readonly requestHash: string
  /** The job once its claim is committed, or why the claim brought none; undefined when it failed. */
  readonly started: Promise<RunningJob | { readonly reason: NotClaimed } | undefined>
}

/**
 * The jobs of this process by payment hash: at most one each. A claim is made only by whoever holds the place, so a row
 * that runs without a place here is nobody's.
 */
export class Jobs {
  readonly #entries = new Map<string, Entry>()
  #idle = Promise.withResolvers<void>()
  readonly #ending = new AbortController()

  /** Aborted when the process is about to end: work that goes on elsewhere is no longer waited for. */
  get ending(): AbortSignal {
    return this.#ending.signal
  }

  /** Lets go of what another process can take up. */
  handOver(): void {
    this.#ending.abort()
  }

  get size(): number {
    return this.#entries.size
  }

  /** What runs for a payment, for readers that must not start anything. */
  async running(paymentHash: string): Promise<RunningJob | undefined> {
    const started = await this.#entries.get(paymentHash)?.started
    return started && 'outcome' in started ? started : undefined
  }

  /**
   * Joins the job of a payment when it runs for the same request; otherwise starts it.
   * @param start claims and begins the run; called at most once, never while another call for this payment is inside
   * @returns undefined when a claim by somebody else failed meanwhile: try again
   */
  async join(
    paymentHash: string,
    requestHash: string,
    start: () => Promise<RunningJob | { readonly reason: NotClaimed }>,
  ): Promise<JobEntry | undefined> {
    const entry = this.#entries.get(paymentHash)
    if (entry) {
      if (entry.requestHash !== requestHash) return { kind: 'busy' }
      return joined(await entry.started)
    }
    const place = Promise.withResolvers<RunningJob | { readonly reason: NotClaimed } | undefined>()
    this.#entries.set(paymentHash, { requestHash, started: place.promise })
    try {
      const started = await start()
      if ('reason' in started) this.#leave(paymentHash)
      else void started.outcome.then(() => this.#leave(paymentHash))
      place.resolve(started)
      return joined(started)
    } catch (thrown) {
      this.#leave(paymentHash)
      place.resolve(undefined)
      throw thrown
    }
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    while (this.#entries.size > 0) await this.#idle.promise
  }

  #leave(paymentHash: string): void {
    this.#entries.delete(paymentHash)
    if (this.#entries.size > 0) return
    this.#idle.resolve()
    this.#idle = Promise.withResolvers()
  }
}

const joined = (started: RunningJob | { readonly reason: NotClaimed } | undefined): JobEntry | undefined =>
  started &&
  ('reason' in started ? { kind: 'not_started', reason: started.reason } : { kind: 'attached', job: started })
