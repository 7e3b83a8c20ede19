import { EventEmitter, once } from 'node:events'

const maxWaiting = 1_000

/** The payment hashes that a wallet tells of, for whoever listens at the time; beyond a bound they are dropped. */
export class PaymentHints {
  readonly #wake = new EventEmitter<{ hint: [string]; end: [] }>()

  constructor() {
    // One listener for each stream of settlements, of which there may be any number.
    this.#wake.setMaxListeners(0)
  }

  tell(paymentHash: string): void {
    this.#wake.emit('hint', paymentHash)
  }

  end(): void {
    this.#wake.emit('end')
  }

  /** Ends when the signal aborts, or at `end`. */
  async *listen(signal: AbortSignal): AsyncGenerator<string, void, void> {
    const waiting: string[] = []
    const change = new EventEmitter<{ change: [] }>()
    let ended = signal.aborted
    const onHint = (paymentHash: string) => {
      if (waiting.length < maxWaiting) waiting.push(paymentHash)
      change.emit('change')
    }
    const onEnd = () => {
      ended = true
      change.emit('change')
    }
    this.#wake.on('hint', onHint)
    this.#wake.on('end', onEnd)
    signal.addEventListener('abort', onEnd, { once: true })
    try {
      for (;;) {
        const paymentHash = waiting.shift()
        if (paymentHash !== undefined) yield paymentHash
        else if (ended) return
        else await once(change, 'change')
      }
    } finally {
      this.#wake.off('hint', onHint)
      this.#wake.off('end', onEnd)
      signal.removeEventListener('abort', onEnd)
    }
  }
}
