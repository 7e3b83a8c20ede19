import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type Database from 'better-sqlite3'
import { ledgerFileName, OpenProblem, openForReading } from './open.ts'

/** What the books say, for the operator's commands. Reads the file beside a running gateway and changes nothing. */

export interface RevenueRow {
  /** `2026-11-21`, UTC. */
  readonly day: string
  readonly service: string
  readonly payments: number
  readonly redeemed: number
  /** What came in; what was asked for, where the wallet does not say. */
  readonly msat: number
  /** Of that, what the operator has marked as paid back. */
  readonly refundedMsat: number
}

/** What became of a payment, as the operator sees it. */
export type PaymentStatus =
  | 'delivered'
  | 'running'
  /** The last call failed; the buyer's token works. */
  | 'waiting'
  /** The service refused the request; the token works for another one. */
  | 'refused'
  /** Paid and never presented. */
  | 'unredeemed'
  /** Paid, and nothing can be had for it any more: what `turnpike refunds` lists as open. */
  | 'refundable'
  | 'refunded'
  | 'held'
  | 'cancelled'
  /** Came in through the wallet, never presented: of an earlier process, or of another program that uses the wallet. */
  | 'unknown'

export interface PaymentRow {
  readonly paidAtMs: number
  readonly status: PaymentStatus
  readonly service: string | null
  readonly wallet: string
  readonly priceMsat: number | null
  readonly receivedMsat: number | null
  readonly confirmed: 0 | 1
  readonly paymentHash: string
  /** What the buyer can quote. */
  readonly reference: string | null
  readonly lastCode: string | null
}

export interface WalletRow {
  readonly name: string
  readonly kind: string
  readonly cursor: string | null
}

/** Every payment, presented or told of by a wallet. Confirmed: a wallet says that it came in. */
const everyPayment = `
  SELECT p.hash, coalesce(s.settled_at, p.created_at) AS paid_at, p.service, p.wallet, p.price_msat, p.received_msat,
    coalesce(s.confirmed, 0) AS confirmed, p.created_at AS redeemed_at, p.refund_closed_at, lower(hex(j.id)) AS reference,
    j.last_code,
    CASE
      WHEN p.refund_closed_at IS NOT NULL THEN 'refunded'
      WHEN p.state IN ('cancelled', 'cancelling') THEN 'cancelled'
      WHEN p.state = 'revoked' THEN
        CASE WHEN j.state = 'captured' AND j.first_delivered_at IS NOT NULL THEN 'delivered' ELSE 'refundable' END
      WHEN p.state = 'held' THEN 'held'
      WHEN j.state = 'captured' THEN 'delivered'
      WHEN j.state = 'running' THEN 'running'
      WHEN j.state = 'given_up' OR j.last_code = 'refund_due' THEN 'refundable'
      WHEN j.state = 'refused' AND (j.rebound OR j.shown) THEN 'refundable'
      WHEN :nowMs >= max(p.minted_expiry * 1000, coalesce(j.keep_until, 0)) THEN 'refundable'
      WHEN j.state = 'refused' THEN 'refused'
      ELSE 'waiting'
    END AS status
  FROM payment p JOIN job j ON j.number = p.number LEFT JOIN settlement s ON s.payment_hash = p.hash
  UNION ALL
  SELECT s.payment_hash, s.settled_at, s.service, s.wallet, s.price_msat, s.received_msat, s.confirmed, s.redeemed_at,
    NULL, NULL, NULL,
    CASE WHEN s.redeemed_at IS NOT NULL THEN 'delivered' WHEN s.service IS NULL THEN 'unknown' ELSE 'unredeemed' END
  FROM settlement s WHERE NOT EXISTS (SELECT 1 FROM payment p WHERE p.hash = s.payment_hash)`

export class Reports implements Disposable {
  readonly #database: Database.Database

  constructor(database: Database.Database) {
    this.#database = database
  }

  /** Days from `fromMs` to before `toMs`, oldest first. What may be another program's is left out. */
  revenue(fromMs: number, toMs: number, nowMs: number): RevenueRow[] {
    return this.#database
      .prepare<[Record<string, number>], RevenueRow>(
        `SELECT date(paid_at / 1000, 'unixepoch') AS day, service, count(*) AS payments, count(redeemed_at) AS redeemed,
           sum(coalesce(received_msat, price_msat)) AS msat,
           sum(CASE WHEN status = 'refunded' THEN coalesce(received_msat, price_msat) ELSE 0 END) AS refundedMsat
         FROM (${everyPayment})
         WHERE service IS NOT NULL AND status NOT IN ('held', 'cancelled') AND paid_at >= :fromMs AND paid_at < :toMs
         GROUP BY day, service ORDER BY day, service`,
      )
      .all({ fromMs, toMs, nowMs })
  }

  /** Newest first. */
  payments(fromMs: number, nowMs: number, statuses: readonly PaymentStatus[] | undefined, limit: number): PaymentRow[] {
    const only = statuses ? `AND status IN (${statuses.map((status) => `'${status}'`).join(', ')})` : ''
    return this.#database
      .prepare<[Record<string, number>], PaymentRow>(
        `SELECT paid_at AS paidAtMs, status, service, wallet, price_msat AS priceMsat, received_msat AS receivedMsat,
           confirmed, lower(hex(hash)) AS paymentHash, reference, last_code AS lastCode
         FROM (${everyPayment}) WHERE paid_at >= :fromMs ${only} ORDER BY paid_at DESC LIMIT :limit`,
      )
      .all({ fromMs, nowMs, limit })
  }

  wallets(): WalletRow[] {
    return this.#database.prepare<[], WalletRow>('SELECT name, kind, cursor FROM wallet').all()
  }

  knows(paymentHash: string): boolean {
    return (
      this.#database.prepare('SELECT 1 FROM settlement WHERE payment_hash = ?').get(Buffer.from(paymentHash, 'hex')) !==
      undefined
    )
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}

/**
 * Opens the books of the ledger in `directory`.
 * @returns undefined when there is no ledger
 * @throws OpenProblem when it was last opened by an older Turnpike, which kept no books
 */
export function openReports(directory: string): Reports | undefined {
  if (!existsSync(join(directory, ledgerFileName))) return undefined
  const database = openForReading(directory)
  const version = Number(database.pragma('user_version', { simple: true }))
  if (version >= 2) return new Reports(database)
  database.close()
  throw new OpenProblem(`the ledger in ${directory} has no books yet; start the gateway once, which adds them`)
}
