import type Database from 'better-sqlite3'
import type { RevisionRecord } from '../../ports/ledger.ts'

export class RevisionTable {
  readonly #save: Database.Statement<[string, string, number]>
  readonly #all: Database.Statement<[], { rev: string; definition: string; last_sold_until: number }>

  constructor(database: Database.Database) {
    this.#save = database.prepare(
      `INSERT INTO service_revision (rev, definition, last_sold_until, saved)
       VALUES (?, ?, ?, (SELECT coalesce(max(saved), 0) + 1 FROM service_revision))
       ON CONFLICT (rev) DO UPDATE SET
         definition = excluded.definition,
         saved = excluded.saved,
         last_sold_until = max(last_sold_until, excluded.last_sold_until)`,
    )
    this.#all = database.prepare('SELECT rev, definition, last_sold_until FROM service_revision ORDER BY saved')
  }

  save(revisions: readonly RevisionRecord[]): void {
    for (const { rev, definition, lastSoldUntil } of revisions) this.#save.run(rev, definition, lastSoldUntil)
  }

  /** Unix seconds: no token that was sold so far lives longer. */
  soldUntil(): number {
    return Math.max(0, ...this.all().map(({ lastSoldUntil }) => lastSoldUntil))
  }

  all(): RevisionRecord[] {
    return this.#all.all().map((row) => ({
      rev: row.rev,
      definition: row.definition,
      lastSoldUntil: row.last_sold_until,
    }))
  }
}
