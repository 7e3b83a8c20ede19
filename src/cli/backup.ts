import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { KeysProblem, openKeys } from '../keys/keys-file.ts'
import { writeDurably } from '../keys/write-durably.ts'
import { backUpLedger, copyDatabase } from '../ledger/sqlite/copy.ts'
import { ledgerFileName, lockFileName } from '../ledger/sqlite/open.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { operatorOptions, operatorPlace } from './operator-place.ts'

/** `turnpike backup`: ledger, keys and development wallet as they are now, whether the gateway runs or not. */
export function backup(args: string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: operatorOptions })
  const [directory, ...more] = positionals
  if (directory === undefined || more.length > 0)
    throw new CommandError(exitCodes.usage, 'name the directory to make: turnpike backup /backups/2027-01-31')
  const target = resolve(directory)
  if (existsSync(target)) throw new CommandError(exitCodes.refused, `${target} exists; a backup overwrites nothing`)
  const { dataDir } = operatorPlace(values)
  const partial = `${target}.partial-${process.pid}`
  try {
    copyInto(dataDir, partial)
    renameSync(partial, target)
  } catch (thrown) {
    rmSync(partial, { recursive: true, force: true })
    throw thrown
  }
  console.log(`${target} holds ledger and keys. Keep it like money: its reader can mint tokens.`)
  return Promise.resolve(exitCodes.ok)
}

function copyInto(dataDir: string, target: string): void {
  mkdirSync(target, { recursive: true, mode: 0o700 })
  // The keys after the ledger: the file holds every key that a ledger asks for, unless one was retired in between.
  const meta = backUpLedger(dataDir, join(target, ledgerFileName), Date.now())
  for (const name of otherDatabases(dataDir)) copyDatabase(join(dataDir, name), join(target, name))
  const keys = join(target, 'keys')
  const original = join(dataDir, 'keys')
  if (!existsSync(original)) throw new KeysProblem(`${original} is missing, and the ledger is worth nothing without it`)
  writeDurably(keys, readFileSync(original, 'utf8'))
  openKeys(keys, meta)
}

/** What wallets keep beside the ledger. */
export const otherDatabases = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.endsWith('.sqlite') && name !== ledgerFileName && name !== lockFileName)
