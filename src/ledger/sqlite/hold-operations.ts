import type Database from 'better-sqlite3'
import type { HeldPayment, HoldLimits, HoldOffer } from '../../ports/holds.ts'
import { MetaTable } from './meta-table.ts'
import { WithdrawalTable } from './withdrawal-table.ts'

interface OfferRow {
  hash: Buffer
  token_id: Buffer
  key_id: number
  service: string
  rev: string
  wallet: string
  price_msat: number
  quote: string
  request_hash: Buffer
  sealed_request: Buffer
  client: string
  minted_expiry: number
  expires_at: number
  created_at: number
}

interface HeldRow {
  hash: Buffer
  token_id: Buffer
  state: HeldPayment['state']
  service: string
  rev: string
  wallet: string
  price_msat: number
  minted_expiry: number
  created_at: number
  job_state: HeldPayment['jobState']
}

type Named = [Record<string, unknown>]

/** What is written of held payments, each within a transaction that the worker opens and commits. */
export class HoldOperations {
  readonly #usage: Database.Statement<Named, { open: number; bytes: number; of_client: number }>
  readonly #offer: Database.Statement<Named>
  readonly #take: Database.Statement<[Buffer], OfferRow>
  readonly #payment: Database.Statement<Named, { number: number }>
  readonly #job: Database.Statement<Named>
  readonly #decide: Database.Statement<Named>
  readonly #conclude: Database.Statement<Named>
  readonly #close: Database.Statement<[Buffer]>
  readonly #taken: Database.Statement<[Buffer]>
  readonly #keep: Database.Statement<Named>
  readonly #forgotten: Database.Statement<[Buffer]>
  readonly #withdrawals: WithdrawalTable
  readonly #meta: MetaTable

  constructor(database: Database.Database) {
    this.#withdrawals = new WithdrawalTable(database)
    this.#meta = new MetaTable(database)
    this.#usage = database.prepare(
      `SELECT count(*) AS open, coalesce(sum(length(sealed_request)), 0) AS bytes,
         count(*) FILTER (WHERE client = :client) AS of_client FROM offer`,
    )
    this.#offer = database.prepare(
      `INSERT INTO offer (hash, token_id, key_id, service, rev, wallet, price_msat, quote, request_hash, sealed_request,
         client, minted_expiry, expires_at, created_at)
       VALUES (:hash, :tokenId, :keyId, :service, :rev, :wallet, :priceMsat, :quote, :requestHash, :sealedRequest,
         :client, :mintedExpiry, :expiresAtMs, :createdAtMs) ON CONFLICT DO NOTHING`,
    )
    this.#take = database.prepare('DELETE FROM offer WHERE hash = ? RETURNING *')
    this.#payment = database.prepare(
      `INSERT INTO payment (hash, token_id, service, wallet, price_msat, quote, state, minted_expiry, created_at)
       VALUES (:hash, :tokenId, :service, :wallet, :priceMsat, :quote, 'held', :mintedExpiry, :nowMs)
       ON CONFLICT DO NOTHING RETURNING number`,
    )
    // Not running yet: the claim that begins the run is the ordinary one.
    this.#job = database.prepare(
      `INSERT INTO job (number, id, request_hash, rev, state, epoch, salt, sealed_request, result_ttl, created_at, keep_until)
       VALUES (:number, :id, :requestHash, :rev, 'retryable', 0, zeroblob(16), :sealedRequest, :resultTtlMs, :nowMs,
         :nowMs + :resultTtlMs)`,
    )
    this.#decide = database.prepare(
      `UPDATE payment SET state = :to WHERE hash = :hash AND state = 'held' AND EXISTS (
         SELECT 1 FROM job WHERE job.number = payment.number
           AND CASE :when WHEN 'result' THEN job.state = 'captured'
                          WHEN 'patience' THEN job.state IN ('running', 'captured')
                          ELSE job.state NOT IN ('running', 'captured') END)`,
    )
    this.#conclude = database.prepare(
      `UPDATE payment SET state = :to WHERE hash = :hash
         AND CASE :to WHEN 'settled' THEN state IN ('settling', 'cancelling') ELSE state IN ('held', 'settling', 'cancelling') END`,
    )
    this.#taken = database.prepare(
      "UPDATE payment SET state = 'settled' WHERE hash = ? AND state IN ('cancelling', 'cancelled')",
    )
    // A run that is under way gets its time when it ends.
    this.#keep = database.prepare(
      `UPDATE job SET keep_until = max(keep_until, :nowMs + result_ttl)
       WHERE number = (SELECT number FROM payment WHERE hash = :hash AND state = 'settled')`,
    )
    // Nobody had its result, and it is forgotten: the money is owed, and no second result is made for it.
    this.#forgotten = database.prepare(
      `UPDATE job SET state = 'given_up', rebound = 1, last_code = 'result_expired'
       WHERE state = 'captured' AND pruned = 1 AND first_delivered_at IS NULL
         AND number = (SELECT number FROM payment WHERE hash = ? AND state = 'settled')`,
    )
    // What nobody will be given is not kept.
    this.#close = database.prepare(
      `UPDATE job SET sealed_request = NULL, upstream_ref = NULL
       WHERE number = (SELECT number FROM payment WHERE hash = ? AND state = 'cancelled')`,
    )
  }

  offerHold(offer: HoldOffer, limits: HoldLimits): 'offered' | 'full' | 'client_full' {
    const { client, sealedRequest } = offer
    const usage = this.#usage.get({ client })
    if (!usage) throw new Error('no usage')
    if (usage.open >= limits.maxOpen || usage.bytes + sealedRequest.length > limits.maxBytes) return 'full'
    if (usage.of_client >= limits.maxPerClient) return 'client_full'
    this.#offer.run({
      ...offer,
      hash: Buffer.from(offer.paymentHash, 'hex'),
      tokenId: Buffer.from(offer.tokenId, 'hex'),
      requestHash: Buffer.from(offer.requestHash, 'hex'),
      sealedRequest: Buffer.from(sealedRequest.buffer, sealedRequest.byteOffset, sealedRequest.byteLength),
    })
    return 'offered'
  }

  withdrawHold(paymentHash: string): void {
    this.#take.all(Buffer.from(paymentHash, 'hex'))
  }

  acceptHold(paymentHash: string, jobId: string, resultTtlMs: number, nowMs: number): boolean {
    const hash = Buffer.from(paymentHash, 'hex')
    if (this.#withdrawals.isRevoked(hash)) return false
    const [offer] = this.#take.all(hash)
    if (!offer) return false
    const payment = this.#payment.get({
      hash: offer.hash,
      tokenId: offer.token_id,
      service: offer.service,
      wallet: offer.wallet,
      priceMsat: offer.price_msat,
      quote: offer.quote,
      mintedExpiry: offer.minted_expiry,
      nowMs,
    })
    if (!payment) return false
    this.#job.run({
      number: payment.number,
      id: Buffer.from(jobId, 'hex'),
      requestHash: offer.request_hash,
      rev: offer.rev,
      sealedRequest: offer.sealed_request,
      resultTtlMs,
      nowMs,
    })
    // A wallet may show a payment as locked in that an earlier ledger was long done with.
    if (this.#meta.isBeforeRestore(offer.token_id.toString('hex'))) this.#withdrawals.withhold(offer.hash, nowMs)
    return true
  }

  decideToSettle(paymentHash: string, by: 'result' | 'patience'): boolean {
    return this.#decide.run({ hash: Buffer.from(paymentHash, 'hex'), to: 'settling', when: by }).changes === 1
  }

  decideToCancel(paymentHash: string): boolean {
    return this.#decide.run({ hash: Buffer.from(paymentHash, 'hex'), to: 'cancelling', when: 'nothing' }).changes === 1
  }

  concludeHold(paymentHash: string, to: 'settled' | 'cancelled', nowMs: number): boolean {
    const hash = Buffer.from(paymentHash, 'hex')
    const done = this.#conclude.run({ hash, to }).changes === 1
    if (to === 'cancelled') this.#close.run(hash)
    else if (done) this.#keep.run({ hash, nowMs })
    return done
  }

  noteHoldTaken(paymentHash: string, nowMs: number): boolean {
    const hash = Buffer.from(paymentHash, 'hex')
    const done = this.#taken.run(hash).changes === 1
    if (done) this.#keep.run({ hash, nowMs })
    if (done) this.#forgotten.run(hash)
    return done
  }
}

