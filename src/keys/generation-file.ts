import { existsSync, readFileSync } from 'node:fs'
import type { LedgerMeta } from '../ports/ledger.ts'
import { KeysProblem } from './keys-file.ts'
import { writeDurably } from './write-durably.ts'

/**
 * How often the ledger beside it was opened, kept outside of the ledger: an older copy of the ledger that is put in its
 * place has forgotten what was sold and delivered since, and would deliver it again.
 * @throws KeysProblem with what to do
 */
export function checkGeneration(file: string, directory: string, ledger: LedgerMeta): void {
  const remedy = `Move ${directory} aside and run \`turnpike restore <where it is now>\`: that asks what becomes of payments made since.`
  if (ledger.copiedAtMs !== undefined) {
    throw new KeysProblem(
      `the ledger in ${directory} is a backup of ${new Date(ledger.copiedAtMs).toISOString()} and knows nothing of what was sold and delivered after that. ${remedy}`,
    )
  }
  if (!existsSync(file)) return
  const [ledgerId, generation] = readFileSync(file, 'utf8').trim().split(' ')
  if (ledgerId !== ledger.ledgerId || !(Number(generation) > ledger.generation)) return
  throw new KeysProblem(
    `the ledger in ${directory} is older than the one that ran here last (start ${ledger.generation}, not ${generation}) and knows nothing of what was sold and delivered since. Put the newest back, or take this one: ${remedy}`,
  )
}

export function writeGeneration(file: string, ledgerId: string, generation: number): void {
  writeDurably(file, `${ledgerId} ${generation}\n`)
}
