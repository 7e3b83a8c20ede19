import type { BookedSettlement, Books, KeptInvoice, KnownWallet, UnconfirmedPayment } from '../../ports/books.ts'
import type { BookReadName, BookWriteName } from './protocol.ts'
import type { WorkerClient } from './worker-client.ts'

/** The books of a ledger, through the ledger's threads. */
export class SqliteBooks implements Books {
  readonly #writer: WorkerClient
  readonly #reader: WorkerClient

  constructor(writer: WorkerClient, reader: WorkerClient) {
    this.#writer = writer
    this.#reader = reader
  }

  noteWallets(wallets: readonly Pick<KnownWallet, 'name' | 'kind'>[], nowMs: number): Promise<KnownWallet[]> {
    const plain = wallets.map(({ name, kind }) => ({ name, kind }))
    return this.#writer.run('noteWallets' satisfies BookWriteName, plain, nowMs) as Promise<KnownWallet[]>
  }

  /** No buyer waits for it, so it is committed with what the buyers wait for. */
  recordSettlements(
    wallet: string,
    settlements: readonly BookedSettlement[],
    cursor: string | undefined,
  ): Promise<string[]> {
    const name = 'recordSettlements' satisfies BookWriteName
    return this.#writer.runLazily(name, wallet, settlements, cursor) as Promise<string[]>
  }

  settledWith(paymentHash: string): Promise<string | undefined> {
    return this.#reader.run('settledWith' satisfies BookReadName, paymentHash) as Promise<string | undefined>
  }

  unconfirmed(afterNumber: number, limit: number): Promise<UnconfirmedPayment[]> {
    return this.#reader.run('unconfirmed' satisfies BookReadName, afterNumber, limit) as Promise<UnconfirmedPayment[]>
  }

  async keepInvoices(invoices: readonly KeptInvoice[]): Promise<void> {
    await this.#writer.run('keepInvoices' satisfies BookWriteName, invoices)
  }

  keptInvoices(afterMs: number, limit: number): Promise<KeptInvoice[]> {
    return this.#reader.run('keptInvoices' satisfies BookReadName, afterMs, limit) as Promise<KeptInvoice[]>
  }

  keptInvoice(paymentHash: string): Promise<KeptInvoice | undefined> {
    return this.#reader.run('keptInvoice' satisfies BookReadName, paymentHash) as Promise<KeptInvoice | undefined>
  }
}