/** What is read of held payments, on a connection that cannot write. */
export class HoldReadings {
  readonly #offers: Database.Statement<[], OfferRow>
  readonly #undecided: Database.Statement<[], HeldRow>

  constructor(database: Database.Database) {
    this.#offers = database.prepare('SELECT * FROM offer ORDER BY created_at')
    this.#undecided = database.prepare(
      `SELECT p.hash, p.token_id, p.state, p.service, j.rev, p.wallet, p.price_msat, p.minted_expiry, p.created_at,
         j.state AS job_state
       FROM payment p JOIN job j ON j.number = p.number
       WHERE p.state IN ('held', 'settling', 'cancelling') ORDER BY p.number`,
    )
  }

  holdOffers(): HoldOffer[] {
    return this.#offers.all().map((row) => ({
      paymentHash: row.hash.toString('hex'),
      tokenId: row.token_id.toString('hex'),
      keyId: row.key_id,
      service: row.service,
      rev: row.rev,
      wallet: row.wallet,
      priceMsat: BigInt(row.price_msat),
      quote: row.quote,
      requestHash: row.request_hash.toString('hex'),
      sealedRequest: new Uint8Array(row.sealed_request),
      client: row.client,
      mintedExpiry: row.minted_expiry,
      expiresAtMs: row.expires_at,
      createdAtMs: row.created_at,
    }))
  }

  undecidedHolds(): HeldPayment[] {
    return this.#undecided.all().map((row) => ({
      paymentHash: row.hash.toString('hex'),
      tokenId: row.token_id.toString('hex'),
      state: row.state,
      service: row.service,
      rev: row.rev,
      wallet: row.wallet,
      priceMsat: BigInt(row.price_msat),
      mintedExpiry: row.minted_expiry,
      acceptedAtMs: row.created_at,
      jobState: row.job_state,
    }))
  }
}
