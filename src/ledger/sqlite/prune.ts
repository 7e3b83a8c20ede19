import type Database from 'better-sqlite3'
import { KeptInvoiceTable } from './kept-invoice-table.ts'
import type { MetaTable } from './meta-table.ts'

/** Rows handled in one call, so that no claim waits long behind it. */
const step = 500

/**
 * Forgetting. A clock that jumps ahead must not make the ledger forget what was spent, so it is believed only as far
 * as time has really passed while a process watched: `prune_clock` begins with the ledger and advances by the
 * monotonic clock alone.
 */
export class Pruner {
  readonly #meta: MetaTable
  readonly #keptInvoices: KeptInvoiceTable
  readonly #deleteFrames: Database.Statement<[number, number], { number: number }>
  readonly #framesOf: Database.Statement<[number]>
  readonly #expired: Database.Statement<[number, number, number], { number: number; minted_expiry: number }>
  readonly #deleteJob: Database.Statement<[number]>
  readonly #deletePayment: Database.Statement<[number]>
  #lastMonotonicMs: number | undefined

  constructor(database: Database.Database, meta: MetaTable) {
    this.#meta = meta
    this.#keptInvoices = new KeptInvoiceTable(database)
    // What nobody could present yet, because its payment is not taken yet, is kept for them.
    this.#deleteFrames = database.prepare(
      `UPDATE job SET pruned = 1, sealed_request = NULL, upstream_ref = NULL
       WHERE number IN (SELECT j.number FROM job j JOIN payment p ON p.number = j.number
         WHERE j.keep_until <= ? AND j.pruned = 0 AND p.state NOT IN ('held', 'settling', 'cancelling') LIMIT ?)
       RETURNING number`,
    )
    this.#framesOf = database.prepare('DELETE FROM frame WHERE job = ?')
    this.#expired = database.prepare(
      `SELECT j.number, p.minted_expiry FROM job j JOIN payment p ON p.number = j.number
       WHERE j.pruned = 1 AND j.keep_until <= ? AND p.minted_expiry * 1000 <= ?
         AND ((j.state = 'captured' AND p.state = 'settled') OR p.state = 'cancelled') LIMIT ?`,
    )
    this.#deleteJob = database.prepare('DELETE FROM job WHERE number = ?')
    this.#deletePayment = database.prepare('DELETE FROM payment WHERE number = ?')
  }

  run(nowMs: number, monotonicMs: number): number {
    const elapsedMs = Math.max(0, monotonicMs - (this.#lastMonotonicMs ?? monotonicMs))
    this.#lastMonotonicMs = monotonicMs
    const clockMs = (this.#meta.number('prune_clock') ?? nowMs) + elapsedMs
    this.#meta.setNumber('prune_clock', clockMs)
    const cutoffMs = Math.min(nowMs, clockMs)
    const jobs = this.#deleteFrames.all(cutoffMs, step)
    for (const { number } of jobs) this.#framesOf.run(number)
    const rows = this.#expired.all(cutoffMs, cutoffMs, step)
    for (const { number } of rows) {
      this.#deleteJob.run(number)
      this.#deletePayment.run(number)
    }
    if (rows.length > 0) {
      const through = Math.max(this.#meta.number('pruned_through') ?? 0, ...rows.map((row) => row.minted_expiry))
      this.#meta.setNumber('pruned_through', through)
    }
    return jobs.length + rows.length + this.#keptInvoices.prune(cutoffMs, step)
  }
}
