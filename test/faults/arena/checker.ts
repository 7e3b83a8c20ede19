import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import Database from 'better-sqlite3'
import { openStored } from '#src/gateway/redeem/stored.ts'
import { Readings } from '#src/ledger/sqlite/operations.ts'
import type { PaymentRecord } from '#src/ports/ledger.ts'
import type { Arena } from './arena.ts'
import type { Purchase } from './buyer.ts'
import { msatPerUnit } from './configuration.ts'
import { type Begun, type LogLine, readExecutions } from './execution-log.ts'
import { type HeldBooks, judgeHolds, readHolds } from './held-checker.ts'

export interface Violation {
  readonly promise: 'P1' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6' | 'P7' | 'P8'
  readonly what: string
}

export interface Checked {
  readonly violations: readonly Violation[]
  readonly executions: number
  readonly purchases: number
  /** What became of payments that were held. */
  readonly held: HeldBooks
}

interface Seen {
  readonly purchase: Purchase
  readonly executions: readonly Begun[]
  readonly broken: number
  readonly record: PaymentRecord | undefined
  readonly paidMsat: bigint | undefined
}

/**
 * Judges everything that happened in an arena by what four witnesses say: the service's own log of its executions, the
 * buyers' transcripts, the ledger (read without the gateway) and the wallet. Call it when the buyers are done.
 */
export async function check(arena: Arena): Promise<Checked> {
  const violations: Violation[] = []
  const log = readExecutions(arena.directory)
  const begun = log.filter((line) => line.kind === 'begun')
  using ledger = opened(join(arena.dataDir, 'ledger.sqlite'))
  using wallet = opened(join(arena.dataDir, 'dev-wallet.sqlite'))
  const readings = new Readings(ledger.database)
  const payments = wallet.database
    .prepare<[], { payment_hash: string; amount_msat: bigint; settled_at_ms: bigint }>('SELECT * FROM payment')
    .safeIntegers()
    .all()
  const paid = new Map(payments.map((row) => [row.payment_hash, row.amount_msat]))
  const paidAtMs = new Map(payments.map((row) => [row.payment_hash, Number(row.settled_at_ms)]))
  const add = (promise: Violation['promise'], what: string) => void violations.push({ promise, what })

  for (const line of log) if (line.kind === 'trouble') add('P1', `the service was called oddly: ${line.what}`)
  for (const each of begun) judgeExecution(each, add)
  const known = new Set(arena.purchases.flatMap(({ payment, held }) => [payment?.paymentHash, held?.paymentHash]))
  for (const hash of paid.keys()) if (!known.has(hash)) add('P5', `nobody wanted to make the payment ${hash}`)
  for (const { paymentHash } of begun)
    if (!known.has(paymentHash)) add('P1', `work was done for ${paymentHash}, which nobody paid`)

  for (const purchase of arena.purchases) {
    const hash = purchase.payment?.paymentHash ?? purchase.held?.paymentHash ?? ''
    const seen: Seen = {
      purchase,
      executions: begun.filter(({ paymentHash }) => paymentHash === hash),
      broken: brokenRuns(log, hash),
      record: hash === '' ? undefined : readings.read(hash),
      paidMsat: paid.get(hash),
    }
    judgePurchase(seen, arena.kills + arena.locks, add)
    await judgeStored(seen, readings, add)
  }
  judgeSecrets(arena, add)
  const held = judgeHolds({ purchases: arena.purchases, holds: readHolds(arena), readings, paid, paidAtMs, begun }, add)
  return { violations, executions: begun.length, purchases: arena.purchases.length, held }
}

export type Add = (promise: Violation['promise'], what: string) => void

/** P1 and P6, as the service saw them at the moment it was called. */
function judgeExecution({ id, row, paidMsat, held, body, names, orphan }: Begun, add: Add): void {
  if (/authorization|l402|macaroon/.test(names)) add('P7', `execution ${id} was shown the credential`)
  if (orphan) return
  if (typeof row === 'string') add('P1', `execution ${id} began while the ledger said ${row}`)
  else if (row.state !== 'running') add('P1', `execution ${id} began while the payment was ${row.state}`)
  const locked = held?.state === 'accepted' ? held.amountMsat : undefined
  const worthMsat = paidMsat ?? locked
  if (worthMsat === undefined) add('P1', `execution ${id} began unpaid`)
  else if (BigInt(worthMsat) < BigInt(body.units) * msatPerUnit) add('P6', `execution ${id} did more than was paid`)
}

/** Runs that came to no result, by the service's own doing. */
function brokenRuns(log: readonly LogLine[], hash: string): number {
  return log.filter(({ kind, ...line }) => {
    return (kind === 'failed' || kind === 'refused') && 'paymentHash' in line && line.paymentHash === hash
  }).length
}

