import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'

export interface DiskRoomOptions {
  readonly disk: Disk
  readonly clock: Clock
  /** What stays free besides room for results. */
  readonly reserveBytes: number
  /** The disk could not be asked. */
  readonly onFailure: (cause: unknown) => void
}

export interface DiskStatus {
  /** As it was last seen; undefined: not asked yet, or it does not answer. */
  readonly freeBytes: number | undefined
  /** The largest results that the runs under way may bring. */
  readonly promisedBytes: number
  /** Not even an empty result would have room. */
  readonly isShort: boolean
}

/** What is free changes slowly; the reserve covers what is written in the meantime. */
const freshMs = 1_000
/** A disk that does not answer is as good as a full one. */
const answerWithinMs = 2_000

/**
 * Room for results on the disk. Every run is promised room for the largest result its service allows, so that a disk
 * that fills up is noticed before the work begins and not when the result is to be stored.
 */
export class DiskRoom {
  readonly #options: DiskRoomOptions
  #promisedBytes = 0
  #seen: { readonly atMs: number; readonly freeBytes: number | undefined } | undefined
  #asking: Promise<number | undefined> | undefined

  constructor(options: DiskRoomOptions) {
    this.#options = options
  }

  /** Whether one more result of up to so many bytes has room. */
  async has(bytes: number): Promise<boolean> {
    const { clock } = this.#options
    const isFresh = this.#seen !== undefined && clock.monotonicMs() - this.#seen.atMs <= freshMs
    const freeBytes = isFresh ? this.#seen?.freeBytes : await (this.#asking ??= this.#ask())
    return this.#fits(freeBytes, bytes)
  }

  /** Promises that room to one run; undefined when there is none. Disposing ends the promise. */
  async promise(bytes: number): Promise<Disposable | undefined> {
    if (!(await this.has(bytes))) return undefined
    // Others may have been promised room while the disk was asked.
    if (!this.#fits(this.#seen?.freeBytes, bytes)) return undefined
    this.#promisedBytes += bytes
    let isOver = false
    return {
      [Symbol.dispose]: () => {
        if (!isOver) this.#promisedBytes -= bytes
        isOver = true
      },
    }
  }

  /** Asks the disk anew where the last answer is old. */
  async status(): Promise<DiskStatus> {
    const isShort = !(await this.has(0))
    return { freeBytes: this.#seen?.freeBytes, promisedBytes: this.#promisedBytes, isShort }
  }

  #fits(freeBytes: number | undefined, bytes: number): boolean {
    return freeBytes !== undefined && this.#promisedBytes + bytes + this.#options.reserveBytes <= freeBytes
  }

  async #ask(): Promise<number | undefined> {
    const { disk, clock, onFailure } = this.#options
    const { promise: late, resolve } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => resolve(undefined), answerWithinMs)
    let freeBytes: number | undefined
    try {
      // Nothing can abort a question to the disk; its answer is not waited for.
      freeBytes = await Promise.race([disk.freeBytes(), late])
      if (freeBytes === undefined) onFailure(new Error('the disk does not answer'))
    } catch (thrown) {
      onFailure(thrown)
    } finally {
      clearTimeout(timer)
    }
    this.#seen = { atMs: clock.monotonicMs(), freeBytes }
    this.#asking = undefined
    return freeBytes
  }
}
