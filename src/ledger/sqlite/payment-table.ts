import type Database from 'better-sqlite3'
import type { JobRecord, PaymentRecord, PaymentState } from '../../ports/ledger.ts'
import type { WireClaim } from './protocol.ts'

interface JoinedRow {
  state: PaymentState
  service: string
  wallet: string
  price_msat: number
  minted_expiry: number
  created_at: number
  hash: Buffer
  refund_note: string | null
  refund_closed_at: number | null
  job_id: Buffer
  request_hash: Buffer
  rev: string
  rebound: number
  job_state: JobRecord['state']
  epoch: number
  generation: number
  attempts: number
  failures: number
  retry_at: number
  last_code: string | null
  shown: number
  salt: Buffer
  finished_at: number | null
  keep_until: number | null
  first_delivered_at: number | null
  pruned: number
  result_bytes: number | null
}

export class PaymentTable {
  readonly #insert: Database.Statement<[Record<string, unknown>], { number: number }>
  readonly #read: Database.Statement<[Buffer], JoinedRow>
  readonly #sealedRequest: Database.Statement<[Buffer], { sealed_request: Buffer | null }>
  readonly #find: Database.Statement<[Buffer], JoinedRow>
  readonly #withoutResult: Database.Statement<[], JoinedRow>

  constructor(database: Database.Database) {
    this.#insert = database.prepare(
      `INSERT INTO payment (hash, token_id, service, wallet, price_msat, received_msat, quote, state, minted_expiry, created_at)
       VALUES (:hash, :tokenId, :service, :wallet, :priceMsat, :receivedMsat, :quote, 'settled', :mintedExpiry, :nowMs)
       RETURNING number`,
    )
    const joined = `SELECT p.hash, p.state, p.service, p.wallet, p.price_msat, p.minted_expiry, p.created_at,
         p.refund_note, p.refund_closed_at,
         j.id AS job_id, j.request_hash, j.rev, j.rebound, j.state AS job_state, j.epoch, j.generation, j.attempts,
         j.failures, j.retry_at, j.last_code, j.shown, j.salt, j.finished_at, j.keep_until, j.first_delivered_at, j.pruned, j.result_bytes
       FROM payment p JOIN job j ON j.number = p.number`
    this.#read = database.prepare(`${joined} WHERE p.hash = ?`)
    // By the job's id there is no index: only an operator asks so.
    this.#find = database.prepare(`${joined} WHERE j.id = ?`)
    // Two parts, each with its index.
    this.#withoutResult = database.prepare(
      `${joined} WHERE j.state <> 'captured' UNION ${joined} WHERE p.state IN ('revoked', 'refunded')
       ORDER BY p.created_at, p.hash`,
    )
    this.#sealedRequest = database.prepare(
      'SELECT j.sealed_request FROM payment p JOIN job j ON j.number = p.number WHERE p.hash = ?',
    )
  }

  /** @returns the new row's number */
  insert(request: WireClaim, hash: Buffer): number {
    const row = this.#insert.get({
      hash,
      tokenId: Buffer.from(request.tokenId, 'hex'),
      service: request.service,
      wallet: request.wallet,
      priceMsat: request.priceMsat,
      receivedMsat: request.receivedMsat ?? null,
      quote: request.quote,
      mintedExpiry: request.mintedExpiry,
      nowMs: request.nowMs,
    })
    if (!row) throw new Error('a payment row was not made')
    return row.number
  }

  sealedRequest(paymentHash: string): Uint8Array | undefined {
    return this.#sealedRequest.get(Buffer.from(paymentHash, 'hex'))?.sealed_request ?? undefined
  }

  read(paymentHash: string): PaymentRecord | undefined {
    const row = this.#read.get(Buffer.from(paymentHash, 'hex'))
    return row && toRecord(row)
  }

  /** @param reference a payment hash or a job's id, in hex */
  find(reference: string): PaymentRecord | undefined {
    const bytes = Buffer.from(reference, 'hex')
    const row = bytes.length === 32 ? this.#read.get(bytes) : this.#find.get(bytes)
    return row && toRecord(row)
  }

  /** Payments that have no result, or are withdrawn, the oldest first. */
  withoutResult(): PaymentRecord[] {
    return this.#withoutResult.all().map(toRecord)
  }
}

function toRecord(row: JoinedRow): PaymentRecord {
  return {
    paymentHash: row.hash.toString('hex'),
    state: row.state,
    service: row.service,
    wallet: row.wallet,
    priceMsat: BigInt(row.price_msat),
    mintedExpiry: row.minted_expiry,
    createdAtMs: row.created_at,
    refund:
      row.refund_closed_at === null ? undefined : { note: row.refund_note ?? '', closedAtMs: row.refund_closed_at },
    job: {
      id: row.job_id.toString('hex'),
      requestHash: row.request_hash.toString('hex'),
      rev: row.rev,
      rebound: row.rebound === 1,
      state: row.job_state,
      epoch: row.epoch,
      generation: row.generation,
      attempts: row.attempts,
      failures: row.failures,
      retryAtMs: row.retry_at,
      lastCode: row.last_code ?? undefined,
      shown: row.shown === 1,
      salt: new Uint8Array(row.salt),
      finishedAtMs: row.finished_at ?? undefined,
      keepUntilMs: row.keep_until ?? undefined,
      firstDeliveredAtMs: row.first_delivered_at ?? undefined,
      pruned: row.pruned === 1,
      resultBytes: row.result_bytes ?? undefined,
    },
  }
}
