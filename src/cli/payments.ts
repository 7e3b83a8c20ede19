import { parseArgs } from 'node:util'
import type { PaymentRow, PaymentStatus } from '../ledger/sqlite/reports.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { booksOptions, openBooks, readDay } from './open-books.ts'
import { type Column, formatOptions, printRows } from './print-rows.ts'

const statuses = [
  'delivered',
  'running',
  'waiting',
  'refused',
  'unredeemed',
  'refundable',
  'refunded',
  'held',
  'cancelled',
  'unknown',
] as const satisfies readonly PaymentStatus[]

const sats = (msat: number | null): string | number => (msat === null ? '' : msat / 1000)

const columns: readonly Column<PaymentRow>[] = [
  { heading: 'paid_at', value: ({ paidAtMs }) => new Date(paidAtMs).toISOString() },
  { heading: 'status', value: ({ status }) => status },
  { heading: 'service', value: ({ service }) => service ?? '' },
  { heading: 'wallet', value: ({ wallet }) => wallet },
  { heading: 'price_sats', value: ({ priceMsat }) => sats(priceMsat) },
  { heading: 'received_sats', value: ({ receivedMsat }) => sats(receivedMsat) },
  { heading: 'confirmed', value: ({ confirmed }) => (confirmed ? 'yes' : 'no') },
  { heading: 'payment_hash', value: ({ paymentHash }) => paymentHash },
  { heading: 'reference', value: ({ reference }) => reference ?? '' },
  { heading: 'last_code', value: ({ lastCode }) => lastCode ?? '' },
]

/** `turnpike payments`: every payment and what became of it. */
export function payments(args: string[]): Promise<ExitCode> {
  const { values } = parseArgs({
    args,
    options: {
      ...booksOptions,
      ...formatOptions,
      status: { type: 'string', multiple: true },
      since: { type: 'string' },
      limit: { type: 'string', default: '1000' },
    },
  })
  const asked = values.status?.flatMap((text) => text.split(',')).map(readStatus)
  const limit = /^[1-9]\d{0,8}$/.test(values.limit) ? Number(values.limit) : undefined
  if (limit === undefined) throw new CommandError(exitCodes.usage, `--limit ${values.limit}: write a number above 0`)
  const fromMs = values.since === undefined ? 0 : readDay('--since', values.since)
  using books = openBooks(values)
  const rows = books.payments(fromMs, Date.now(), asked, limit)
  printRows(rows, columns, values)
  if (rows.length === limit) console.error(`Only the newest ${limit} are shown; --limit shows more.`)
  return Promise.resolve(exitCodes.ok)
}

function readStatus(text: string): PaymentStatus {
  const status = statuses.find((each) => each === text)
  if (!status) throw new CommandError(exitCodes.usage, `--status ${text}: there is ${statuses.join(', ')}`)
  return status
}
