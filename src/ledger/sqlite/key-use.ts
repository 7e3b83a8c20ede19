import type Database from 'better-sqlite3'
import type { KeyUse } from '../../ports/key-use.ts'

interface UseRow {
  running: number
  honoured_until: number | null
  owed: number
}

/** What the payments under a key still need it for. The first byte of a token id is its key's number. */
export class KeyUseQuery {
  readonly #use: Database.Statement<[Buffer], UseRow>
  readonly #signedUntil: Database.Statement<[string], { value: string }>

  constructor(database: Database.Database) {
    this.#use = database.prepare(
      `SELECT count(*) FILTER (WHERE j.state = 'running' OR p.state IN ('held', 'settling', 'cancelling')) AS running,
         max(max(p.minted_expiry * 1000, coalesce(j.keep_until, 0))) FILTER (WHERE p.state = 'settled') AS honoured_until,
         count(*) FILTER (WHERE (p.state IN ('settled', 'revoked') AND j.state <> 'captured')
           OR (p.state = 'revoked' AND j.first_delivered_at IS NULL)) AS owed
       FROM payment p JOIN job j ON j.number = p.number WHERE substr(p.token_id, 1, 1) = ?`,
    )
    this.#signedUntil = database.prepare('SELECT value FROM meta WHERE key = ?')
  }

  of(keyId: number): KeyUse {
    const row = this.#use.get(Buffer.of(keyId))
    const signed = this.#signedUntil.get(`signed_until.${keyId}`)
    return {
      signedUntil: signed && Number(signed.value),
      honouredUntilMs: row?.honoured_until ?? 0,
      running: row?.running ?? 0,
      owed: row?.owed ?? 0,
    }
  }
}
