import { chmodSync, closeSync, existsSync, fsyncSync, openSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { LedgerMeta } from '../../ports/ledger.ts'
import { MetaTable } from './meta-table.ts'
import { ledgerFileName, OpenProblem, openForWriting, openToLook } from './open.ts'

/**
 * Copies a database as it is at one moment, while others write it: one read transaction, on a connection that cannot
 * write. The copy is for its owner’s eyes only.
 * @param target must not exist
 */
export function copyDatabase(file: string, target: string): void {
  closeSync(openSync(target, 'wx', 0o600))
  const database = new Database(file, { readonly: true, timeout: 5_000 })
  try {
    database.prepare('VACUUM INTO ?').run(target)
  } finally {
    database.close()
  }
  chmodSync(target, 0o600)
  sync(target)
}

/** A copy of an older ledger is migrated when it is put in place. */
const anyFormat = 1

/**
 * Copies the ledger of a directory, and marks the copy: whoever opens it must know that it may have missed something.
 * @returns what the copy is
 * @throws OpenProblem where there is none
 */
export function backUpLedger(directory: string, target: string, nowMs: number): LedgerMeta {
  const present = openToLook(directory, anyFormat)
  if (!present) throw new OpenProblem(`there is no ledger in ${directory}: nothing was sold yet`)
  present.close()
  copyDatabase(join(directory, ledgerFileName), target)
  return changed(target, (meta) => meta.setNumber('copied_at', nowMs))
}

export interface RestoredLedger {
  readonly meta: LedgerMeta
  /** Payments that were under way or unspent in the copy and are held back. */
  readonly withheld: number
}

/**
 * Puts a copy in place.
 * @param withhold hold back every payment that may have been spent after the copy was made: those without a result in
 *   it, and every token that was made before now and is not in it
 * @param generation the lowest that the ledger may have from now on
 * @throws OpenProblem
 */
export function restoreLedger(
  from: string,
  directory: string,
  { withhold, generation, nowMs }: { withhold: boolean; generation: number; nowMs: number },
): RestoredLedger {
  const source = openToLook(from, anyFormat)
  if (!source) throw new OpenProblem(`there is no ${ledgerFileName} in ${from}`)
  source.close()
  const target = join(directory, ledgerFileName)
  if (existsSync(target)) throw new OpenProblem(`${target} exists; move it aside first`)
  copyDatabase(join(from, ledgerFileName), target)
  let withheld = 0
  const database = openForWriting(directory)
  try {
    const meta = new MetaTable(database)
    database.transaction(() => {
      meta.delete('copied_at')
      meta.setNumber('generation', Math.max(generation, meta.number('generation') ?? 0))
      if (!withhold) return
      meta.setNumber('restored_at', Math.floor(nowMs / 1000))
      // Held, it is let go where that can still be done; where the wallet has taken it meanwhile, it is owed.
      database.exec(
        `UPDATE payment SET state = 'held'
         WHERE state = 'settling' AND number IN (SELECT number FROM job WHERE state <> 'captured')`,
      )
      withheld = database
        .prepare(
          `UPDATE job SET state = 'given_up', last_code = 'restored', shown = 1, epoch = epoch + 1,
             finished_at = :nowMs, keep_until = coalesce(keep_until, :nowMs)
           WHERE state <> 'captured' AND number IN (SELECT number FROM payment WHERE state IN ('settled', 'held'))`,
        )
        .run({ nowMs }).changes
    })()
    return { meta: meta.identity(), withheld }
  } finally {
    database.close()
  }
}

function changed(file: string, change: (meta: MetaTable) => void): LedgerMeta {
  const database = new Database(file)
  try {
    const meta = new MetaTable(database)
    change(meta)
    return meta.identity()
  } finally {
    database.close()
    sync(file)
  }
}

function sync(file: string): void {
  const handle = openSync(file, 'r+')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
