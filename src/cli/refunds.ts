import { parseArgs } from 'node:util'
import { durationMs } from '../config/scalars.ts'
import type { Refund } from '../ledger/refunds.ts'
import { readRefunds } from '../ledger/sqlite/read-refunds.ts'
import { callAdmin } from './call-admin.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { type OperatorPlace, operatorOptions, operatorPlace } from './operator-place.ts'

/** `turnpike refunds [mark|reopen <reference>]`: payments that are owed back, and what becomes of them. */
export async function refunds(args: string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...operatorOptions,
      note: { type: 'string' },
      for: { type: 'string' },
      all: { type: 'boolean' },
      json: { type: 'boolean' },
      csv: { type: 'boolean' },
    },
  })
  const [action, reference, ...more] = positionals
  if (action === undefined) return list(operatorPlace(values), values)
  if ((action !== 'mark' && action !== 'reopen') || reference === undefined || more.length > 0) {
    throw new CommandError(
      exitCodes.usage,
      'write `turnpike refunds`, `refunds mark REF --note …` or `refunds reopen REF`',
    )
  }
  checkReference(reference)
  const place = operatorPlace(values)
  if (action === 'mark') {
    if (values.note === undefined || values.note.trim() === '') {
      throw new CommandError(exitCodes.usage, 'say how it was refunded, for your own books: --note "…"')
    }
    return say(await callAdmin(place, `/refunds/${reference}/mark`, { note: values.note }), values.json)
  }
  const forMs = values.for === undefined ? undefined : readDuration(values.for)
  return say(await callAdmin(place, `/refunds/${reference}/reopen`, forMs === undefined ? {} : { forMs }), values.json)
}

/** @throws CommandError */
export function checkReference(reference: string): void {
  if (/^(?:[0-9a-f]{32}|[0-9a-f]{64})$/i.test(reference)) return
  throw new CommandError(
    exitCodes.usage,
    `${reference} is neither a reference (32 hex digits, as the buyer was shown) nor a payment hash (64)`,
  )
}

export function say(answer: { readonly text: string }, json: boolean | undefined): ExitCode {
  console.log(json ? JSON.stringify(answer) : answer.text)
  return exitCodes.ok
}

function readDuration(text: string): number {
  const read = durationMs.safeParse(text)
  if (read.success) return read.data
  throw new CommandError(exitCodes.usage, `--for ${text}: write a time with a unit, such as \`48h\` or \`7d\``)
}

function list(
  { dataDir, contact }: OperatorPlace,
  { all, json, csv }: { all?: boolean; json?: boolean; csv?: boolean },
): ExitCode {
  const found = readRefunds(dataDir, Date.now()).filter(({ closed }) => all === true || closed === undefined)
  if (json) console.log(JSON.stringify({ contact, refunds: found.map(row) }, undefined, 2))
  else if (csv) console.log([columns.join(','), ...found.map((each) => csvLine(row(each)))].join('\n'))
  else console.log(table(found, all ?? false))
  return exitCodes.ok
}

const columns = [
  'reference',
  'service',
  'sats',
  'paidAt',
  'dueSince',
  'reason',
  'lastCode',
  'shown',
  'closedAt',
  'note',
  'paymentHash',
  'wallet',
] as const

type Row = Readonly<Record<(typeof columns)[number], string | number | boolean | undefined>>

const row = (refund: Refund): Row => ({
  reference: refund.reference,
  service: refund.service,
  sats: Number(refund.priceMsat) / 1000,
  paidAt: time(refund.paidAtMs),
  dueSince: time(refund.sinceMs),
  reason: refund.reason,
  lastCode: refund.lastCode,
  shown: refund.shown,
  closedAt: refund.closed && time(refund.closed.atMs),
  note: refund.closed?.note,
  paymentHash: refund.paymentHash,
  wallet: refund.wallet,
})

const time = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z')

/** RFC 4180; a text that a spreadsheet would calculate is kept a text. */
function csvLine(cells: Row): string {
  return columns
    .map((name) => {
      const text = String(cells[name] ?? '')
      const safe = /^[=+@\t\r-]/.test(text) ? `'${text}` : text
      return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
    })
    .join(',')
}

const meanings: Readonly<Record<Refund['reason'], string>> = {
  given_up: 'the service failed too often',
  refused: 'the service refused it',
  expired_unspent: 'it failed and was not tried again in time',
  terms_unreadable: 'what was sold cannot be made any more',
  restored: 'perhaps spent before the ledger was restored',
  revoked: 'revoked before it was delivered',
}

function table(found: readonly Refund[], all: boolean): string {
  if (found.length === 0) return all ? 'Nothing was ever due for a refund.' : 'Nothing is due for a refund.'
  const lines = found.map(({ reference, service, priceMsat, sinceMs, reason, lastCode, closed }) => [
    reference,
    service,
    `${Number(priceMsat) / 1000}`,
    time(sinceMs).slice(0, 16).replace('T', ' '),
    `${meanings[reason]}${lastCode === undefined || lastCode === 'refund_due' ? '' : ` (${lastCode})`}`,
    closed ? `refunded ${time(closed.atMs).slice(0, 10)}: ${closed.note}` : 'open',
  ])
  const rows = [['reference', 'service', 'sats', 'due since (UTC)', 'why', 'state'], ...lines]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? []
  const open = found.filter(({ closed }) => !closed)
  const sats = open.reduce((sum, { priceMsat }) => sum + Number(priceMsat) / 1000, 0)
  const text = rows.map((cells) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${text.join('\n')}\n\n${open.length} open, ${sats} sats`
}
