import type { Books } from '../ports/books.ts'
import type { Clock } from '../ports/clock.ts'
import type { InvoiceIssuer } from '../ports/issuer.ts'
import type { SettlementCheck } from '../ports/settlement.ts'
import type { Wallet } from '../ports/wallet.ts'
import type { WalletEvents } from '../telemetry/wallet-events.ts'
import { createIssuer } from './issuer.ts'
import { ManagedWallet } from './managed-wallet.ts'
import { OpenInvoices } from './open-invoices.ts'
import { SettlementConfirmation } from './settlements/confirm.ts'
import { KeptInvoices } from './settlements/kept-invoices.ts'
import { onlyWalletOf, SettlementTracker } from './settlements/tracker.ts'
import { startWallets } from './start-wallets.ts'

export interface CashDeskOptions {
  /** In failover order, not started. */
  readonly wallets: readonly { readonly wallet: Wallet; readonly mintPerMinute?: number | undefined }[]
  readonly books: Books
  readonly clock: Clock
  readonly events: WalletEvents
  readonly onTrouble: (operation: string, cause: unknown) => void
  readonly settings: {
    readonly timeoutMs: number
    readonly maxOpenInvoices: number
    readonly requireSettled: boolean
  }
  /** 0 to 1. */
  readonly random?: () => number
}

/**
 * Where the money comes in: the wallets, the invoices they made, and what is known of payments. Closed before the books:
 * then it writes down for the next process what only this one knows. May be closed twice.
 */
export interface CashDesk extends AsyncDisposable {
  readonly issuer: InvoiceIssuer
  readonly settlement: SettlementCheck
  /** Open invoices by wallet. */
  openInvoices(): ReadonlyMap<string, number>
}

/**
 * Starts the wallets and follows their settlements. Does not own the wallets: whoever made them closes them afterwards.
 * @throws WalletError when no wallet can be started
 * @throws LedgerError
 */
export async function openCashDesk(options: CashDeskOptions, signal: AbortSignal): Promise<CashDesk> {
  const { books, clock, events, settings, onTrouble, random = Math.random } = options
  const ending = new AbortController()
  const { requireSettled } = settings
  const wallets = options.wallets.map(
    ({ wallet, mintPerMinute }) => new ManagedWallet({ wallet, mintPerMinute, clock, events, requireSettled, random }),
  )
  const lifetime = AbortSignal.any([signal, ending.signal])
  await startWallets(wallets, events, lifetime)
  const known = await books.noteWallets(
    wallets.map(({ wallet }) => wallet),
    clock.nowMs(),
  )
  const invoices = new OpenInvoices(settings.maxOpenInvoices, clock)
  await invoices.restore(books)
  const { timeoutMs } = settings
  const onlyWallet = onlyWalletOf(known)
  const tracker = new SettlementTracker({ wallets, invoices, books, known, clock, events, onTrouble, random })
  const resumes = (wallet: ManagedWallet) => tracker.resumes(wallet)
  const kept = new KeptInvoices({ wallets, invoices, books, requireSettled, resumes, onTrouble })
  const lifelong = { clock, events, lifetime: ending.signal }
  const issuer = createIssuer({ wallets, invoices, kept, timeoutMs, onlyWallet, ...lifelong })
  tracker.start()
  const settlement = new SettlementConfirmation({
    books,
    wallets,
    invoices,
    walletOf: (paymentHash) => issuer.walletOf(paymentHash),
    take: (wallet, found) => tracker.take(wallet, found),
    clock,
    requireSettled,
  })
  const close = async (): Promise<void> => {
    ending.abort()
    await tracker[Symbol.asyncDispose]()
    await kept.keepOpen()
  }
  let closing: Promise<void> | undefined
  return {
    issuer,
    settlement,
    openInvoices: () => invoices.counts(),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  }
}
