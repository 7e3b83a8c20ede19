import { readFileSync } from 'node:fs'

/** Files that are no connections: ledger, keys, libraries, the operator's listener, wallets. */
const otherFiles = 256
const fewest = 16

/**
 * How many connections can be taken: each may need another one, to an upstream, and all of them are open files.
 * @param openFiles how many files this process may have open; undefined where that is not known
 */
export function mostConnections(wanted: number, openFiles: number | undefined): number {
  if (openFiles === undefined) return wanted
  return Math.max(fewest, Math.min(wanted, Math.floor((openFiles - otherFiles) / 2)))
}

/** How many files this process may have open; undefined where the system does not say so. */
export function mostOpenFiles(file = '/proc/self/limits'): number | undefined {
  try {
    const [, most] = /^Max open files +([0-9]+)/m.exec(readFileSync(file, 'utf8')) ?? []
    return most === undefined ? undefined : Number(most)
  } catch {
    return undefined
  }
}
