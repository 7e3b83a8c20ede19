import { type Books, unknownWallet } from '../../ports/books.ts'
import type { Clock } from '../../ports/clock.ts'
import type { InvoiceIssuer } from '../../ports/issuer.ts'
import type { SettlementCheck, SettlementVerdict } from '../../ports/settlement.ts'
import type { Settlement } from '../../ports/wallet.ts'
import type { ManagedWallet } from '../managed-wallet.ts'
import type { OpenInvoices } from '../open-invoices.ts'
import { findSettlement } from './find.ts'
import { settlementOf } from './poll.ts'

export interface ConfirmOptions {
  readonly books: Pick<Books, 'settledWith' | 'keptInvoice'>
  readonly wallets: readonly ManagedWallet[]
  readonly invoices: OpenInvoices
  readonly walletOf: InvoiceIssuer['walletOf']
  readonly take: (wallet: string, settlement: Settlement) => Promise<void>
  readonly clock: Clock
  /** For every wallet. */
  readonly requireSettled: boolean
}

/** A wallet may know of a payment this much later than its payer. */
const lagMs = 2_000
const firstWaitMs = 150
const retryAfterMs = 2_000
/** Those who wait for the same payment get the same answer. */
const sameAnswerMs = 1_000
const mostAnswers = 1_000

/** Asks for the wallet's word on a payment before it is taken for the first time. */
export class SettlementConfirmation implements SettlementCheck {
  readonly #options: ConfirmOptions
  /** Until when a payment counts as pending without being looked for again. */
  readonly #pendingUntilMs = new Map<string, number>()
  /** Payments that are being asked for. */
  readonly #asking = new Map<string, Promise<boolean>>()

  constructor(options: ConfirmOptions) {
    this.#options = options
  }

  required(paymentHash: string): boolean {
    const { requireSettled, wallets, walletOf } = this.#options
    if (requireSettled) return true
    const maker = walletOf(paymentHash)
    // A wallet that is not configured any more cannot be asked what it is.
    const makers = maker === unknownWallet ? wallets : wallets.filter(({ name }) => name === maker)
    return makers.some(({ wallet }) => !wallet.capabilities.preimagePrivate)
  }

  async confirm(paymentHash: string): Promise<SettlementVerdict> {
    const { invoices, books, clock } = this.#options
    if (invoices.find(paymentHash)?.settled) return { kind: 'settled' }
    if ((await books.settledWith(paymentHash)) !== undefined) return { kind: 'settled' }
    const pending = { kind: 'pending', retryAfterMs } as const
    if ((this.#pendingUntilMs.get(paymentHash) ?? 0) > clock.monotonicMs()) return pending
    const asking = this.#asking.get(paymentHash) ?? this.#ask(paymentHash)
    return (await asking) ? { kind: 'settled' } : pending
  }

  async #ask(paymentHash: string): Promise<boolean> {
    const asking = this.#waitFor(paymentHash)
    this.#asking.set(paymentHash, asking)
    try {
      const settled = await asking
      if (!settled) this.#remember(paymentHash)
      return settled
    } finally {
      this.#asking.delete(paymentHash)
    }
  }

  #remember(paymentHash: string): void {
    this.#pendingUntilMs.delete(paymentHash)
    const [oldest] = this.#pendingUntilMs.size >= mostAnswers ? this.#pendingUntilMs.keys() : []
    if (oldest !== undefined) this.#pendingUntilMs.delete(oldest)
    this.#pendingUntilMs.set(paymentHash, this.#options.clock.monotonicMs() + sameAnswerMs)
  }

  /** Looks at once and ever again until the lag is over; a stream that tells of the payment ends the wait. */
  async #waitFor(paymentHash: string): Promise<boolean> {
    const { invoices, walletOf, take, clock } = this.#options
    const limit = AbortSignal.timeout(lagMs)
    const heard = { told: false }
    let wake = () => {}
    const stop = invoices.onSettled(paymentHash, () => {
      heard.told = true
      wake()
    })
    limit.addEventListener('abort', () => wake(), { once: true })
    try {
      for (let waitMs = firstWaitMs; !heard.told && !limit.aborted; waitMs *= 2) {
        const found = await findSettlement(this.#options, paymentHash, walletOf(paymentHash), limit)
        if (found.kind === 'settled') {
          await take(found.wallet, settlementOf(paymentHash, found.state, clock))
          return true
        }
        if (heard.told || limit.aborted) break
        await new Promise<void>((resolve) => {
          wake = resolve
          setTimeout(resolve, waitMs)
        })
      }
      return heard.told
    } finally {
      stop()
    }
  }
}
