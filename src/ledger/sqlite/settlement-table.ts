import type Database from 'better-sqlite3'
import type { BookedSettlement, UnconfirmedPayment } from '../../ports/books.ts'

interface UnconfirmedRow {
  number: number
  hash: Buffer
  wallet: string
}

export class SettlementTable {
  readonly #insert: Database.Statement<[Record<string, unknown>], { number: number }>
  readonly #confirm: Database.Statement<[Record<string, unknown>]>
  readonly #wallet: Database.Statement<[Buffer], { wallet: string }>
  readonly #unconfirmed: Database.Statement<[number, number], UnconfirmedRow>

  constructor(database: Database.Database) {
    this.#insert = database.prepare(
      `INSERT INTO settlement (payment_hash, wallet, received_msat, settled_at, service, price_msat)
       VALUES (:hash, :wallet, :receivedMsat, :settledAtMs, :service, :priceMsat)
       ON CONFLICT (payment_hash) DO NOTHING RETURNING number`,
    )
    // The payment was forgotten before the wallet told of it.
    this.#confirm = database.prepare(
      `UPDATE settlement SET confirmed = 1, wallet = :wallet, settled_at = :settledAtMs,
         received_msat = coalesce(:receivedMsat, received_msat)
       WHERE payment_hash = :hash AND confirmed = 0`,
    )
    this.#wallet = database.prepare('SELECT wallet FROM settlement WHERE payment_hash = ? AND confirmed = 1')
    this.#unconfirmed = database.prepare(
      `SELECT p.number, p.hash, p.wallet FROM payment p
       WHERE p.number > ? AND p.state = 'settled'
         AND NOT EXISTS (SELECT 1 FROM settlement s WHERE s.payment_hash = p.hash)
       ORDER BY p.number LIMIT ?`,
    )
  }

  /** @returns whether this is news */
  record(wallet: string, { paymentHash, receivedMsat, settledAtMs, sold }: BookedSettlement): boolean {
    const hash = Buffer.from(paymentHash, 'hex')
    const told = { hash, wallet, receivedMsat: receivedMsat ?? null, settledAtMs }
    const made = this.#insert.get({ ...told, service: sold?.service ?? null, priceMsat: sold?.priceMsat ?? null })
    return made !== undefined || this.#confirm.run(told).changes === 1
  }

  walletOf(paymentHash: string): string | undefined {
    return this.#wallet.get(Buffer.from(paymentHash, 'hex'))?.wallet
  }

  unconfirmed(afterNumber: number, limit: number): UnconfirmedPayment[] {
    return this.#unconfirmed
      .all(afterNumber, limit)
      .map(({ number, hash, wallet }) => ({ number, paymentHash: hash.toString('hex'), wallet }))
  }
}
