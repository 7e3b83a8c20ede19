import type { Clock } from '../ports/clock.ts'

const windowMs = 60_000

/** At most so many calls in any minute, whatever the minute begins with. Providers shut out whoever makes one more. */
export class MintBudget {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  /** When the last calls were made; the next to be overwritten is the oldest. */
  readonly #takenAtMs: Float64Array
  #next = 0

  constructor(perMinute: number, clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
    this.#takenAtMs = new Float64Array(perMinute).fill(Number.NEGATIVE_INFINITY)
  }

  /** How long until a call may be made; 0: now. */
  waitMs(): number {
    return Math.max(0, (this.#takenAtMs[this.#next] ?? 0) + windowMs - this.#clock.monotonicMs())
  }

  /** Takes one call out of the budget. */
  take(): boolean {
    if (this.waitMs() > 0) return false
    this.#takenAtMs[this.#next] = this.#clock.monotonicMs()
    this.#next = (this.#next + 1) % this.#takenAtMs.length
    return true
  }
}
