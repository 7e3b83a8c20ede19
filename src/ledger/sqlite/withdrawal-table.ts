import type Database from 'better-sqlite3'

type Named = [Record<string, unknown>]

/**
 * What is said of payments besides their runs: revoked, refunded, opened again, owed, turned away. Each is decided by the
 * caller's look at the row.
 */
export class WithdrawalTable {
  readonly #noteRevocation: Database.Statement<Named>
  readonly #isRevoked: Database.Statement<[Buffer], { revoked_at: number }>
  readonly #revoke: Database.Statement<Named>
  readonly #endRun: Database.Statement<Named, { number: number }>
  readonly #withhold: Database.Statement<Named>
  readonly #refund: Database.Statement<Named, { number: number }>
  readonly #forgetAnswer: Database.Statement<[number]>
  readonly #reopen: Database.Statement<Named, { number: number }>
  readonly #owe: Database.Statement<Named>
  readonly #turnAway: Database.Statement<Named>

  constructor(database: Database.Database) {
    this.#noteRevocation = database.prepare(
      'INSERT INTO revocation (hash, revoked_at) VALUES (:hash, :nowMs) ON CONFLICT DO NOTHING',
    )
    this.#isRevoked = database.prepare('SELECT revoked_at FROM revocation WHERE hash = ?')
    this.#revoke = database.prepare("UPDATE payment SET state = 'revoked' WHERE hash = :hash AND state = 'settled'")
    this.#endRun = database.prepare(
      `UPDATE job SET state = 'given_up', epoch = epoch + 1, last_code = 'token_revoked', finished_at = :nowMs,
         keep_until = :nowMs
       WHERE number = (SELECT number FROM payment WHERE hash = :hash) AND state = 'running' RETURNING number`,
    )
    // Not known to be unspent: shown, so that it is not given to another request either.
    this.#withhold = database.prepare(
      `UPDATE job SET state = 'given_up', last_code = 'restored', shown = 1, finished_at = :nowMs,
         keep_until = coalesce(keep_until, :nowMs)
       WHERE number = (SELECT number FROM payment WHERE hash = :hash)`,
    )
    this.#refund = database.prepare(
      `UPDATE payment SET state = 'refunded', refund_note = :note, refund_closed_at = :nowMs
       WHERE hash = :hash AND state IN ('settled', 'revoked') RETURNING number`,
    )
    this.#forgetAnswer = database.prepare('UPDATE job SET pruned = 1 WHERE number = ?')
    this.#reopen = database.prepare(
      `UPDATE job SET state = 'retryable', attempts = 0, failures = 0, retry_at = 0, last_code = NULL,
         finished_at = :nowMs, keep_until = max(coalesce(keep_until, 0), :untilMs), pruned = 0,
         first_delivered_at = NULL
       WHERE number = (SELECT number FROM payment WHERE hash = :hash AND state = 'settled')
         AND state IN ('retryable', 'refused', 'given_up') RETURNING number`,
    )
    this.#owe = database.prepare(
      `UPDATE job SET last_code = 'refund_due', finished_at = coalesce(finished_at, :nowMs), state = 'retryable',
         keep_until = coalesce(keep_until, :nowMs + result_ttl)
       WHERE number = (SELECT number FROM payment WHERE hash = :hash)
         AND (state = 'retryable' OR (state = 'running' AND :isNew))`,
    )
    // Its first run is yet to come.
    this.#turnAway = database.prepare(
      `UPDATE job SET state = 'retryable', epoch = 0, last_code = :code, finished_at = :nowMs,
         keep_until = :nowMs + result_ttl
       WHERE number = (SELECT number FROM payment WHERE hash = :hash)`,
    )
  }

  noteRevocation(hash: Buffer, nowMs: number): void {
    this.#noteRevocation.run({ hash, nowMs })
  }

  isRevoked(hash: Buffer): boolean {
    return this.#isRevoked.get(hash) !== undefined
  }

  /** @returns the row number of a run that this ended */
  revoke(hash: Buffer, nowMs: number): number | undefined {
    this.#revoke.run({ hash })
    return this.#endRun.get({ hash, nowMs })?.number
  }

  /** Whether its result was delivered is known only to a ledger that is lost: the operator has to decide. */
  withhold(hash: Buffer, nowMs: number): void {
    this.#withhold.run({ hash, nowMs })
  }

  /** @returns the row number; what is stored under it is no longer to be had */
  refund(hash: Buffer, note: string, nowMs: number): number | undefined {
    const number = this.#refund.get({ hash, note, nowMs })?.number
    if (number !== undefined) this.#forgetAnswer.run(number)
    return number
  }

  reopen(hash: Buffer, nowMs: number, untilMs: number): number | undefined {
    return this.#reopen.get({ hash, nowMs, untilMs })?.number
  }

  /** @param isNew the row was made only to note this; otherwise a run under way is left alone */
  owe(hash: Buffer, nowMs: number, isNew: boolean): void {
    this.#owe.run({ hash, nowMs, isNew: isNew ? 1 : 0 })
  }

  /** Only of a row that was made for this. */
  turnAway(hash: Buffer, code: string, nowMs: number): void {
    this.#turnAway.run({ hash, code, nowMs })
  }
}
