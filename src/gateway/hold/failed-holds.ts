import type { Clock } from '../../ports/clock.ts'

export interface FailureLimits {
  /** In an hour, each. */
  readonly perClient: number
  readonly perService: number
}

const windowMs = 3_600_000
const maxKeys = 10_000

/**
 * Work that was done for payments which were then let go. Somebody whose prompts always fail late must not run the
 * upstream for nothing all day.
 */
export class FailedHolds {
  readonly #limits: FailureLimits
  readonly #clock: Clock
  /** Times of failures, oldest first. */
  readonly #failures = new Map<string, number[]>()

  constructor(limits: FailureLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  note(client: string, service: string): void {
    const nowMs = this.#clock.monotonicMs()
    for (const key of [`client ${client}`, `service ${service}`]) {
      const times = this.#recent(key, nowMs)
      this.#failures.delete(key)
      this.#failures.set(key, [...times, nowMs])
    }
    for (const key of this.#failures.keys()) {
      if (this.#failures.size <= maxKeys) break
      this.#failures.delete(key)
    }
  }

  /** @returns how long nothing may be held for this client and service; 0: it may now */
  waitMs(client: string, service: string): number {
    const { perClient, perService } = this.#limits
    return Math.max(this.#wait(`client ${client}`, perClient), this.#wait(`service ${service}`, perService))
  }

  #wait(key: string, limit: number): number {
    const nowMs = this.#clock.monotonicMs()
    const times = this.#recent(key, nowMs)
    const freeing = times.at(-limit)
    return times.length < limit || freeing === undefined ? 0 : freeing + windowMs - nowMs
  }

  #recent(key: string, nowMs: number): number[] {
    return (this.#failures.get(key) ?? []).filter((at) => at > nowMs - windowMs)
  }
}
