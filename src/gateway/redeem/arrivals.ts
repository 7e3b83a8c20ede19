/**
 * Requests that came with a genuine token, until it is decided what they get. What was good when one came stays good
 * while it waits: nothing is forgotten that was not over by then.
 */
export class Arrivals {
  readonly #inside = new Set<{ readonly atMs: number }>()

  /** Counts a request until it is decided. @param atMs when it came, Unix ms */
  enter(atMs: number): Disposable {
    const arrival = { atMs }
    this.#inside.add(arrival)
    return { [Symbol.dispose]: () => void this.#inside.delete(arrival) }
  }

  get size(): number {
    return this.#inside.size
  }

  /** When the first of those came that are not decided, or `nowMs` where none came before. */
  firstMs(nowMs: number): number {
    let first = nowMs
    for (const { atMs } of this.#inside) first = Math.min(first, atMs)
    return first
  }
}
