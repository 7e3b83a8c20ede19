import type Database from 'better-sqlite3'
import { type CaptureRequest, type ClaimedJob, type FailRequest, longestRetryMs } from '../../ports/ledger.ts'
import type { WireClaim } from './protocol.ts'

interface ClaimedRow {
  number: number
  id: Buffer
  epoch: number
  generation: number
  attempts: number
  failures: number
  shown: number
  rebound: number
  upstream_ref: Buffer | null
}

/** The job of a payment hash. */
const ofPayment = 'number = (SELECT number FROM payment WHERE hash = :hash)'

const claimedColumns = 'number, id, epoch, generation, attempts, failures, shown, rebound, upstream_ref'

/** A claimed job and its row number, which its frames are kept under. */
export interface Claimed {
  readonly number: number
  readonly job: ClaimedJob
}

type Named = [Record<string, unknown>]

export class JobTable {
  readonly #insert: Database.Statement<Named, ClaimedRow>
  readonly #claim: Database.Statement<Named, ClaimedRow>
  readonly #rebind: Database.Statement<Named, ClaimedRow>
  readonly #show: Database.Statement<Named>
  readonly #keepRequest: Database.Statement<Named>
  readonly #keepUpstreamRef: Database.Statement<Named>
  readonly #running: Database.Statement<Named, { number: number }>
  readonly #capture: Database.Statement<Named, { number: number }>
  readonly #fail: Database.Statement<Named, { number: number }>
  readonly #delivered: Database.Statement<Named>
  readonly #release: Database.Statement<Named>

