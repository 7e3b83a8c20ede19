import type Database from 'better-sqlite3'
import type { KeyUse } from '../../ports/key-use.ts'
import type {
  CaptureRequest,
  ClaimOutcome,
  FailRequest,
  Frame,
  LedgerMeta,
  OperatorOutcome,
  PaymentRecord,
  RevisionRecord,
} from '../../ports/ledger.ts'
import { FrameTable } from './frame-table.ts'
import { JobTable } from './job-table.ts'
import { KeyUseQuery } from './key-use.ts'
import { MetaTable } from './meta-table.ts'
import { PaymentTable } from './payment-table.ts'
import type { WireClaim } from './protocol.ts'
import { Pruner } from './prune.ts'
import { RevisionTable } from './revision-table.ts'
import { WithdrawalTable } from './withdrawal-table.ts'

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
  readonly #withdrawals: WithdrawalTable
  readonly #pruner: Pruner

  constructor(database: Database.Database) {
    this.#meta = new MetaTable(database)
    this.#payments = new PaymentTable(database)
    this.#jobs = new JobTable(database)
    this.#frames = new FrameTable(database)
    this.#revisions = new RevisionTable(database)
    this.#withdrawals = new WithdrawalTable(database)
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
    if (this.#isExpired(request)) return { kind: 'expired' }
    const made = this.#insert(request, hash)
    if (!this.#isWithheld(request, hash)) return { kind: 'claimed', job: made }
    return { kind: 'standing', record: this.#present(request.paymentHash) }
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

  revoke(paymentHash: string, nowMs: number): OperatorOutcome {
    const hash = Buffer.from(paymentHash, 'hex')
    const record = this.#payments.read(paymentHash)
    if (!record) {
      this.#withdrawals.noteRevocation(hash, nowMs)
      return { kind: 'unknown' }
    }
    if (record.state === 'revoked') return { kind: 'already', record }
    if (record.state !== 'settled') return { kind: 'standing', record }
    const ended = this.#withdrawals.revoke(hash, nowMs)
    if (ended !== undefined) this.#frames.deleteAll(ended)
    return { kind: 'done', record: this.#present(paymentHash) }
  }

  closeRefund(paymentHash: string, note: string, nowMs: number): OperatorOutcome {
    const record = this.#payments.read(paymentHash)
    if (!record) return { kind: 'unknown' }
    if (record.state === 'refunded') return { kind: 'already', record }
    if (!mayBeRefunded(record)) return { kind: 'standing', record }
    const number = this.#withdrawals.refund(Buffer.from(paymentHash, 'hex'), note, nowMs)
    if (number !== undefined) this.#frames.deleteAll(number)
    return { kind: 'done', record: this.#present(paymentHash) }
  }

  reopen(paymentHash: string, nowMs: number, honouredUntilMs: number): OperatorOutcome {
    const record = this.#payments.read(paymentHash)
    if (!record) return { kind: 'unknown' }
    const number = this.#withdrawals.reopen(Buffer.from(paymentHash, 'hex'), nowMs, honouredUntilMs)
    if (number === undefined) return { kind: 'standing', record }
    this.#frames.deleteAll(number)
    return { kind: 'done', record: this.#present(paymentHash) }
  }

  owe(request: WireClaim): PaymentRecord | undefined {
    const hash = Buffer.from(request.paymentHash, 'hex')
    const isNew = this.#payments.read(request.paymentHash) === undefined
    if (isNew) {
      if (this.#isExpired(request)) return undefined
      this.#insert(request, hash)
      this.#isWithheld(request, hash)
    }
    this.#withdrawals.owe(hash, request.nowMs, isNew)
    return this.#present(request.paymentHash)
  }

  turnAway(request: WireClaim, code: string): void {
    const hash = Buffer.from(request.paymentHash, 'hex')
    if (this.#payments.read(request.paymentHash) || this.#isExpired(request)) return
    this.#insert(request, hash)
    if (!this.#isWithheld(request, hash)) this.#withdrawals.turnAway(hash, code, request.nowMs)
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

  noteTokenLife(seconds: number): void {
    this.#meta.setNumber('longest_token_life', Math.max(seconds, this.#meta.number('longest_token_life') ?? 0))
  }

  saveKeyFingerprints(fingerprints: ReadonlyMap<number, string>): void {
    for (const [id, fingerprint] of fingerprints) this.#meta.setKeyFingerprint(id, fingerprint)
  }

  stopSigning(keyId: number, until: number): void {
    if (this.#meta.number(`signed_until.${keyId}`) !== undefined) return
    this.#meta.setNumber(`signed_until.${keyId}`, Math.max(until, this.#revisions.soldUntil()))
  }

  forgetKey(keyId: number): void {
    this.#meta.delete(`key.${keyId}`)
    this.#meta.delete(`signed_until.${keyId}`)
  }

  nextGeneration(): number {
    const generation = (this.#meta.number('generation') ?? 0) + 1
    this.#meta.setNumber('generation', generation)
    return generation
  }

  probe(nowMs: number): void {
    this.#meta.setNumber('probed_at', nowMs)
  }

  identity(): LedgerMeta {
    return this.#meta.identity()
  }

  #isExpired({ mintedExpiry, nowMs, arrivedAtMs = nowMs }: WireClaim): boolean {
    return mintedExpiry * 1000 <= arrivedAtMs || mintedExpiry <= (this.#meta.number('pruned_through') ?? 0)
  }

  /** A row that was just made may not run: its payment was revoked before, or may have been spent before a restore. */
  #isWithheld({ tokenId, nowMs }: WireClaim, hash: Buffer): boolean {
    if (this.#withdrawals.isRevoked(hash)) {
      this.#withdrawals.revoke(hash, nowMs)
      return true
    }
    if (!this.#meta.isBeforeRestore(tokenId)) return false
    this.#withdrawals.withhold(hash, nowMs)
    return true
  }

  #insert(request: WireClaim, hash: Buffer) {
    const made = this.#jobs.insert(request, this.#payments.insert(request, hash))
    if (!made) throw new Error('a job row was not made')
    return made.job
  }

  #present(paymentHash: string): PaymentRecord {
    const record = this.#payments.read(paymentHash)
    if (!record) throw new Error('a row that was just written is gone')
    return record
  }
}

/** Money goes back only where no result is stored that somebody has, or could still fetch. */
function mayBeRefunded({ state, job }: PaymentRecord): boolean {
  if (job.state === 'running') return false
  if (state === 'revoked') return job.state !== 'captured' || job.firstDeliveredAtMs === undefined
  return state === 'settled' && job.state !== 'captured'
}

/** The reading half, on a connection of its own that cannot write. */
export class Readings {
  readonly #payments: PaymentTable
  readonly #frames: FrameTable
  readonly #revisions: RevisionTable
  readonly #keyUse: KeyUseQuery

  constructor(database: Database.Database) {
    this.#payments = new PaymentTable(database)
    this.#frames = new FrameTable(database)
    this.#revisions = new RevisionTable(database)
    this.#keyUse = new KeyUseQuery(database)
  }

  read(paymentHash: string): PaymentRecord | undefined {
    return this.#payments.read(paymentHash)
  }

  sealedRequest(paymentHash: string): Uint8Array | undefined {
    return this.#payments.sealedRequest(paymentHash)
  }

  find(reference: string): PaymentRecord | undefined {
    return this.#payments.find(reference)
  }

  frames(paymentHash: string, epoch: number, fromSeq: number, maxBytes: number): Frame[] {
    return this.#frames.read(paymentHash, epoch, fromSeq, maxBytes)
  }

  keyUse(keyId: number): KeyUse {
    return this.#keyUse.of(keyId)
  }

  revisions(): RevisionRecord[] {
    return this.#revisions.all()
  }
}
