import { join } from 'node:path'
import { openDevWallet } from '#src/lightning/dev/dev-wallet.ts'
import type { Clock } from '#src/ports/clock.ts'
import type { InvoiceRequest, IssuedInvoice, PayingWallet, Settlement } from '#src/ports/wallet.ts'

async function* noSettlements(): AsyncGenerator<Settlement, void, void> {}

/** The development wallet, watched: how often it was asked, and what it should do instead of answering. */
export class CountingWallet implements PayingWallet {
  readonly #wallet: PayingWallet
  /** Every invoice that was asked for. */
  readonly asked: InvoiceRequest[] = []
  /** Replaces the answer while it is set. */
  instead: ((request: InvoiceRequest, signal: AbortSignal) => Promise<IssuedInvoice>) | undefined

  constructor(dataDir: string, clock: Clock) {
    this.#wallet = openDevWallet({ name: 'dev', file: join(dataDir, 'dev-wallet.sqlite'), clock })
  }

  get name() {
    return this.#wallet.name
  }

  get kind() {
    return this.#wallet.kind
  }

  get capabilities() {
    return this.#wallet.capabilities
  }

  start(signal: AbortSignal) {
    return this.#wallet.start(signal)
  }

  createInvoice(request: InvoiceRequest, signal: AbortSignal) {
    this.asked.push(request)
    return this.instead ? this.instead(request, signal) : this.#wallet.createInvoice(request, signal)
  }

  lookup(...args: Parameters<PayingWallet['lookup']>) {
    return this.#wallet.lookup(...args)
  }

  settlements(cursor: string | undefined, signal: AbortSignal) {
    return this.#wallet.settlements?.(cursor, signal) ?? noSettlements()
  }

  health(signal: AbortSignal) {
    return this.#wallet.health(signal)
  }

  pay(bolt11: string, signal: AbortSignal = AbortSignal.timeout(5_000)) {
    return this.#wallet.pay(bolt11, signal)
  }

  [Symbol.asyncDispose]() {
    return this.#wallet[Symbol.asyncDispose]()
  }
}
