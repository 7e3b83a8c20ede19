import type Database from 'better-sqlite3'
import { type Frame, LedgerError, type PaymentRecord } from '../../ports/ledger.ts'
import { failure } from './failure.ts'
import { openForReading } from './open.ts'
import { Readings } from './operations.ts'

/**
 * Short reads by key, on the caller's own thread: 10 to 20 µs, where the way to another thread and back costs
 * 100. Whatever may be large is read in the reader's thread.
 */
export class PointReader {
  readonly #database: Database.Database
  readonly #readings: Readings

  constructor(directory: string) {
    this.#database = openForReading(directory)
    this.#readings = new Readings(this.#database)
  }

  /** @throws LedgerError */
  payment(paymentHash: string): PaymentRecord | undefined {
    return this.#try(() => this.#readings.read(paymentHash))
  }

  /** @throws LedgerError */
  frames(paymentHash: string, epoch: number, fromSeq: number, maxBytes: number): Frame[] {
    return this.#try(() => this.#readings.frames(paymentHash, epoch, fromSeq, maxBytes))
  }

  close(): void {
    this.#database.close()
  }

  #try<T>(read: () => T): T {
    if (!this.#database.open) throw new LedgerError('closed', 'the ledger is closed')
    try {
      return read()
    } catch (thrown) {
      const { code, message } = failure(thrown)
      throw new LedgerError(code, message, { cause: thrown })
    }
  }
}
