import { chmodSync, closeSync, openSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { HoldState } from '../../ports/hold-wallet.ts'
import { WalletError } from '../../ports/wallet.ts'
import { guarded } from './guarded.ts'

/** A hold invoice of the development wallet. */
export interface Hold {
  /** 64 hex digits. */
  readonly paymentHash: string
  readonly bolt11: string
  readonly amountMsat: bigint
  /** Unix seconds. */
  readonly expiresAt: number
  readonly state: Exclude<HoldState, 'unknown'>
  /** 64 hex digits, once settled. */
  readonly preimage: string | undefined
}

interface HoldRow {
  payment_hash: string
  bolt11: string
  amount_msat: bigint
  expires_at: bigint
  state: Hold['state']
  preimage: string | null
}

const schema = `
  -- One row for each hold invoice, since its state is all that there is of the payment.
  CREATE TABLE IF NOT EXISTS hold (
    payment_hash TEXT PRIMARY KEY CHECK (length(payment_hash) = 64),
    bolt11       TEXT NOT NULL,
    amount_msat  INTEGER NOT NULL CHECK (amount_msat > 0),
    expires_at   INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('open', 'accepted', 'settled', 'cancelled')),
    preimage     TEXT
  ) STRICT;
`

/** The held payments of the development wallet, in a SQLite file only its owner may read. */
export class HoldFile implements Disposable {
  readonly #database: Database.Database
  readonly #insert: Database.Statement<[string, string, bigint, number]>
  readonly #find: Database.Statement<[string], HoldRow>
  readonly #change: Database.Statement<[string, string | null, string, string]>

  /** @throws WalletError `unavailable` */
  constructor(file: string) {
    this.#database = guarded(() => {
      closeSync(openSync(file, 'a', 0o600))
      chmodSync(file, 0o600)
      const database = new Database(file, { timeout: 5000 })
      database.pragma('journal_mode = WAL')
      database.pragma('synchronous = FULL')
      database.exec(schema)
      return database
    })
    this.#insert = this.#database.prepare(
      `INSERT INTO hold (payment_hash, bolt11, amount_msat, expires_at, state) VALUES (?, ?, ?, ?, 'open')
       ON CONFLICT DO NOTHING`,
    )
    this.#find = this.#database.prepare<[string], HoldRow>('SELECT * FROM hold WHERE payment_hash = ?').safeIntegers()
    this.#change = this.#database.prepare(
      'UPDATE hold SET state = ?, preimage = coalesce(?, preimage) WHERE payment_hash = ? AND state = ?',
    )
  }

  /** Writes a new hold down, or finds the one of this hash that was. */
  open(hold: Pick<Hold, 'paymentHash' | 'bolt11' | 'amountMsat' | 'expiresAt'>): Hold {
    guarded(() => this.#insert.run(hold.paymentHash, hold.bolt11, hold.amountMsat, hold.expiresAt))
    const found = this.find(hold.paymentHash)
    if (!found) throw new WalletError('unavailable', 'The development wallet lost a hold invoice it just wrote down.')
    return found
  }

  find(paymentHash: string): Hold | undefined {
    const row = guarded(() => this.#find.get(paymentHash))
    return (
      row && {
        paymentHash: row.payment_hash,
        bolt11: row.bolt11,
        amountMsat: row.amount_msat,
        expiresAt: Number(row.expires_at),
        state: row.state,
        preimage: row.preimage ?? undefined,
      }
    )
  }

  /** One compare-and-set. @returns whether it was this call that changed it */
  change(paymentHash: string, from: Hold['state'], to: Hold['state'], preimage?: string): boolean {
    return guarded(() => this.#change.run(to, preimage ?? null, paymentHash, from)).changes === 1
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}
