import type Database from 'better-sqlite3'
import type {
  CaptureRequest,
  ClaimOutcome,
  FailRequest,
  Frame,
  LedgerMeta,
  PaymentRecord,
  RevisionRecord,
} from '../../ports/ledger.ts'
import { FrameTable } from './frame-table.ts'
import { JobTable } from './job-table.ts'
import { MetaTable } from './meta-table.ts'
import { PaymentTable } from './payment-table.ts'
import type { WireClaim } from './protocol.ts'
import { Pruner } from './prune.ts'
import { RevisionTable } from './revision-table.ts'

/**
 * What the ledger does, each within a transaction that the worker opens and commits. A method throws only what
 * SQLite throws; the worker then rolls back.
 */
export class Operations {
  readonly #meta: MetaTable
  readonly #payments: PaymentTable
  readonly #jobs: JobTable
  readonly #frames: FrameTable
  readonly #revisions: RevisionTable
  readonly #pruner: Pruner

  constructor(database: Database.Database) {
    this.#meta = new MetaTable(database)
    this.#payments = new PaymentTable(database)
    this.#jobs = new JobTable(database)
    this.#frames = new FrameTable(database)
    this.#revisions = new RevisionTable(database)
    this.#pruner = new Pruner(database, this.#meta)
  }

  claim(request: WireClaim): ClaimOutcome {
    const hash = Buffer.from(request.paymentHash, 'hex')
    const standing = this.#jobs.claim(request, hash)
    if (standing) {
      this.#frames.deleteAll(standing.number)
      return { kind: 'claimed', job: standing.job }
    }
    const record = this.#payments.read(request.paymentHash)
    if (record) return { kind: 'standing', record }
    const prunedThrough = this.#meta.number('pruned_through') ?? 0
    if (request.mintedExpiry * 1000 <= request.nowMs || request.mintedExpiry <= prunedThrough)
      return { kind: 'expired' }
    const made = this.#jobs.insert(request, this.#payments.insert(request, hash))
    if (!made) throw new Error('a job row was not made')
    return { kind: 'claimed', job: made.job }
  }

  rebind(request: WireClaim): ClaimOutcome {
    const claimed = this.#jobs.rebind(request, Buffer.from(request.paymentHash, 'hex'))
    if (claimed) {
      this.#frames.deleteAll(claimed.number)
      return { kind: 'claimed', job: claimed.job }
    }
    const record = this.#payments.read(request.paymentHash)
    return record ? { kind: 'standing', record } : { kind: 'expired' }
  }

  show(paymentHash: string, epoch: number): boolean {
    return this.#jobs.show(Buffer.from(paymentHash, 'hex'), epoch)
  }

  append(paymentHash: string, epoch: number, frames: readonly Frame[]): boolean {
    const job = this.#jobs.running(Buffer.from(paymentHash, 'hex'), epoch)
    if (job === undefined) return false
    this.#frames.insert(job, epoch, frames)
    return true
  }

  keepRequest(paymentHash: string, epoch: number, sealed: Uint8Array): boolean {
    return this.#jobs.keepRequest(Buffer.from(paymentHash, 'hex'), epoch, sealed)
  }

  keepUpstreamRef(paymentHash: string, epoch: number, sealed: Uint8Array): boolean {
    return this.#jobs.keepUpstreamRef(Buffer.from(paymentHash, 'hex'), epoch, sealed)
  }

  capture(request: CaptureRequest): boolean {
    const job = this.#jobs.capture(request, Buffer.from(request.paymentHash, 'hex'))
    if (job === undefined) return false
    this.#frames.insert(job, request.epoch, request.frames)
    return true
  }

  fail(request: FailRequest): boolean {
    const job = this.#jobs.fail(request, Buffer.from(request.paymentHash, 'hex'))
    if (job === undefined) return false
    if (request.frames.length === 0) this.#frames.deleteAll(job)
    else this.#frames.insert(job, request.epoch, request.frames)
    return true
  }

  delivered(paymentHash: string, nowMs: number): void {
    this.#jobs.delivered(Buffer.from(paymentHash, 'hex'), nowMs)
  }

  releaseAll(nowMs: number): void {
    this.#jobs.releaseAll(nowMs)
  }

  prune(nowMs: number, monotonicMs: number): number {
    return this.#pruner.run(nowMs, monotonicMs)
  }

  saveRevisions(revisions: readonly RevisionRecord[]): void {
    this.#revisions.save(revisions)
  }

  saveKeyFingerprints(fingerprints: ReadonlyMap<number, string>): void {
    for (const [id, fingerprint] of fingerprints) this.#meta.setKeyFingerprint(id, fingerprint)
  }

  probe(nowMs: number): void {
    this.#meta.setNumber('probed_at', nowMs)
  }

  identity(): LedgerMeta {
    return this.#meta.identity()
  }
}

/** The reading half, on a connection of its own that cannot write. */
export class Readings {
  readonly #payments: PaymentTable
  readonly #frames: FrameTable
  readonly #revisions: RevisionTable

  constructor(database: Database.Database) {
    this.#payments = new PaymentTable(database)
    this.#frames = new FrameTable(database)
    this.#revisions = new RevisionTable(database)
  }

  read(paymentHash: string): PaymentRecord | undefined {
    return this.#payments.read(paymentHash)
  }

  sealedRequest(paymentHash: string): Uint8Array | undefined {
    return this.#payments.sealedRequest(paymentHash)
  }

  frames(paymentHash: string, epoch: number, fromSeq: number, maxBytes: number): Frame[] {
    return this.#frames.read(paymentHash, epoch, fromSeq, maxBytes)
  }

  revisions(): RevisionRecord[] {
    return this.#revisions.all()
  }
}
