import type { Clock } from '../ports/clock.ts'

export interface BreakerOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** 0 to 1. */
  readonly random: () => number
  /** Called with how long the pause is, at the start of the first of a row of pauses. */
  readonly onOpen: (forMs: number) => void
  readonly onClose: () => void
}

export interface Failure {
  /** Another call would fail too: pause without waiting for more failures. */
  readonly certain: boolean
  /** The least pause, where the other side named one. */
  readonly retryAfterMs: number | undefined
}

const failuresToOpen = 3
const firstPauseMs = 5_000
const longestPauseMs = 60_000

/**
 * Leaves something alone that fails. After a few failures in a row nothing is called for a while; then one call may
 * try, and its outcome decides for all.
 */
export class Breaker {
  readonly #options: BreakerOptions
  #failures = 0
  #pauses = 0
  #openUntilMs = 0
  #trying = false

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  get isOpen(): boolean {
    return this.#pauses > 0
  }

  /** How long no call may be made; 0: one may be made now. */
  waitMs(): number {
    if (this.#pauses === 0) return 0
    const leftMs = Math.max(0, this.#openUntilMs - this.#options.clock.monotonicMs())
    return this.#trying ? Math.max(1_000, leftMs) : leftMs
  }

  /** Asks to make a call; whoever gets true says how it ended. */
  enter(): boolean {
    if (this.#pauses === 0) return true
    if (this.waitMs() > 0) return false
    this.#trying = true
    return true
  }

  succeeded(): void {
    const wasOpen = this.isOpen
    this.#failures = 0
    this.#pauses = 0
    this.#trying = false
    if (wasOpen) this.#options.onClose()
  }

  failed({ certain, retryAfterMs }: Failure): void {
    this.#failures++
    if (this.isOpen && !this.#trying) return
    const due = certain || this.#trying || this.#failures >= failuresToOpen
    this.#trying = false
    if (!due) return
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#pauses)
    // Spread, so that several gateways do not come back to one wallet together.
    const forMs = Math.max(retryAfterMs ?? 0, pauseMs * (0.8 + 0.4 * this.#options.random()))
    this.#openUntilMs = this.#options.clock.monotonicMs() + forMs
    this.#pauses++
    if (this.#pauses === 1) this.#options.onOpen(forMs)
  }

  /** The call said nothing about the other side. */
  withdrawn(): void {
    this.#trying = false
  }
}
