import { setTimeout as sleep } from 'node:timers/promises'
import type { BookedSettlement, Books } from '../../ports/books.ts'
import type { Settlement } from '../../ports/wallet.ts'
import type { WalletEvents } from '../../telemetry/wallet-events.ts'
import type { OpenInvoices } from '../open-invoices.ts'

export interface InboxOptions {
  readonly wallet: string
  readonly books: Books
  readonly invoices: OpenInvoices
  readonly events: Pick<WalletEvents, 'settled'>
  /** The books could not be written; it is tried again. Told once until it works. */
  readonly onTrouble: (cause: unknown) => void
  readonly lifetime: AbortSignal
}

/** A stream waits when this many settlements are not written yet. */
const mostWaiting = 1_000
const mostTogether = 200
const firstRetryMs = 1_000
const longestRetryMs = 30_000

/**
 * Takes the settlements of one wallet in their order and writes them into the books, several together, each group with
 * the place where the stream is resumed after it. What is not written is not lost: the place is before it.
 */
export class Inbox {
  readonly #options: InboxOptions
  #waiting: Settlement[] = []
  #writing: Promise<void> | undefined
  #cursor: string | undefined

  constructor(options: InboxOptions) {
    this.#options = options
  }

  /** The place from which the stream would be resumed, as far as this process has written it. */
  get cursor(): string | undefined {
    return this.#cursor
  }

  /** Takes one; resolves at once unless too many wait. */
  async put(settlement: Settlement): Promise<void> {
    this.#options.invoices.settle(settlement.paymentHash)
    this.#waiting.push(settlement)
    this.#writing ??= this.#write()
    if (this.#waiting.length > mostWaiting) await this.#writing
  }

  /** Resolves when all that was taken is written, or never will be since the process ends. */
  async written(): Promise<void> {
    await this.#writing
  }

  async #write(): Promise<void> {
    for (let delayMs = firstRetryMs; this.#waiting.length > 0; ) {
      const group = this.#waiting.slice(0, mostTogether)
      try {
        await this.#record(group)
        this.#waiting = this.#waiting.slice(group.length)
        delayMs = firstRetryMs
      } catch (thrown) {
        const { lifetime, onTrouble } = this.#options
        if (lifetime.aborted) break
        if (delayMs === firstRetryMs) onTrouble(thrown)
        await sleep(delayMs, undefined, { signal: lifetime, ref: false }).catch(() => undefined)
        delayMs = Math.min(longestRetryMs, delayMs * 2)
      }
    }
    this.#writing = undefined
  }

  async #record(group: readonly Settlement[]): Promise<void> {
    const { wallet, books, events } = this.#options
    const cursor = group.findLast((each) => each.cursor !== undefined)?.cursor
    const fresh = new Set(
      await books.recordSettlements(
        wallet,
        group.map((each) => this.#booked(each)),
        cursor,
      ),
    )
    this.#cursor = cursor ?? this.#cursor
    for (const { paymentHash, receivedMsat } of group) {
      if (fresh.delete(paymentHash)) events.settled(wallet, receivedMsat)
    }
  }

  #booked({ paymentHash, receivedMsat, settledAtMs }: Settlement): BookedSettlement {
    const known = this.#options.invoices.find(paymentHash)
    const sold = known && { service: known.service, priceMsat: known.priceMsat }
    return { paymentHash, receivedMsat, settledAtMs, sold }
  }
}
