import type { Books, KeptInvoice } from '../ports/books.ts'
import type { Clock } from '../ports/clock.ts'
import type { Order } from '../ports/issuer.ts'
import type { IssuedInvoice } from '../ports/wallet.ts'

/** An invoice that this process made. */
export interface KnownInvoice {
  readonly paymentHash: string
  readonly ref: string
  readonly wallet: string
  readonly service: string
  readonly priceMsat: bigint
  /** On the monotonic clock. */
  readonly issuedAtMs: number
  /** On the monotonic clock: from then on it cannot be paid. */
  readonly expiresAtMs: number
  /** On the monotonic clock: until then it takes a place. */
  readonly placeUntilMs: number
  /** On the monotonic clock: until then a token that was sold with it may be presented for the first time. */
  readonly neededUntilMs: number
  settled: boolean
}

/** How many invoices are remembered for each that may be open: paid ones, and those whose wallet chose a longer life. */
const knownPerOpen = 5
/** A payment that began before the expiry may arrive this long after it. */
const lateMs = 10 * 60_000
/** A token is told in whole seconds, and one that comes in its last may have to wait for the word of its wallet. */
const askingMs = 60_000

/**
 * The invoices that may still be paid, in memory. An open one takes a
 * place until it is paid or the time is over that was asked for it, and there are only so many places.
 */
export class OpenInvoices {
  readonly #clock: Clock
  readonly #maxOpen: number
  /** In the order of `places` and of time alike, since all are asked for the same time. */
  readonly #openUntilMs = new Map<string, number>()
  readonly #known = new Map<string, KnownInvoice>()
  readonly #waiting = new Map<string, Set<() => void>>()
  #reserved = 0

  constructor(maxOpen: number, clock: Clock) {
    this.#maxOpen = maxOpen
    this.#clock = clock
  }

  /** Takes a place for an invoice that is about to be made; false: there is none. */
  reserve(): boolean {
    this.#sweep()
    if (this.#openUntilMs.size + this.#reserved >= this.#maxOpen) return false
    this.#reserved++
    return true
  }

  /** Gives the place back, when no invoice came of it. */
  cancel(): void {
    this.#reserved--
  }

  /** An invoice that was just made, as it is to be known. */
  made(wallet: string, issued: IssuedInvoice, order: Order): KnownInvoice {
    const { paymentHash, ref, amountMsat } = issued
    const nowMs = this.#clock.monotonicMs()
    const placeUntilMs = nowMs + order.expirySeconds * 1000
    const expiresAtMs = nowMs + issued.expiresAt * 1000 - this.#clock.nowMs()
    // Where a wallet chooses a longer life for its invoice, the token lives longer by as much.
    const neededUntilMs = nowMs + order.tokenTtlMs + Math.max(0, expiresAtMs - placeUntilMs) + askingMs
    const times = { issuedAtMs: nowMs, expiresAtMs, placeUntilMs, neededUntilMs }
    return { paymentHash, ref, wallet, service: order.service, priceMsat: amountMsat, ...times, settled: false }
  }

  /** Fills the reserved place. */
  add(invoice: KnownInvoice): void {
    this.#reserved--
    const { paymentHash, placeUntilMs } = invoice
    this.#openUntilMs.set(paymentHash, placeUntilMs)
    this.#known.set(paymentHash, invoice)
    const oldest = this.#known.size > this.#maxOpen * knownPerOpen ? this.#known.keys().next().value : undefined
    if (oldest !== undefined) this.#known.delete(oldest)
  }

  /** Takes over what an earlier process has kept. @throws LedgerError */
  async restore(books: Pick<Books, 'keptInvoices'>): Promise<void> {
    const toMonotonicMs = this.#clock.monotonicMs() - this.#clock.nowMs()
    const kept = await books.keptInvoices(this.#clock.nowMs() - lateMs, this.#maxOpen * knownPerOpen)
    for (const invoice of kept) {
      this.#known.set(invoice.paymentHash, {
        ...invoice,
        issuedAtMs: this.#clock.monotonicMs(),
        expiresAtMs: invoice.expiresAtMs + toMonotonicMs,
        placeUntilMs: invoice.placeUntilMs + toMonotonicMs,
        neededUntilMs: invoice.neededUntilMs + toMonotonicMs,
        settled: false,
      })
    }
    const inOrder = kept.toSorted((a, b) => a.placeUntilMs - b.placeUntilMs)
    for (const { paymentHash, placeUntilMs } of inOrder) {
      this.#openUntilMs.set(paymentHash, placeUntilMs + toMonotonicMs)
    }
  }

  /** As the books keep it. */
  kept({ issuedAtMs: _issued, settled: _settled, ...invoice }: KnownInvoice): KeptInvoice {
    const toUnixMs = this.#clock.nowMs() - this.#clock.monotonicMs()
    return {
      ...invoice,
      expiresAtMs: Math.round(invoice.expiresAtMs + toUnixMs),
      placeUntilMs: Math.round(invoice.placeUntilMs + toUnixMs),
      neededUntilMs: Math.round(invoice.neededUntilMs + toUnixMs),
    }
  }

  find(paymentHash: string): KnownInvoice | undefined {
    return this.#known.get(paymentHash)
  }

  /** Notes that a payment has come: its place is free, and whoever waits for it is told. */
  settle(paymentHash: string): void {
    this.#openUntilMs.delete(paymentHash)
    const known = this.#known.get(paymentHash)
    if (known) known.settled = true
    for (const wake of this.#waiting.get(paymentHash) ?? []) wake()
  }

  /** Calls `wake` when the payment comes. @returns stops that */
  onSettled(paymentHash: string, wake: () => void): () => void {
    const waiting = this.#waiting.get(paymentHash) ?? new Set()
    this.#waiting.set(paymentHash, waiting.add(wake))
    return () => {
      waiting.delete(wake)
      if (waiting.size === 0) this.#waiting.delete(paymentHash)
    }
  }

  /** How long until the next place is free by the time alone; 0: there is one. */
  waitMs(): number {
    this.#sweep()
    if (this.#openUntilMs.size + this.#reserved < this.#maxOpen) return 0
    const [first] = this.#openUntilMs.values()
    return first === undefined ? 1_000 : Math.max(1, first - this.#clock.monotonicMs())
  }

  /** Invoices of a wallet that nobody is known to have paid, oldest first. */
  *unpaid(wallet: string): Generator<KnownInvoice, void, void> {
    for (const known of this.#known.values()) if (known.wallet === wallet && !known.settled) yield known
  }

  /** Open invoices that take a place, by wallet. */
  counts(): ReadonlyMap<string, number> {
    this.#sweep()
    const counts = new Map<string, number>()
    for (const paymentHash of this.#openUntilMs.keys()) {
      const wallet = this.#known.get(paymentHash)?.wallet
      if (wallet !== undefined) counts.set(wallet, (counts.get(wallet) ?? 0) + 1)
    }
    return counts
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const [paymentHash, untilMs] of this.#openUntilMs) {
      if (untilMs > nowMs) break
      this.#openUntilMs.delete(paymentHash)
    }
    for (const [paymentHash, { expiresAtMs }] of this.#known) {
      if (expiresAtMs + lateMs > nowMs) break
      this.#known.delete(paymentHash)
    }
  }
}
