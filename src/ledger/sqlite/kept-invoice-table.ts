import type Database from 'better-sqlite3'
import type { KeptInvoice } from '../../ports/books.ts'

interface KeptRow {
  payment_hash: Buffer
  wallet: string
  ref: string
  service: string
  price_msat: number
  expires_at: number
}

export class KeptInvoiceTable {
  readonly #clear: Database.Statement<[]>
  readonly #insert: Database.Statement<[Record<string, unknown>]>
  readonly #all: Database.Statement<[], KeptRow>

  constructor(database: Database.Database) {
    this.#clear = database.prepare('DELETE FROM kept_invoice')
    this.#insert = database.prepare(
      `INSERT INTO kept_invoice (payment_hash, wallet, ref, service, price_msat, expires_at)
       VALUES (:hash, :wallet, :ref, :service, :priceMsat, :expiresAtMs)`,
    )
    this.#all = database.prepare('SELECT * FROM kept_invoice ORDER BY expires_at')
  }

  replace(invoices: readonly KeptInvoice[]): void {
    this.#clear.run()
    for (const { paymentHash, ...invoice } of invoices) {
      this.#insert.run({ ...invoice, hash: Buffer.from(paymentHash, 'hex') })
    }
  }

  all(): KeptInvoice[] {
    return this.#all.all().map(({ payment_hash, wallet, ref, service, price_msat, expires_at }) => ({
      paymentHash: payment_hash.toString('hex'),
      wallet,
      ref,
      service,
      priceMsat: BigInt(price_msat),
      expiresAtMs: expires_at,
    }))
  }
}
