import type Database from 'better-sqlite3'
import type { KnownWallet } from '../../ports/books.ts'

interface WalletRow {
  name: string
  kind: string
  cursor: string | null
}

export class WalletTable {
  readonly #insert: Database.Statement<[string, string, number]>
  readonly #all: Database.Statement<[], WalletRow>
  readonly #setCursor: Database.Statement<[string, string]>

  constructor(database: Database.Database) {
    // A wallet of the same name that is another program now cannot resume where the old one stopped.
    this.#insert = database.prepare(
      `INSERT INTO wallet (name, kind, first_seen_at) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, cursor = NULL WHERE kind <> excluded.kind`,
    )
    this.#all = database.prepare('SELECT name, kind, cursor FROM wallet ORDER BY first_seen_at, name')
    this.#setCursor = database.prepare('UPDATE wallet SET cursor = ? WHERE name = ?')
  }

  note({ name, kind }: Pick<KnownWallet, 'name' | 'kind'>, nowMs: number): void {
    this.#insert.run(name, kind, nowMs)
  }

  all(): KnownWallet[] {
    return this.#all.all().map(({ name, kind, cursor }) => ({ name, kind, cursor: cursor ?? undefined }))
  }

  setCursor(name: string, cursor: string): void {
    this.#setCursor.run(cursor, name)
  }
}
