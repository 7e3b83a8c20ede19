import type { Clock } from '#src/ports/clock.ts'

/** A clock that a test sets. The monotonic side only moves forwards. */
export class TestClock implements Clock {
  #nowMs: number
  #monotonicMs = 0

  constructor(nowMs: number = Date.UTC(2027, 0, 1)) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  /** Time passes. */
  advance(ms: number): void {
    this.#nowMs += ms
    this.#monotonicMs += ms
  }

  /** The clock is set, without time passing. */
  step(ms: number): void {
    this.#nowMs += ms
  }
}
