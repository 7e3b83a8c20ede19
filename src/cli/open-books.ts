import { resolve } from 'node:path'
import { OpenProblem } from '../ledger/sqlite/open.ts'
import { openReports, type Reports } from '../ledger/sqlite/reports.ts'
import { CommandError, exitCodes } from './exit-codes.ts'
import { loadOrExplain } from './load-or-explain.ts'

export const booksOptions = {
  config: { type: 'string', short: 'c' },
  data: { type: 'string' },
} as const

/**
 * Opens the books that `--data` names, or else the configuration. The gateway may be running.
 * @throws CommandError
 */
export function openBooks(options: { config?: string | undefined; data?: string | undefined }): Reports {
  const directory =
    options.data === undefined
      ? loadOrExplain(options.config ?? 'gateway.yaml', process.env).config.dataDir
      : resolve(options.data)
  const reports = openOrExplain(directory)
  if (!reports)
    throw new CommandError(exitCodes.notFound, `There is no ledger in ${directory}; name its directory with --data.`)
  return reports
}

function openOrExplain(directory: string): Reports | undefined {
  try {
    return openReports(directory)
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw new CommandError(
      exitCodes.unavailable,
      thrown instanceof OpenProblem ? reason : `The ledger in ${directory} cannot be read: ${reason}.`,
    )
  }
}

/** A day of a flag, `2026-11-21`: its first millisecond, UTC. @throws CommandError */
export function readDay(flag: string, text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text) {
    throw new CommandError(exitCodes.usage, `${flag} ${text}: write a day, such as 2026-11-21`)
  }
  return ms
}