function judgePurchase({ purchase, executions, broken, record, paidMsat }: Seen, kills: number, add: Add): void {
  const { kind, work, instead, payment, steps, outcome } = purchase
  const name = `${kind} ${payment?.paymentHash.slice(0, 8) ?? 'unpaid'}`
  const wholes = steps.filter(({ paid, status, complete }) => paid && complete && status === 200)
  const delivered = new Set(wholes.map(({ sha256 }) => sha256))
  if (delivered.size > 1) add('P2', `${name}: ${delivered.size} different results were delivered`)
  for (const sha256 of delivered)
    if (!executions.some((each) => each.sha256 === sha256)) add('P3', `${name}: what was delivered as whole is not`)
  const timely = executions.filter(({ orphan }) => !orphan)
  const perEpoch = Map.groupBy(timely, ({ row }) => (typeof row === 'string' ? row : row.epoch))
  for (const [epoch, runs] of perEpoch) if (runs.length > 1) add('P2', `${name}: ${runs.length} runs of epoch ${epoch}`)
  if (executions.length > 1 + kills + broken)
    add('P2', `${name}: ${executions.length} runs for ${kills} kills and ${broken} failures`)
  for (const { body } of executions) {
    const asked = [work, instead].some((each) => each && isDeepStrictEqual(body, { ...each, quality: 'good' }))
    if (!asked) add('P6', `${name}: the service was given ${JSON.stringify(body)}`)
  }
  for (const { paid, status, code } of steps) {
    if (paid && status === 402) add('P5', `${name}: a paid request was answered 402 ${code}`)
    if (paid && status === 500) add('P3', `${name}: a paid request was answered 500`)
  }
  if (payment && paidMsat !== BigInt(work.units) * msatPerUnit) add('P5', `${name}: ${paidMsat} msat were taken`)
  if (!payment) return
  const shownTwice = kind === 'sse' && executions.length >= 2 && (broken >= 2 || kills > 0)
  const mayBeRefundable = broken >= 20 || shownTwice
  if (outcome !== 'delivered' && !(outcome === 'refundable' && mayBeRefundable))
    add(
      'P3',
      `${name}: the buyer ended ${outcome} after ${steps.length} steps, the last ${JSON.stringify(steps.at(-1))}`,
    )
  if (outcome === 'delivered' && record?.job.state !== 'captured')
    add('P3', `${name}: a delivered result is ${record?.job.state ?? 'nowhere'} in the ledger`)
}

/** What the ledger holds opens with the buyer's preimage, and is what was delivered. */
async function judgeStored({ purchase, record }: Seen, readings: Readings, add: Add): Promise<void> {
  const { payment, steps, outcome, kind } = purchase
  if (!payment || outcome !== 'delivered' || record?.job.state !== 'captured' || record.job.pruned) return
  const frames = (...args: Parameters<Readings['frames']>) => Promise.resolve(readings.frames(...args))
  const digest = createHash('sha256')
  try {
    const stored = await openStored({ frames }, record, payment.preimage)
    for (let position = 0; position < stored.size; ) {
      const piece = await stored.read(position)
      digest.update(piece)
      position += piece.length
    }
  } catch (thrown) {
    add('P3', `${kind} ${payment.paymentHash.slice(0, 8)}: the stored result does not open: ${String(thrown)}`)
    return
  }
  const sha256 = digest.digest('hex')
  if (!steps.some((step) => step.complete && step.sha256 === sha256))
    add('P2', `${kind} ${payment.paymentHash.slice(0, 8)}: another result is stored than was delivered`)
}

/** Nothing of a buyer's secrets stands in the data directory or in the log. */
function judgeSecrets(arena: Arena, add: Add): void {
  const files = readdirSync(arena.dataDir).filter((name) => !name.startsWith('dev-wallet'))
  for (const file of [...files.map((name) => join(arena.dataDir, name)), arena.logFile]) {
    const bytes = readFileSync(file)
    if (bytes.includes('of the prompts')) add('P7', `${file} holds a prompt`)
    // Of a large file it would take minutes to look for everyone's.
    for (const { work, payment } of arena.purchases.slice(bytes.length > 2 ** 26 ? -2 : -20)) {
      const secrets = [work.note, payment?.preimage, payment && Buffer.from(payment.preimage, 'hex'), payment?.token]
      for (const secret of secrets)
        if (secret !== undefined && bytes.includes(secret)) add('P7', `${file} holds a secret of a buyer`)
    }
  }
}

function opened(file: string): Disposable & { database: Database.Database } {
  const database = new Database(file, { readonly: true, timeout: 5_000 })
  return { database, [Symbol.dispose]: () => void database.close() }
}
