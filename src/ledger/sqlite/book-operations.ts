import type Database from 'better-sqlite3'
import type { BookedSettlement, KeptInvoice, KnownWallet, UnconfirmedPayment } from '../../ports/books.ts'
import { KeptInvoiceTable } from './kept-invoice-table.ts'
import { SettlementTable } from './settlement-table.ts'
import { WalletTable } from './wallet-table.ts'

/** What is written into the books, each within a transaction that the worker opens and commits. */
export class BookOperations {
  readonly #wallets: WalletTable
  readonly #settlements: SettlementTable
  readonly #kept: KeptInvoiceTable

  constructor(database: Database.Database) {
    this.#kept = new KeptInvoiceTable(database)
    this.#wallets = new WalletTable(database)
    this.#settlements = new SettlementTable(database)
  }

  noteWallets(wallets: readonly Pick<KnownWallet, 'name' | 'kind'>[], nowMs: number): KnownWallet[] {
    for (const wallet of wallets) this.#wallets.note(wallet, nowMs)
    return this.#wallets.all()
  }

  recordSettlements(wallet: string, settlements: readonly BookedSettlement[], cursor: string | undefined): string[] {
    const fresh = settlements.filter((settlement) => this.#settlements.record(wallet, settlement))
    if (cursor !== undefined) this.#wallets.setCursor(wallet, cursor)
    return fresh.map(({ paymentHash }) => paymentHash)
  }

  keepInvoices(invoices: readonly KeptInvoice[]): void {
    this.#kept.add(invoices)
  }
}

/** What is read from the books, on a connection that cannot write. */
export class BookReadings {
  readonly #settlements: SettlementTable
  readonly #kept: KeptInvoiceTable

  constructor(database: Database.Database) {
    this.#kept = new KeptInvoiceTable(database)
    this.#settlements = new SettlementTable(database)
  }

  settledWith(paymentHash: string): string | undefined {
    return this.#settlements.walletOf(paymentHash)
  }

  unconfirmed(afterNumber: number, limit: number): UnconfirmedPayment[] {
    return this.#settlements.unconfirmed(afterNumber, limit)
  }

  keptInvoices(afterMs: number, limit: number): KeptInvoice[] {
    return this.#kept.payable(afterMs, limit)
  }

  keptInvoice(paymentHash: string): KeptInvoice | undefined {
    return this.#kept.find(paymentHash)
  }
}
