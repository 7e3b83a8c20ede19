import Database from 'better-sqlite3'
import type { LedgerErrorCode } from '../../ports/ledger.ts'

/** What went wrong in SQLite, in the port's words. */
export function failure(thrown: unknown): { code: LedgerErrorCode; message: string } {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const code = thrown instanceof Database.SqliteError ? thrown.code : ''
  if (code.startsWith('SQLITE_FULL')) return { code: 'full', message }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return { code: 'busy', message }
  if (code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_CANTOPEN')) return { code: 'readonly', message }
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB')) return { code: 'corrupt', message }
  return { code: 'io', message }
}
