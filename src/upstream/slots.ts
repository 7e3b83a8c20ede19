/** How many may run and wait. Asked for again whenever it matters, since a reload may change them. */
export interface SlotLimits {
  readonly running: number
  readonly waiting: number
  readonly waitMs: number
}

/** The right to run. Disposing gives it back, unless a run keeps it. */
export interface Slot extends Disposable {
  keepUntil(ended: Promise<unknown>): void
}

export type SlotEntrance =
  | { readonly kind: 'granted'; readonly slot: Slot }
  | { readonly kind: 'look_again' }
  | { readonly kind: 'left' }
  | { readonly kind: 'busy'; readonly retryAfterMs: number }

interface Waiter {
  readonly resolve: (entrance: SlotEntrance) => void
  readonly leave: () => void
  readonly signal: AbortSignal
}

/** A place in the queue: everybody who came with one key. */
interface Waiting {
  readonly waiters: Waiter[]
  readonly timer: NodeJS.Timeout
  readonly sinceMs: number
}

const firstGuessMs = 5_000
const longestRetryAfterMs = 60_000

/** The runs of one upstream and the queue in front of them: first come, first served, and never two for one key. */
export class Slots {
  readonly #limits: () => SlotLimits
  readonly #monotonicMs: () => number
  readonly #onWaited: (waitedMs: number) => void
  #running = 0
  /** In the order in which they came. */
  readonly #queue = new Map<string, Waiting>()
  /** Granted, and neither kept nor given back yet; those who come meanwhile look again afterwards. */
  readonly #starting = new Map<string, Promise<void>>()
  /** How long a run keeps its slot, on the average of late. */
  #meanRunMs: number | undefined

  constructor(limits: () => SlotLimits, monotonicMs: () => number, onWaited: (waitedMs: number) => void) {
    this.#limits = limits
    this.#monotonicMs = monotonicMs
    this.#onWaited = onWaited
  }

  get running(): number {
    return this.#running
  }

  get queued(): number {
    return this.#queue.size
  }

  /** @returns when to come again, ms, where one more could neither run nor wait */
  full(): number | undefined {
    const { running, waiting } = this.#limits()
    return this.#running >= running && this.#queue.size >= waiting ? this.#retryAfterMs() : undefined
  }

  async enter(key: string, signal: AbortSignal): Promise<SlotEntrance> {
    const starting = this.#starting.get(key)
    if (starting) {
      await starting
      return { kind: 'look_again' }
    }
    if (signal.aborted) return { kind: 'left' }
    const standing = this.#queue.get(key)
    if (standing) return await this.#wait(key, standing, signal)
    const { running, waiting, waitMs } = this.#limits()
    if (this.#running < running && this.#queue.size === 0) {
      this.#onWaited(0)
      return { kind: 'granted', slot: this.#grant(key) }
    }
    if (this.#queue.size >= waiting) return { kind: 'busy', retryAfterMs: this.#retryAfterMs() }
    const timer = setTimeout(() => this.#expire(key), waitMs)
    const place: Waiting = { waiters: [], timer, sinceMs: this.#monotonicMs() }
    this.#queue.set(key, place)
    return await this.#wait(key, place, signal)
  }

  /** Lets in whoever may run now. */
  advance(): void {
    for (const [key, place] of this.#queue) {
      if (this.#running >= this.#limits().running) return
      this.#remove(key, place)
      this.#onWaited(this.#monotonicMs() - place.sinceMs)
      const [first, ...others] = place.waiters
      const slot = this.#grant(key)
      const started = this.#starting.get(key)
      first?.resolve({ kind: 'granted', slot })
      for (const other of others) void started?.then(() => other.resolve({ kind: 'look_again' }))
    }
  }

  #wait(key: string, place: Waiting, signal: AbortSignal): Promise<SlotEntrance> {
    const { promise, resolve } = Promise.withResolvers<SlotEntrance>()
    const leave = () => {
      place.waiters.splice(place.waiters.indexOf(waiter), 1)
      if (place.waiters.length === 0) this.#remove(key, place)
      resolve({ kind: 'left' })
    }
    const waiter: Waiter = { resolve, leave, signal }
    place.waiters.push(waiter)
    signal.addEventListener('abort', leave, { once: true })
    return promise
  }

  #expire(key: string): void {
    const place = this.#queue.get(key)
    if (!place) return
    this.#remove(key, place)
    this.#onWaited(this.#monotonicMs() - place.sinceMs)
    const retryAfterMs = this.#retryAfterMs()
    for (const { resolve } of place.waiters) resolve({ kind: 'busy', retryAfterMs })
  }

  #remove(key: string, place: Waiting): void {
    this.#queue.delete(key)
    clearTimeout(place.timer)
    for (const { signal, leave } of place.waiters) signal.removeEventListener('abort', leave)
  }

  #grant(key: string): Slot {
    this.#running++
    const begunMs = this.#monotonicMs()
    const settled = Promise.withResolvers<void>()
    this.#starting.set(key, settled.promise)
    let isSettled = false
    const settle = (): boolean => {
      if (isSettled) return false
      isSettled = true
      this.#starting.delete(key)
      settled.resolve()
      return true
    }
    const release = () => {
      this.#running--
      this.advance()
    }
    return {
      keepUntil: (ended) => {
        if (!settle()) throw new Error('the slot was kept or given back before')
        const over = () => {
          const ranMs = this.#monotonicMs() - begunMs
          this.#meanRunMs = this.#meanRunMs === undefined ? ranMs : this.#meanRunMs * 0.8 + ranMs * 0.2
          release()
        }
        ended.then(over, over)
      },
      [Symbol.dispose]: () => {
        if (settle()) release()
      },
    }
  }

  /** When those who wait now should be through. */
  #retryAfterMs(): number {
    const rounds = (this.#queue.size + 1) / Math.max(1, this.#limits().running)
    return Math.min(longestRetryAfterMs, Math.max(1_000, (this.#meanRunMs ?? firstGuessMs) * rounds))
  }
}
