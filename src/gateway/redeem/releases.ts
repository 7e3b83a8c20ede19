import type { Clock } from '../../ports/clock.ts'
import { type Ledger, LedgerError } from '../../ports/ledger.ts'

/** A run that is over and whose row says that it runs. */
export interface LostRun {
  readonly paymentHash: string
  readonly epoch: number
  /** How long a result of its service is kept, ms. */
  readonly resultTtlMs: number
}

const firstDelayMs = 1_000
const longestDelayMs = 30_000
/** More than these are left to their buyers and to the next start. */
const mostWaiting = 10_000

/**
 * Runs whose end could not be written. Their rows are let go as soon as the ledger can write again: until then their
 * payments can neither be owed nor refunded, and their key is needed, should no buyer return.
 */
export class Releases implements Disposable {
  readonly #ledger: Pick<Ledger, 'fail'>
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #waiting = new Map<string, LostRun>()
  #timer: NodeJS.Timeout | undefined
  #delayMs = firstDelayMs
  #closed = false

  readonly #onFailure: (cause: unknown) => void

  /** @param onFailure told of what is not the ledger's word that it cannot write now */
  constructor(ledger: Pick<Ledger, 'fail'>, clock: Pick<Clock, 'nowMs'>, onFailure: (cause: unknown) => void) {
    this.#ledger = ledger
    this.#clock = clock
    this.#onFailure = onFailure
  }

  /** Takes a run that is over; whoever begins another one for the payment meanwhile is left alone. */
  add(run: LostRun): void {
    if (this.#waiting.size < mostWaiting) this.#waiting.set(run.paymentHash, run)
    this.#schedule()
  }

  [Symbol.dispose](): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#closed || this.#waiting.size === 0) return
    this.#timer ??= setTimeout(() => void this.#round(), this.#delayMs).unref()
  }

  async #round(): Promise<void> {
    try {
      for (const run of this.#waiting.values()) {
        await this.#release(run)
        // The payment may be lost once more while this one is let go.
        if (this.#waiting.get(run.paymentHash) === run) this.#waiting.delete(run.paymentHash)
      }
      this.#delayMs = firstDelayMs
    } catch (thrown) {
      // The next start lets go of them all.
      if (!(thrown instanceof LedgerError) || thrown.code === 'closed') this.#waiting.clear()
      if (!(thrown instanceof LedgerError)) this.#onFailure(thrown)
      this.#delayMs = Math.min(longestDelayMs, this.#delayMs * 2)
    }
    this.#timer = undefined
    this.#schedule()
  }

  /** Writes under the epoch of the run, so that nothing changes where another one has begun, or it was stored after all. */
  async #release({ paymentHash, epoch, resultTtlMs }: LostRun): Promise<void> {
    const nowMs = this.#clock.nowMs()
    await this.#ledger.fail({
      paymentHash,
      epoch,
      state: 'retryable',
      code: 'ledger_unavailable',
      counted: false,
      nextGeneration: false,
      // At once, whatever the clock does.
      retryAtMs: 0,
      frames: [],
      resultBytes: 0,
      nowMs,
      keepUntilMs: nowMs + resultTtlMs,
    })
  }
}
