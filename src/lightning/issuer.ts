import { unknownWallet } from '../ports/books.ts'
import type { Clock } from '../ports/clock.ts'
import { canHold } from '../ports/hold-wallet.ts'
import type { InvoiceIssuer, IssuedBy, Order } from '../ports/issuer.ts'
import { WalletError } from '../ports/wallet.ts'
import type { WalletEvents } from '../telemetry/wallet-events.ts'
import type { ManagedWallet } from './managed-wallet.ts'
import type { OpenInvoices } from './open-invoices.ts'
import type { KeptInvoices } from './settlements/kept-invoices.ts'

export interface IssuerOptions {
  /** In the order in which they are asked. */
  readonly wallets: readonly ManagedWallet[]
  readonly invoices: OpenInvoices
  readonly kept: Pick<KeptInvoices, 'keepMade'>
  readonly clock: Clock
  readonly events: WalletEvents
  /** For one order, whatever number of wallets it takes. */
  readonly timeoutMs: number
  /** The only wallet that this ledger was ever used with; undefined: there were several. */
  readonly onlyWallet: string | undefined
  /** Aborts when the process ends. */
  readonly lifetime: AbortSignal
}

const longestRetryAfterMs = 60_000

/** Issues invoices with the first wallet that can; every one is checked before a buyer sees it. */
export function createIssuer(options: IssuerOptions): InvoiceIssuer {
  return new Issuer(options)
}

class Issuer implements InvoiceIssuer {
  readonly #options: IssuerOptions
  /** Payment hashes of invoices that were made and are not among the known ones yet. */
  readonly #made = new Set<string>()
  #stopped = false

  constructor(options: IssuerOptions) {
    this.#options = options
  }

  get unitMsat(): bigint {
    const started = this.#options.wallets.filter((each) => each.started)
    const next = started.find((each) => each.waitMs() === 0) ?? started[0]
    return next?.wallet.capabilities.unitMsat ?? 1n
  }

  async issue(order: Order): Promise<IssuedBy> {
    const { wallets, invoices, kept } = this.#options
    const kind = order.hold ? wallets.filter(({ wallet }) => canHold(wallet)) : wallets
    if (kind.length === 0) throw new WalletError('unavailable', 'No configured wallet can hold a payment.')
    const able = kind.filter((each) => each.takes(order.amountMsat))
    if (able.length === 0) throw new WalletError('bad_amount', 'The price is more than any wallet can ask for.')
    if (!invoices.reserve()) throw this.#stop('There are as many open invoices as there may be.', invoices.waitMs())
    let issued: IssuedBy | undefined
    let placed = false
    try {
      issued = await this.#firstOf(able, order)
      const made = invoices.made(issued.wallet, issued, order)
      await kept.keepMade(made)
      invoices.add(made)
      placed = true
      this.#go()
      return issued
    } finally {
      if (issued) this.#made.delete(issued.paymentHash)
      if (!placed) invoices.cancel()
    }
  }

  walletOf(paymentHash: string): string {
    return this.#options.invoices.find(paymentHash)?.wallet ?? this.#options.onlyWallet ?? unknownWallet
  }

  async #firstOf(able: readonly ManagedWallet[], order: Order): Promise<IssuedBy> {
    const { clock, timeoutMs, invoices, lifetime } = this.#options
    const begunMs = clock.monotonicMs()
    const reasons: string[] = []
    for (const [index, each] of able.entries()) {
      const leftMs = timeoutMs - (clock.monotonicMs() - begunMs)
      if (leftMs <= 0 || each.waitMs() > 0) continue
      // A wallet that hangs must leave time for those behind it.
      const behind = able.slice(index).filter((other) => other.waitMs() === 0).length
      const shareMs = leftMs / Math.max(1, behind)
      try {
        const issued = await each.issue(order, shareMs, lifetime)
        if (invoices.find(issued.paymentHash) || this.#made.has(issued.paymentHash)) {
          throw new WalletError('protocol', `The wallet ${each.name} gave out one invoice twice.`)
        }
        this.#made.add(issued.paymentHash)
        return { ...issued, wallet: each.name, development: each.wallet.kind === 'dev' }
      } catch (thrown) {
        if (!(thrown instanceof WalletError)) throw thrown
        reasons.push(`${each.name}: ${thrown.message}`)
      }
    }
    const waitMs = Math.min(...able.map((each) => each.waitMs()))
    throw this.#stop(reasons.join(' ') || 'Every wallet is left alone for now, or has not started.', waitMs)
  }

  #stop(reason: string, waitMs: number): WalletError {
    if (!this.#stopped) this.#options.events.sellingChanged(reason)
    this.#stopped = true
    const retryAfterMs = Math.min(longestRetryAfterMs, Math.max(1_000, waitMs))
    return new WalletError('unavailable', reason, { retryAfterMs })
  }

  #go(): void {
    if (this.#stopped) this.#options.events.sellingChanged(undefined)
    this.#stopped = false
  }
}
