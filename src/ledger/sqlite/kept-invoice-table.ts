import type Database from 'better-sqlite3'
import type { KeptInvoice } from '../../ports/books.ts'

interface KeptRow {
  payment_hash: Buffer
  wallet: string
  ref: string
  service: string
  price_msat: number
  expires_at: number
  place_until: number
  needed_until: number
}

/** Far above what the usual limits let anybody open within the life of a token: 2,000 every ten minutes, for a day. */
const mostKept = 500_000

export class KeptInvoiceTable {
  readonly #most: number
  readonly #insert: Database.Statement<[Record<string, unknown>]>
  readonly #payable: Database.Statement<[number, number], KeptRow>
  readonly #one: Database.Statement<[Buffer], KeptRow>
  readonly #count: Database.Statement<[], { n: number }>
  readonly #deleteOver: Database.Statement<[number, number]>
  readonly #deleteFirst: Database.Statement<[number]>

  /** @param most the bound that pruning brings the rows back to */
  constructor(database: Database.Database, most: number = mostKept) {
    this.#most = most
    this.#insert = database.prepare(
      `INSERT INTO kept_invoice
         (payment_hash, wallet, ref, service, price_msat, expires_at, place_until, needed_until)
       VALUES (:hash, :wallet, :ref, :service, :priceMsat, :expiresAtMs, :placeUntilMs, :neededUntilMs)
       ON CONFLICT (payment_hash) DO NOTHING`,
    )
    this.#payable = database.prepare('SELECT * FROM kept_invoice WHERE expires_at > ? ORDER BY expires_at DESC LIMIT ?')
    this.#one = database.prepare('SELECT * FROM kept_invoice WHERE payment_hash = ?')
    this.#count = database.prepare('SELECT count(*) AS n FROM kept_invoice')
    const deleteWhere = (condition: string) =>
      `DELETE FROM kept_invoice WHERE payment_hash IN (SELECT payment_hash FROM kept_invoice ${condition} LIMIT ?)`
    this.#deleteOver = database.prepare(deleteWhere('WHERE needed_until <= ?'))
    this.#deleteFirst = database.prepare(deleteWhere('ORDER BY needed_until'))
  }

  /** Those that are kept already stay as they are. */
  add(invoices: readonly KeptInvoice[]): void {
    for (const { paymentHash, ...invoice } of invoices) {
      this.#insert.run({ ...invoice, hash: Buffer.from(paymentHash, 'hex') })
    }
  }

  payable(afterMs: number, limit: number): KeptInvoice[] {
    return this.#payable.all(afterMs, limit).map(toKept).toReversed()
  }

  find(paymentHash: string): KeptInvoice | undefined {
    const row = this.#one.get(Buffer.from(paymentHash, 'hex'))
    return row && toKept(row)
  }

  /**
   * Forgets those whose token is over, and where there are too many all the same, those that are the nearest to it.
   * @returns how many went
   */
  prune(cutoffMs: number, step: number): number {
    const over = this.#deleteOver.run(cutoffMs, step).changes
    if (over > 0) return over
    const excess = (this.#count.get()?.n ?? 0) - this.#most
    return excess > 0 ? this.#deleteFirst.run(Math.min(excess, step)).changes : 0
  }
}

const toKept = (row: KeptRow): KeptInvoice => ({
  paymentHash: row.payment_hash.toString('hex'),
  wallet: row.wallet,
  ref: row.ref,
  service: row.service,
  priceMsat: BigInt(row.price_msat),
  expiresAtMs: row.expires_at,
  placeUntilMs: row.place_until,
  neededUntilMs: row.needed_until,
})
