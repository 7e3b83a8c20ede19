/** A bucket holds `amount` and is filled again, evenly, within `perMs`. */
export interface BucketRate {
  readonly amount: number
  readonly perMs: number
}

interface Bucket {
  level: number
  atMs: number
}

/**
 * Token buckets by key. The memory is bounded: of more than `maxKeys` the one that was not used for longest is
 * forgotten, which gives its owner no more than a full bucket.
 */
export class Buckets {
  readonly #buckets = new Map<string, Bucket>()
  readonly #maxKeys: number
  readonly #monotonicMs: () => number

  constructor(maxKeys: number, monotonicMs: () => number) {
    this.#maxKeys = maxKeys
    this.#monotonicMs = monotonicMs
  }

  get size(): number {
    return this.#buckets.size
  }

  /**
   * Takes `amount`. More than a bucket holds is had of a full one, which then is below zero for as long as it takes.
   * @returns 0 when it was taken, else how long until it can be, ms; then nothing was taken
   */
  take(key: string, amount: number, rate: BucketRate): number {
    const bucket = this.#filled(key, rate)
    const waitMs = missingMs(bucket, amount, rate)
    if (waitMs === 0) bucket.level -= amount
    return waitMs
  }

  /** As {@link take}, without taking anything. */
  peek(key: string, amount: number, rate: BucketRate): number {
    return this.#buckets.has(key) ? missingMs(this.#filled(key, rate), amount, rate) : 0
  }

  /** Puts `amount` back into a bucket, which never holds more than it can. */
  give(key: string, amount: number, rate: BucketRate): void {
    if (!this.#buckets.has(key)) return
    const bucket = this.#filled(key, rate)
    bucket.level = Math.min(rate.amount, bucket.level + amount)
  }

  #filled(key: string, { amount: most, perMs }: BucketRate): Bucket {
    const nowMs = this.#monotonicMs()
    const known = this.#buckets.get(key)
    const bucket = known ?? { level: most, atMs: nowMs }
    if (known) {
      bucket.level = Math.min(most, bucket.level + ((nowMs - bucket.atMs) * most) / perMs)
      bucket.atMs = nowMs
      this.#buckets.delete(key)
    } else if (this.#buckets.size >= this.#maxKeys) {
      const [oldest] = this.#buckets.keys()
      if (oldest !== undefined) this.#buckets.delete(oldest)
    }
    this.#buckets.set(key, bucket)
    return bucket
  }
}

/** What sums of parts may be off must not keep anybody out. */
const rounding = 1e-6

function missingMs({ level }: Bucket, amount: number, { amount: most, perMs }: BucketRate): number {
  const missing = Math.min(amount, most) - level

  return missing <= rounding ? 0 : Math.ceil(((missing - rounding) * perMs) / most)
}
