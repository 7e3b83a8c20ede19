import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { openKeys } from '../keys/keys-file.ts'
import { writeDurably } from '../keys/write-durably.ts'
import { copyDatabase, restoreLedger } from '../ledger/sqlite/copy.ts'
import { ledgerFileName } from '../ledger/sqlite/open.ts'
import { otherDatabases } from './backup.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { operatorOptions, operatorPlace } from './operator-place.ts'

/**
 * `turnpike restore`: puts a backup in place, for the next start. What was sold or delivered after it was made is not
 * in it, so payments that may have been spent since are held back, unless the operator says that none was.
 */
export function restore(args: string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...operatorOptions, 'nothing-delivered-since': { type: 'boolean' } },
  })
  const [directory, ...more] = positionals
  if (directory === undefined || more.length > 0)
    throw new CommandError(exitCodes.usage, 'name the backup: turnpike restore /backups/2027-01-31')
  const from = resolve(directory)
  for (const name of [ledgerFileName, 'keys'])
    if (!existsSync(join(from, name))) throw new CommandError(exitCodes.notFound, `there is no ${name} in ${from}`)
  const { dataDir } = operatorPlace(values)
  const names = [ledgerFileName, 'keys', ...otherDatabases(from)]
  const standing = names.find((name) => existsSync(join(dataDir, name)))
  if (standing !== undefined)
    throw new CommandError(exitCodes.refused, `${join(dataDir, standing)} exists; move ${dataDir} aside first`)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const withhold = values['nothing-delivered-since'] !== true
  try {
    const generation = generationIn(join(dataDir, 'generation'))
    const restored = restoreLedger(from, dataDir, { withhold, generation, nowMs: Date.now() })
    for (const name of otherDatabases(from)) copyDatabase(join(from, name), join(dataDir, name))
    const keys = join(dataDir, 'keys')
    writeDurably(keys, readFileSync(join(from, 'keys'), 'utf8'))
    openKeys(keys, restored.meta)
    console.log(withhold ? heldBack(restored.withheld) : everythingAsItWas)
  } catch (thrown) {
    for (const name of names) for (const end of ['', '-wal', '-shm']) rmSync(join(dataDir, name + end), { force: true })
    throw thrown
  }
  return Promise.resolve(exitCodes.ok)
}

const generationIn = (file: string): number =>
  existsSync(file) ? Number(readFileSync(file, 'utf8').trim().split(' ')[1]) || 0 : 0

const heldBack = (count: number): string => `The ledger is in place. Results that it holds are served as before.
Held back, because they may have been spent after the backup was made: ${count} payments in it without a result, and every
token made until now that it does not know. Their buyers are told that a refund is due and shown a reference;
\`turnpike refunds\` lists those who came, \`turnpike refunds reopen REF\` lets one have its result after all.`

const everythingAsItWas =
  'The ledger is in place, and every token works as if nothing had happened since. What was delivered since the backup can be had a second time.'
