/** For what may happen a thousand times a second and is told once in a while. */
export class Seldom {
  readonly #everyMs: number
  #saidMs = Number.NEGATIVE_INFINITY
  #count = 0

  constructor(everyMs: number) {
    this.#everyMs = everyMs
  }

  /** Counts one. @returns how many there were since the last time it was told, or 0 when it is too early to tell */
  count(): number {
    this.#count++
    const nowMs = performance.now()
    if (nowMs - this.#saidMs < this.#everyMs) return 0
    const counted = this.#count
    this.#saidMs = nowMs
    this.#count = 0
    return counted
  }
}
