import type Database from 'better-sqlite3'
import type { LedgerMeta } from '../../ports/ledger.ts'

type NumberKey =
  | 'pruned_through'
  | 'prune_clock'
  | 'probed_at'
  | 'generation'
  | 'copied_at'
  | 'restored_at'
  | 'longest_token_life'
  | `signed_until.${number}`

/**
 * `meta`: ledger_id, key.<id> (fingerprint), signed_until.<id> (Unix seconds), generation, copied_at (ms), restored_at
 * (Unix seconds), longest_token_life (seconds), pruned_through (Unix seconds), prune_clock (ms), probed_at (ms).
 */
export class MetaTable {
  readonly #get: Database.Statement<[string], { value: string }>
  readonly #set: Database.Statement<[string, string]>
  readonly #delete: Database.Statement<[string]>
  readonly #keys: Database.Statement<[], { key: string; value: string }>

  constructor(database: Database.Database) {
    this.#get = database.prepare('SELECT value FROM meta WHERE key = ?')
    this.#set = database.prepare(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    )
    this.#delete = database.prepare('DELETE FROM meta WHERE key = ?')
    this.#keys = database.prepare("SELECT key, value FROM meta WHERE key LIKE 'key.%'")
  }

  identity(): LedgerMeta {
    const keyFingerprints = new Map(this.#keys.all().map(({ key, value }) => [Number(key.slice('key.'.length)), value]))
    return {
      ledgerId: this.#get.get('ledger_id')?.value ?? '',
      keyFingerprints,
      generation: this.number('generation') ?? 0,
      longestTokenLife: this.number('longest_token_life') ?? 0,
      copiedAtMs: this.number('copied_at'),
    }
  }

  number(key: NumberKey): number | undefined {
    const row = this.#get.get(key)
    return row === undefined ? undefined : Number(row.value)
  }

  /** Whether a token was made at a time of which this ledger may know too little, since it was restored after it. */
  isBeforeRestore(tokenId: string): boolean {
    return mintedAt(tokenId) <= (this.number('restored_at') ?? -1)
  }

  setNumber(key: NumberKey, value: number): void {
    this.#set.run(key, String(value))
  }

  delete(key: string): void {
    this.#delete.run(key)
  }

  setKeyFingerprint(id: number, fingerprint: string): void {
    this.#set.run(`key.${id}`, fingerprint)
  }
}

/** Unix seconds: bytes 1 to 6 of a token's id. */
const mintedAt = (tokenId: string): number => Number.parseInt(tokenId.slice(2, 14), 16)
