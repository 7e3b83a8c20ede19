import { parseArgs } from 'node:util'
import type { RevenueRow } from '../ledger/sqlite/reports.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { booksOptions, openBooks, readDay } from './open-books.ts'
import { type Column, formatOptions, printRows } from './print-rows.ts'

const dayMs = 86_400_000

const columns: readonly Column<RevenueRow>[] = [
  { heading: 'day', value: ({ day }) => day },
  { heading: 'service', value: ({ service }) => service },
  { heading: 'payments', value: ({ payments }) => payments },
  { heading: 'redeemed', value: ({ redeemed }) => redeemed },
  { heading: 'sats', value: ({ msat }) => msat / 1000 },
  { heading: 'refunded_sats', value: ({ refundedMsat }) => refundedMsat / 1000 },
]

/** `turnpike revenue`: what came in, by day (UTC) and service. */
export function revenue(args: string[]): Promise<ExitCode> {
  const { values } = parseArgs({
    args,
    options: { ...booksOptions, ...formatOptions, from: { type: 'string' }, to: { type: 'string' } },
  })
  const fromMs = values.from === undefined ? 0 : readDay('--from', values.from)
  // The last day counts whole.
  const toMs = values.to === undefined ? Number.MAX_SAFE_INTEGER : readDay('--to', values.to) + dayMs
  using books = openBooks(values)
  const rows = books.revenue(fromMs, toMs, Date.now())
  printRows(rows, columns, values)
  if (!values.json && !values.csv) {
    const total = rows.reduce((sum, { msat }) => sum + msat, 0)
    const count = rows.reduce((sum, { payments }) => sum + payments, 0)
    console.log(`\n${total / 1000} sats in ${count} ${count === 1 ? 'payment' : 'payments'}`)
  }
  return Promise.resolve(exitCodes.ok)
}
