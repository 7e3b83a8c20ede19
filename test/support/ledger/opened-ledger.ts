import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { openSqliteLedger, type SqliteLedgerOptions } from '#src/ledger/sqlite/sqlite-ledger.ts'
import type { Ledger } from '#src/ports/ledger.ts'

/** A ledger of a test's own, that can be closed and opened again on the same data. */
export interface OpenedLedger extends AsyncDisposable {
  /** The one that is open now. */
  readonly ledger: Ledger
  reopen(): Promise<Ledger>
}

/** Makes an empty ledger. */
export type OpenLedger = () => Promise<OpenedLedger>

/** A directory that goes when the test is over. */
export interface TestDirectory extends Disposable {
  readonly path: string
}

export function makeDirectory(): TestDirectory {
  const path = mkdtempSync(join(tmpdir(), 'turnpike-ledger-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Opens the SQLite ledger; its threads must not die unless the test says what then. */
export function openSqlite(
  directory: string,
  options: Partial<SqliteLedgerOptions> = {},
  signal?: AbortSignal,
): Promise<Ledger> {
  const onDeath = (cause: unknown): never => {
    throw new Error('the ledger died', { cause })
  }
  return openSqliteLedger({ directory, onDeath, ...options }, signal)
}

export async function openSqliteInTemporary(options: Partial<SqliteLedgerOptions> = {}): Promise<OpenedLedger> {
  const directory = makeDirectory()
  let ledger = await openSqlite(directory.path, options)
  return {
    get ledger() {
      return ledger
    },
    async reopen() {
      await ledger[Symbol.asyncDispose]()
      return (ledger = await openSqlite(directory.path, options))
    },
    async [Symbol.asyncDispose]() {
      await ledger[Symbol.asyncDispose]()
      directory[Symbol.dispose]()
    },
  }
}

export type Shared = () => Ledger

/** One ledger for all tests of a `describe`, whose payments are each a test's own. */
export function shareLedger(open: OpenLedger): Shared {
  let opened: OpenedLedger | undefined
  beforeAll(async () => {
    opened = await open()
  })
  afterAll(() => opened?.[Symbol.asyncDispose]())
  return () => {
    if (!opened) throw new Error('the ledger is open only while tests run')
    return opened.ledger
  }
}
