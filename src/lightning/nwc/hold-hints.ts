import { EventEmitter, once } from 'node:events'

const spreadMs = 250

/** Wakes whoever follows a held payment when the wallet may have news of it, and from time to time besides. */
export class HoldHints {
  readonly #wake = new EventEmitter<Record<string, []>>()
  readonly #closing = new AbortController()
  #watching = 0

  /** What the wallet says of it is a reason to ask, and no more. */
  tell(paymentHash: string): void {
    this.#wake.emit(paymentHash)
  }

  end(): void {
    this.#closing.abort()
  }

  watch(paymentHash: string, signal: AbortSignal): HoldWatch {
    const ends = AbortSignal.any([signal, this.#closing.signal])
    let isTold = false
    const onTold = (): void => {
      isTold = true
    }
    this.#wake.on(paymentHash, onTold)
    this.#watching++
    return {
      get ended() {
        return ends.aborted
      },
      next: async (everyMs) => {
        // However many are followed, the wallet is asked four times a second at most.
        const pauseMs = Math.max(everyMs, this.#watching * spreadMs)
        if (!isTold) await this.#told(paymentHash, pauseMs, ends)
        isTold = false
      },
      [Symbol.dispose]: () => {
        this.#wake.off(paymentHash, onTold)
        this.#watching--
      },
    }
  }

  async #told(paymentHash: string, pauseMs: number, ends: AbortSignal): Promise<void> {
    const over = new AbortController()
    const end = (): void => over.abort()
    const timer = setTimeout(end, pauseMs)
    // A gateway that has nothing else to do may end.
    timer.unref()
    ends.addEventListener('abort', end, { once: true })
    if (ends.aborted) end()
    try {
      await once(this.#wake, paymentHash, { signal: over.signal })
    } catch (thrown) {
      if (!over.signal.aborted) throw thrown
    } finally {
      clearTimeout(timer)
      ends.removeEventListener('abort', end)
    }
  }
}

export interface HoldWatch extends Disposable {
  readonly ended: boolean
  /** Resolves at the next hint since it resolved last, after the pause, or at the end. */
  next(everyMs: number): Promise<void>
}
