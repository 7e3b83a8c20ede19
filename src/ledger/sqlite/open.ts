import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

/** Opening, locking and migrating the ledger file. Runs in the worker threads. */

export const ledgerFileName = 'ledger.sqlite'
export const lockFileName = 'ledger.lock'

/** Older ones can corrupt a write-ahead log (fixed in 3.51.3). */
const oldestSqlite = [3, 51, 3]

export class OpenProblem extends Error {
  override readonly name = 'OpenProblem'
}

/**
 * Takes the ledger for this process. The lock is an SQLite transaction on a file beside it that is held open: the
 * kernel keeps it while the process lives, stopped or running, and drops it when the process is gone.
 * @returns undefined while another process has it
 */
export function takeOwnership(directory: string): Database.Database | undefined {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const lock = new Database(join(directory, lockFileName), { timeout: 0 })
  try {
    lock.pragma('locking_mode = EXCLUSIVE')
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (thrown) {
    lock.close()
    if (thrown instanceof Database.SqliteError && thrown.code.startsWith('SQLITE_BUSY')) return undefined
    throw thrown
  }
}

/** Opens for writing, creating and migrating as needed. */
export function openForWriting(directory: string): Database.Database {
  const database = new Database(join(directory, ledgerFileName), { timeout: 250 })
  checkVersion(database)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.pragma('foreign_keys = ON')
  database.pragma('trusted_schema = OFF')
  database.pragma('wal_autocheckpoint = 4000')
  if (Number(database.pragma('synchronous', { simple: true })) !== 2)
    throw new OpenProblem('synchronous=FULL cannot be set')
  migrate(database)
  database
    .prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING')
    .run('ledger_id', randomBytes(16).toString('hex'))
  syncDirectory(directory)
  return database
}

/**
 * For a command that only looks, whether the gateway runs or not.
 * @param oldest the lowest format that will do; by default the newest alone
 * @returns undefined where no ledger was made yet
 * @throws OpenProblem for a ledger of another format
 */
export function openToLook(directory: string, oldest = migrationFiles().length): Database.Database | undefined {
  if (!existsSync(join(directory, ledgerFileName))) return undefined
  const database = openForReading(directory)
  const version = Number(database.pragma('user_version', { simple: true }))
  const known = migrationFiles().length
  if (version >= oldest && version <= known) return database
  database.close()
  const next =
    version < known ? 'start the gateway once, which migrates it' : 'use the version that the gateway runs with'
  throw new OpenProblem(`the ledger has format ${version} and this Turnpike knows ${known}; ${next}`)
}

export function openForReading(directory: string): Database.Database {
  const database = new Database(join(directory, ledgerFileName), { readonly: true, timeout: 250 })
  database.pragma('query_only = ON')
  return database
}

const migrations = new URL('migrations/', import.meta.url)

const migrationFiles = (): string[] =>
  readdirSync(migrations)
    .filter((name) => name.endsWith('.sql'))
    .toSorted()

function migrate(database: Database.Database): void {
  const files = migrationFiles()
  const version = Number(database.pragma('user_version', { simple: true }))
  if (version > files.length) {
    throw new OpenProblem(
      `the ledger was written by a newer Turnpike (format ${version}; this one knows ${files.length})`,
    )
  }
  for (const [index, name] of files.entries()) {
    if (index < version) continue
    database
      .transaction(() => {
        database.exec(readFileSync(new URL(name, migrations), 'utf8'))
        database.pragma(`user_version = ${index + 1}`)
      })
      .immediate()
  }
}

function checkVersion(database: Database.Database): void {
  const row = database.prepare('SELECT sqlite_version() AS version').get() as { version: string }
  refuseOldSqlite(row.version)
}

/** @param version as `3.51.3` @throws OpenProblem */
export function refuseOldSqlite(version: string): void {
  const parts = version.split('.').map(Number)
  for (const [index, least] of oldestSqlite.entries()) {
    const part = parts[index] ?? 0
    if (part > least) return
    if (part < least)
      throw new OpenProblem(`SQLite ${version} can lose data; ${oldestSqlite.join('.')} or newer is needed`)
  }
}

/** New files are only as durable as the directory entries that name them. */
function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
