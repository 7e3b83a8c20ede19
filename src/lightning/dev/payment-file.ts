import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, openSync } from 'node:fs'
import Database from 'better-sqlite3'
import { WalletError } from '../../ports/wallet.ts'
import { guarded } from './guarded.ts'

export interface RecordedPayment {
  /** Counts payments in the order of their settlement, from 1. */
  readonly settleIndex: bigint
  readonly paymentHash: string
  readonly amountMsat: bigint
  readonly settledAtMs: number
}

interface PaymentRow {
  readonly settle_index: bigint
  readonly payment_hash: string
  readonly amount_msat: bigint
  readonly settled_at_ms: bigint
}

const schemaVersion = 1n
const seedBytes = 32
const ownerOnly = 0o600
const lockTimeoutMs = 5000

const schema = `
  -- The one secret: node key and preimages follow from it.
  CREATE TABLE seed (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    bytes BLOB NOT NULL CHECK (length(bytes) = ${seedBytes})
  ) STRICT;
  -- One row for each invoice that was paid; none for an invoice that was only made.
  CREATE TABLE payment (
    settle_index  INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_hash  TEXT NOT NULL UNIQUE CHECK (length(payment_hash) = 64),
    amount_msat   INTEGER NOT NULL CHECK (amount_msat > 0),
    settled_at_ms INTEGER NOT NULL
  ) STRICT;
  PRAGMA user_version = ${schemaVersion};
`

/**
 * Opens the file; makes it, with a new seed, where there is none.
 * @throws WalletError `unavailable`
 */
export function openPaymentFile(file: string): PaymentFile {
  return guarded(() => {
    // SQLite gives its journal files the rights of the main file, so the rights come before SQLite does.
    closeSync(openSync(file, 'a', ownerOnly))
    chmodSync(file, ownerOnly)
    const database = new Database(file, { timeout: lockTimeoutMs })
    try {
      database.pragma('journal_mode = WAL')
      database.pragma('synchronous = FULL')
      database.transaction(prepareSchema).immediate(database)
      return new PaymentFile(database)
    } catch (thrown) {
      database.close()
      throw thrown
    }
  })
}

/** What the development wallet keeps: its seed and the payments it received, in a SQLite file only its owner may read. */
export class PaymentFile implements Disposable {
  readonly seed: Uint8Array
  readonly #database: Database.Database
  readonly #insert: Database.Statement<[string, bigint, number]>
  readonly #byHash: Database.Statement<[string], PaymentRow>
  readonly #after: Database.Statement<[bigint, number], PaymentRow>

  constructor(database: Database.Database) {
    this.#database = database
    this.seed = readSeed(database)
    this.#insert = database.prepare(
      'INSERT INTO payment (payment_hash, amount_msat, settled_at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    )
    this.#byHash = database.prepare<[string], PaymentRow>('SELECT * FROM payment WHERE payment_hash = ?').safeIntegers()
    this.#after = database
      .prepare<[bigint, number], PaymentRow>(
        'SELECT * FROM payment WHERE settle_index > ? ORDER BY settle_index LIMIT ?',
      )
      .safeIntegers()
  }

  /**
   * Records a payment durably. Of two racing calls with one hash exactly one records it.
   * @returns whether this call did
   */
  record(payment: Omit<RecordedPayment, 'settleIndex'>): 'recorded' | 'already_paid' {
    const { paymentHash, amountMsat, settledAtMs } = payment
    const { changes } = guarded(() => this.#insert.run(paymentHash, amountMsat, settledAtMs))
    return changes === 1 ? 'recorded' : 'already_paid'
  }

  find(paymentHash: string): RecordedPayment | undefined {
    const row = guarded(() => this.#byHash.get(paymentHash))
    return row && toPayment(row)
  }

  /** The payments that follow `settleIndex`, in order, at most `limit`. */
  after(settleIndex: bigint, limit: number): RecordedPayment[] {
    return guarded(() => this.#after.all(settleIndex, limit)).map(toPayment)
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}

/** Runs in one transaction, so that two openings of a new file agree on one seed. */
function prepareSchema(database: Database.Database): void {
  const version = BigInt(String(database.pragma('user_version', { simple: true })))
  if (version === schemaVersion) return
  if (version !== 0n) {
    throw new WalletError('unavailable', `The file of the development wallet has the unknown version ${version}.`)
  }
  database.exec(schema)
  database.prepare('INSERT INTO seed (id, bytes) VALUES (1, ?)').run(randomBytes(seedBytes))
}

function readSeed(database: Database.Database): Uint8Array {
  const seed = database.prepare<[], Buffer>('SELECT bytes FROM seed').pluck().get()
  if (!seed) throw new WalletError('unavailable', 'The file of the development wallet holds no seed.')
  return new Uint8Array(seed)
}

function toPayment(row: PaymentRow): RecordedPayment {
  return {
    settleIndex: row.settle_index,
    paymentHash: row.payment_hash,
    amountMsat: row.amount_msat,
    settledAtMs: Number(row.settled_at_ms),
  }
}