  constructor(database: Database.Database) {
    this.#insert = database.prepare(
      `INSERT INTO job (number, id, request_hash, rev, state, epoch, salt, sealed_request, result_ttl, created_at)
       VALUES (:number, :id, :requestHash, :rev, 'running', 1, :salt, :sealedRequest, :resultTtlMs, :nowMs) RETURNING ${claimedColumns}`,
    )
    this.#claim = database.prepare(
      `UPDATE job SET state = 'running', epoch = epoch + 1, salt = :salt, result_ttl = :resultTtlMs,
         sealed_request = coalesce(:sealedRequest, sealed_request), finished_at = NULL, keep_until = NULL, pruned = 0
       WHERE ${ofPayment} AND request_hash = :requestHash
         AND ((state = 'running' AND :takeover)
           OR (state = 'retryable' AND (retry_at <= :nowMs OR retry_at > :nowMs + ${longestRetryMs})
             AND :arrivedAtMs < max(keep_until, (SELECT minted_expiry FROM payment WHERE hash = :hash) * 1000)))
         AND (SELECT state FROM payment WHERE hash = :hash) IN ('settled', 'held', 'settling')
       RETURNING ${claimedColumns}`,
    )
    this.#rebind = database.prepare(
      `UPDATE job SET state = 'running', epoch = epoch + 1, generation = generation + 1, salt = :salt,
         result_ttl = :resultTtlMs, request_hash = :requestHash, rev = :rev, rebound = 1, attempts = 0, failures = 0,
         retry_at = 0, finished_at = NULL, keep_until = NULL, pruned = 0, first_delivered_at = NULL,
         sealed_request = :sealedRequest, upstream_ref = NULL
       WHERE ${ofPayment} AND request_hash <> :requestHash AND state IN ('refused', 'given_up')
         AND rebound = 0 AND shown = 0
         AND :arrivedAtMs < max(keep_until, (SELECT minted_expiry FROM payment WHERE hash = :hash) * 1000)
         AND (SELECT state FROM payment WHERE hash = :hash) IN ('settled', 'settling')
       RETURNING ${claimedColumns}`,
    )
    this.#show = database.prepare(
      `UPDATE job SET shown = 1 WHERE ${ofPayment} AND epoch = :epoch AND state = 'running'`,
    )
    this.#keepRequest = database.prepare(
      `UPDATE job SET sealed_request = coalesce(sealed_request, :sealed)
       WHERE ${ofPayment} AND epoch = :epoch AND state = 'running'`,
    )
    this.#keepUpstreamRef = database.prepare(
      `UPDATE job SET upstream_ref = :sealed WHERE ${ofPayment} AND epoch = :epoch AND state = 'running'`,
    )
    this.#running = database.prepare(
      `SELECT number FROM job WHERE ${ofPayment} AND epoch = :epoch AND state = 'running'`,
    )
    this.#capture = database.prepare(
      `UPDATE job SET state = 'captured', finished_at = :nowMs, keep_until = :keepUntilMs,
         result_bytes = :resultBytes, last_code = NULL, sealed_request = NULL, upstream_ref = NULL
       WHERE ${ofPayment} AND epoch = :epoch AND state = 'running' RETURNING number`,
    )
    this.#fail = database.prepare(
      `UPDATE job SET state = :state, last_code = :code, attempts = attempts + :counted, failures = failures + 1,
         generation = generation + :nextGeneration, retry_at = :retryAtMs, finished_at = :nowMs, keep_until = :keepUntilMs,
         result_bytes = :resultBytes,
         sealed_request = CASE WHEN :state = 'refused' THEN NULL ELSE sealed_request END,
         upstream_ref = CASE WHEN :nextGeneration THEN NULL ELSE upstream_ref END
       WHERE ${ofPayment} AND epoch = :epoch AND state = 'running' RETURNING number`,
    )
    this.#delivered = database.prepare(
      `UPDATE job SET first_delivered_at = :nowMs
       WHERE ${ofPayment} AND state IN ('captured', 'refused') AND first_delivered_at IS NULL`,
    )
    this.#release = database.prepare(
      `UPDATE job SET state = 'retryable', retry_at = 0, finished_at = :nowMs, keep_until = :nowMs + result_ttl
       WHERE state = 'running'`,
    )
  }

  insert(request: WireClaim, payment: number): Claimed | undefined {
    const { hash: _hash, ...parameters } = claimParameters(request, Buffer.alloc(0))
    return toClaimed(this.#insert.get({ ...parameters, number: payment, id: Buffer.from(request.jobId, 'hex') }))
  }

  claim(request: WireClaim, hash: Buffer): Claimed | undefined {
    return toClaimed(this.#claim.get({ ...claimParameters(request, hash), takeover: request.takeover ? 1 : 0 }))
  }

  rebind(request: WireClaim, hash: Buffer): Claimed | undefined {
    return toClaimed(this.#rebind.get(claimParameters(request, hash)))
  }

  show(hash: Buffer, epoch: number): boolean {
    return this.#show.run({ hash, epoch }).changes === 1
  }

  keepRequest(hash: Buffer, epoch: number, sealed: Uint8Array): boolean {
    return this.#keepRequest.run({ hash, epoch, sealed: bytes(sealed) }).changes === 1
  }

  keepUpstreamRef(hash: Buffer, epoch: number, sealed: Uint8Array): boolean {
    return this.#keepUpstreamRef.run({ hash, epoch, sealed: bytes(sealed) }).changes === 1
  }

  /** @returns the row number while this epoch runs */
  running(hash: Buffer, epoch: number): number | undefined {
    return this.#running.get({ hash, epoch })?.number
  }

  capture({ epoch, nowMs, keepUntilMs, resultBytes }: CaptureRequest, hash: Buffer): number | undefined {
    return this.#capture.get({ hash, epoch, nowMs, keepUntilMs, resultBytes })?.number
  }

  fail(request: FailRequest, hash: Buffer): number | undefined {
    const { epoch, state, code, retryAtMs, nowMs, keepUntilMs, resultBytes } = request
    const counted = request.counted ? 1 : 0
    const nextGeneration = request.nextGeneration ? 1 : 0
    const flags = { counted, nextGeneration }
    return this.#fail.get({ hash, epoch, state, code, retryAtMs, nowMs, keepUntilMs, resultBytes, ...flags })?.number
  }

  delivered(hash: Buffer, nowMs: number): void {
    this.#delivered.run({ nowMs, hash })
  }

  /** Every job that an earlier process left running may be claimed again at once. */
  releaseAll(nowMs: number): void {
    this.#release.run({ nowMs })
  }
}

function claimParameters(request: WireClaim, hash: Buffer) {
  const { rev, nowMs, arrivedAtMs = nowMs, resultTtlMs } = request
  const requestHash = Buffer.from(request.requestHash, 'hex')
  const sealedRequest = request.sealedRequest ? bytes(request.sealedRequest) : null
  return {
    hash,
    requestHash,
    rev,
    salt: Buffer.from(request.salt, 'hex'),
    sealedRequest,
    nowMs,
    arrivedAtMs,
    resultTtlMs,
  }
}

/** What comes from another thread is no Buffer any more, and the database takes nothing else. */
const bytes = (given: Uint8Array): Buffer => Buffer.from(given.buffer, given.byteOffset, given.byteLength)

function toClaimed(row: ClaimedRow | undefined): Claimed | undefined {
  if (!row) return undefined
  const { number, id, epoch, generation, attempts, failures } = row
  const flags = { shown: row.shown === 1, rebound: row.rebound === 1 }
  const upstreamRef = row.upstream_ref ?? undefined
  return { number, job: { id: id.toString('hex'), epoch, generation, attempts, failures, ...flags, upstreamRef } }
}
