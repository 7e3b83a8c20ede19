import type { Clock } from '../../ports/clock.ts'
import type { Ledger } from '../../ports/ledger.ts'

/**
 * First deliveries. Their commit may wait for others to be grouped with; until it is done they are remembered here, so
 * that a repetition right after a delivery is already called one.
 */
export class Deliveries {
  readonly #ledger: Pick<Ledger, 'delivered'>
  readonly #clock: Clock
  readonly #onError: (cause: unknown) => void
  readonly #uncommitted = new Set<string>()
  readonly #inside = new Map<string, number>()

  constructor(ledger: Pick<Ledger, 'delivered'>, clock: Clock, onError: (cause: unknown) => void) {
    this.#ledger = ledger
    this.#clock = clock
    this.#onError = onError
  }

  /** Counts a request that was let in with this payment, until it is answered: it may be given the result. */
  enter(paymentHash: string): Disposable {
    this.#inside.set(paymentHash, (this.#inside.get(paymentHash) ?? 0) + 1)
    return {
      [Symbol.dispose]: () => {
        const left = (this.#inside.get(paymentHash) ?? 1) - 1
        if (left > 0) this.#inside.set(paymentHash, left)
        else this.#inside.delete(paymentHash)
      },
    }
  }

  /** A delivery may be under way, or made and not committed yet. */
  mayBeUnderWay(paymentHash: string): boolean {
    return this.#inside.has(paymentHash) || this.#uncommitted.has(paymentHash)
  }

  /** Notes that a whole result was handed over. */
  note(paymentHash: string): void {
    this.#uncommitted.add(paymentHash)
    this.#ledger
      .delivered(paymentHash, this.#clock.nowMs())
      .catch(this.#onError)
      .finally(() => this.#uncommitted.delete(paymentHash))
  }

  /** True while a delivery is noted and not yet in the ledger. */
  isNoted(paymentHash: string): boolean {
    return this.#uncommitted.has(paymentHash)
  }
}
