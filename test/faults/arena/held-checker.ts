import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Readings } from '#src/ledger/sqlite/operations.ts'
import type { PaymentRecord } from '#src/ports/ledger.ts'
import type { Arena } from './arena.ts'
import { isHeld, type Purchase } from './buyer.ts'
import type { Add } from './checker.ts'
import { holdMs } from './configuration.ts'
import type { Begun } from './execution-log.ts'
import { eventually } from './processes.ts'

interface Hold {
  readonly paymentHash: string
  readonly state: 'open' | 'accepted' | 'settled' | 'cancelled'
}

export interface HeldBooks {
  readonly settled: number
  readonly cancelled: number
  /** Bought, and charged to nobody. */
  readonly notCharged: number
}

interface Evidence {
  readonly purchases: readonly Purchase[]
  readonly holds: readonly Hold[]
  readonly readings: Pick<Readings, 'read'>
  /** Payments that the wallet has taken, msat. */
  readonly paid: ReadonlyMap<string, bigint>
  /** When, by the wallet's clock, ms. */
  readonly paidAtMs: ReadonlyMap<string, number>
  readonly begun: readonly Begun[]
}

/** Every hold invoice, as the wallet has it. */
export function readHolds({ dataDir }: Pick<Arena, 'dataDir'>): Hold[] {
  const database = new Database(join(dataDir, 'dev-wallet-holds.sqlite'), { readonly: true, timeout: 5_000 })
  try {
    return database.prepare<[], Hold>('SELECT payment_hash AS paymentHash, state FROM hold').all()
  } finally {
    database.close()
  }
}

/** Waits until the wallet holds nothing and the ledger knows it. A decision may be on its way when the buyers are done. */
export async function nothingHeld(arena: Arena): Promise<void> {
  const undecided = (): number => {
    const ledger = new Database(join(arena.dataDir, 'ledger.sqlite'), { readonly: true, timeout: 5_000 })
    try {
      const row = ledger
        .prepare<[], { n: number }>(
          "SELECT count(*) AS n FROM payment WHERE state IN ('held', 'settling', 'cancelling')",
        )
        .get()
      return row?.n ?? 0
    } finally {
      ledger.close()
    }
  }
  const isOver = () => undecided() === 0 && readHolds(arena).every(({ state }) => state !== 'accepted')
  await eventually('nothing is held', isOver, 15_000)
}

/**
 * P8, with the buyers' balances: a payment was taken exactly where its whole result is stored or its token was redeemed,
 * let go everywhere else, and is held nowhere; wallet, ledger and buyer say the same.
 */
export function judgeHolds({ purchases, holds, readings, paid, paidAtMs, begun }: Evidence, add: Add): HeldBooks {
  const buyers = new Map(purchases.map((purchase) => [purchase.held?.paymentHash, purchase]))
  for (const { paymentHash, state } of holds) {
    const name = `held ${paymentHash.slice(0, 8)}`
    const record = readings.read(paymentHash)
    const purchase = buyers.get(paymentHash)
    const charged = state === 'settled' || paid.has(paymentHash)
    const ledgerSays = { open: undefined, accepted: 'held', settled: 'settled', cancelled: 'cancelled' }[state]
    const wasOffered = state === 'cancelled' && record === undefined
    if (state === 'accepted') add('P8', `${name}: the payment is held for ever`)
    if (record?.state !== ledgerSays && !wasOffered)
      add('P8', `${name}: the wallet says ${state} and the ledger ${record?.state ?? 'nothing'}`)
    if (charged !== (state === 'settled' && paid.has(paymentHash)))
      add('P8', `${name}: the wallet's own books differ: ${state}, ${paid.get(paymentHash) ?? 0n} msat taken`)
    const captured = record?.job.state === 'captured'
    const hadIt = captured && purchase?.outcome === 'delivered'
    if (charged && !hadIt)
      add('P8', `${name}: charged without a result: ${record?.job.state ?? 'no job'}, ${purchase?.outcome ?? 'nobody'}`)
    // The wallet of these tests loses no payment.
    if (!charged && captured) add('P8', `${name}: a result is stored and not charged`)
    if (charged && record && purchase) judgeTaking(name, purchase, record, paidAtMs.get(paymentHash) ?? 0, add)
    if (!charged && record?.job.firstDeliveredAtMs !== undefined) add('P8', `${name}: delivered and not charged`)
  }
  for (const { kind, held, outcome, steps } of purchases) {
    if (!held) continue
    const hold = holds.find(({ paymentHash }) => paymentHash === held.paymentHash)
    const name = `${kind} ${held.paymentHash.slice(0, 8)}`
    const end = { paid: 'settled', refused: 'cancelled', unpaid: 'open' }[held.end ?? 'refused']
    if (held.end === undefined || hold?.state !== end)
      add(
        'P8',
        `${name}: the buyer's wallet says ${held.end ?? 'nothing'} and the seller's ${hold?.state ?? 'nothing'}`,
      )
    if (outcome !== 'delivered' && outcome !== 'not_charged' && outcome !== 'changed_mind')
      add('P8', `${name}: the buyer ended ${outcome}: ${JSON.stringify(steps.at(-1))}`)
  }
  judgeBeginnings(begun, add)
  const count = (wanted: Hold['state']) => holds.filter(({ state }) => state === wanted).length
  const notCharged = purchases.filter(({ outcome }) => outcome === 'not_charged').length
  return { settled: count('settled'), cancelled: count('cancelled'), notCharged }
}

/** Timers run on another clock than the rest. */
const toleranceMs = 20

/** Money is taken when the whole result is stored, or when the buyer's patience is over. */
function judgeTaking(name: string, { kind }: Purchase, record: PaymentRecord, takenAtMs: number, add: Add): void {
  const patientUntilMs = record.createdAtMs + (isHeld(kind) ? holdMs[kind] : 0)
  const storedAtMs = record.job.state === 'captured' ? (record.job.finishedAtMs ?? 0) : Number.POSITIVE_INFINITY
  if (takenAtMs < Math.min(patientUntilMs, storedAtMs) - toleranceMs)
    add('P8', `${name}: taken ${storedAtMs - takenAtMs} ms before the result was stored, and before patience ended`)
}

/** What the ledger may say of a payment while work begins for it, by what the wallet said just before. */
const mayBegin: Readonly<Record<string, readonly string[]>> = {
  accepted: ['held', 'settling', 'settled'],
  settled: ['settling', 'settled'],
}

/** Work begins for money that is locked in, or was taken by a decision that stands in the ledger. */
function judgeBeginnings(begun: readonly Begun[], add: Add): void {
  for (const { id, held, row, orphan } of begun) {
    if (!held || orphan || typeof row === 'string') continue
    if (!mayBegin[held.state]?.includes(row.payment))
      add('P8', `execution ${id} began while its payment was ${held.state}, and ${row.payment} in the ledger`)
  }
}
