/**
 * The ledger: what was paid, what was done for it, and the stored results. One row a payment hash and one job a
 * payment; every decision that must not be taken twice is one compare-and-set in here.
 *
 * Every promise that resolves does so after the commit that it speaks of. Writes about a running job say which epoch
 * they belong to and change nothing when another epoch has begun (`false`: fenced).
 */

import type { KeyUse } from './key-use.ts'

export type PaymentState = 'settled' | 'held' | 'settling' | 'cancelling' | 'cancelled' | 'revoked' | 'refunded'

export type JobState =
  /** A call is being made, or was when this process or an earlier one ended. */
  | 'running'
  /** The whole result is stored: the payment is spent. */
  | 'captured'
  /** The call failed; the same request may try again. */
  | 'retryable'
  /** The service refused the request; the payment is free for another one. */
  | 'refused'
  /** Failed too often. */
  | 'given_up'

export interface PaymentRecord {
  /** 64 hex digits. */
  readonly paymentHash: string
  readonly state: PaymentState
  readonly service: string
  readonly wallet: string
  readonly priceMsat: bigint
  /** Unix seconds: the first, minted `valid_until`. */
  readonly mintedExpiry: number
  readonly createdAtMs: number
  /** Set where the state is `refunded`: the operator gave the money back. */
  readonly refund: { readonly note: string; readonly closedAtMs: number } | undefined
  readonly job: JobRecord
}

export interface JobRecord {
  /** 32 hex digits. */
  readonly id: string
  /** What "the same request" is for this payment: 64 hex digits. */
  readonly requestHash: string
  /** Service revision the job runs under. */
  readonly rev: string
  readonly rebound: boolean
  readonly state: JobState
  /** Counts the runs; fences writers of earlier ones. */
  readonly epoch: number
  /** Part of the upstream's idempotency key. */
  readonly generation: number
  /** Failures that count towards giving up. */
  readonly attempts: number
  /** All failures since the last claim for this request; decides the wait. */
  readonly failures: number
  readonly retryAtMs: number
  /** Error code of the last failure. */
  readonly lastCode: string | undefined
  /** Bytes of a result were sent to the buyer before it was whole. */
  readonly shown: boolean
  /** 16 bytes, new with every epoch: part of the key that seals its frames. */
  readonly salt: Uint8Array
  readonly finishedAtMs: number | undefined
  /** Until when the frames are kept. */
  readonly keepUntilMs: number | undefined
  readonly firstDeliveredAtMs: number | undefined
  /** The frames have been deleted. */
  readonly pruned: boolean
  /** Size of the stored body, once it is whole. */
  readonly resultBytes: number | undefined
}

/**
 * No payment waits longer than this between two runs. A `retryAtMs` that lies further ahead was written by a clock that
 * has been set back since, and is over.
 */
export const longestRetryMs = 60_000

export interface ClaimRequest {
  readonly paymentHash: string
  /** 64 hex digits. */
  readonly tokenId: string
  readonly service: string
  readonly rev: string
  readonly wallet: string
  readonly priceMsat: bigint
  readonly receivedMsat?: bigint
  /** Price lines as JSON; no text of the buyer's. */
  readonly quote: string
  /** Unix seconds. */
  readonly mintedExpiry: number
  readonly requestHash: string
  /** For a first claim: 32 hex digits. */
  readonly jobId: string
  readonly salt: Uint8Array
  readonly nowMs: number
  /** When the request came, if that was before: whether the token or the row is over goes by this. */
  readonly arrivedAtMs?: number
  /** How long a result of this service is kept. */
  readonly resultTtlMs: number
  /** Take over a `running` row: the caller knows that no job of this process runs for it. */
  readonly takeover: boolean
  /** Kept with the claim, so that the job can be run again without the buyer sending the request. */
  readonly sealedRequest?: Uint8Array
}

/** The job as it was claimed; its epoch is the caller's to write with. */
export interface ClaimedJob {
  readonly id: string
  readonly epoch: number
  readonly generation: number
  readonly attempts: number
  readonly failures: number
  /** An earlier run had shown bytes. */
  readonly shown: boolean
  readonly rebound: boolean
  /** Sealed: where an asynchronous upstream keeps the work of this generation, if an earlier run began it. */
  readonly upstreamRef: Uint8Array | undefined
}

export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly job: ClaimedJob }
  /** No row, and the minted expiry has passed or lies where rows have been pruned. */
  | { readonly kind: 'expired' }
  /** A row that this claim does not fit; nothing was changed. */
  | { readonly kind: 'standing'; readonly record: PaymentRecord }

export interface Frame {
  readonly seq: number
  readonly kind: 'head' | 'data' | 'trailer'
  readonly sealed: Uint8Array
}

export interface CaptureRequest {
  readonly paymentHash: string
  readonly epoch: number
  /** The frames not appended yet, the last one included. */
  readonly frames: readonly Frame[]
  readonly resultBytes: number
  readonly nowMs: number
  readonly keepUntilMs: number
}

export interface FailRequest {
  readonly paymentHash: string
  readonly epoch: number
  readonly state: 'retryable' | 'refused' | 'given_up'
  readonly code: string
  /** Counts towards giving up. */
  readonly counted: boolean
  /**
   * The upstream gave a complete answer, so the next call must not be taken for a repetition of this one. What the
   * upstream was doing under a reference is forgotten with it.
   */
  readonly nextGeneration: boolean
  readonly retryAtMs: number
  /** A refusal is stored like a result; otherwise empty, and what was appended is deleted. */
  readonly frames: readonly Frame[]
  readonly resultBytes: number
  readonly nowMs: number
  readonly keepUntilMs: number
}

/** What became of an operator's word on a payment. Every one of them may be said again. */
export type OperatorOutcome =
  | { readonly kind: 'done'; readonly record: PaymentRecord }
  /** It was so before. */
  | { readonly kind: 'already'; readonly record: PaymentRecord }
  /** No payment was presented under this hash. */
  | { readonly kind: 'unknown' }
  /** The payment stands otherwise: nothing was changed. */
  | { readonly kind: 'standing'; readonly record: PaymentRecord }

export interface RevisionRecord {
  readonly rev: string
  /** JSON. */
  readonly definition: string
  /** Unix seconds: no token sold under it lives longer. */
  readonly lastSoldUntil: number
}

export interface LedgerMeta {
  /** 32 hex digits, made with the ledger. */
  readonly ledgerId: string
  /** Key id → fingerprint of every key this ledger was used with. */
  readonly keyFingerprints: ReadonlyMap<number, string>
  /** How often it was opened by a gateway, before this time. */
  readonly generation: number
  /** No token that this ledger sold lives longer, as far as it was noted when it was opened, seconds. */
  readonly longestTokenLife: number
  /** Set in a copy that was made by a backup and never put in place, Unix ms. */
  readonly copiedAtMs: number | undefined
}

export type LedgerErrorCode = 'full' | 'busy' | 'io' | 'readonly' | 'corrupt' | 'closed'

/** A write or read that did not happen. Nothing of it is in the ledger. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError'
  readonly code: LedgerErrorCode

  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** All methods throw {@link LedgerError} and nothing else. */
export interface Ledger extends AsyncDisposable {
  readonly meta: LedgerMeta
  /**
   * Takes the payment for one run of its request. Of any number of racing claims exactly one gets `claimed`; the
   * others see what it left. A new row is made only for an unexpired token; `retryable` rows are claimed from their
   * `retryAtMs` on (or when that is more than {@link longestRetryMs} ahead) while they are honoured.
   */
  claim(request: ClaimRequest): Promise<ClaimOutcome>
  /**
   * Like {@link claim} for a different request, on a payment that was refused or given up: once, and only when no byte
   * was ever shown. From then on the new request is the same one.
   */
  rebind(request: ClaimRequest): Promise<ClaimOutcome>
  /** Commits that bytes are about to be shown. */
  show(paymentHash: string, epoch: number): Promise<boolean>
  append(paymentHash: string, epoch: number, frames: readonly Frame[]): Promise<boolean>
  /** Keeps the sealed request of a running job that has none. `true` also where it has one already. */
  keepRequest(paymentHash: string, epoch: number, sealed: Uint8Array): Promise<boolean>
  /** Keeps where an asynchronous upstream does the work, so that a later run asks there instead of beginning it anew. */
  keepUpstreamRef(paymentHash: string, epoch: number, sealed: Uint8Array): Promise<boolean>
  /** Stores the rest and makes the payment spent, in one transaction. */
  capture(request: CaptureRequest): Promise<boolean>
  fail(request: FailRequest): Promise<boolean>
  /**
   * Withdraws a payment for good. A run that is under way is fenced off: what it brings is never stored, so a payment
   * that is revoked and later refunded gave no result. One that was not presented yet is `unknown` now and revoked when
   * it comes.
   */
  revoke(paymentHash: string, nowMs: number): Promise<OperatorOutcome>
  /**
   * Notes that the money was given back: the payment is worth nothing from then on. `standing` while a run is under
   * way, and when a result is stored that the buyer has or can still get.
   */
  closeRefund(paymentHash: string, note: string, nowMs: number): Promise<OperatorOutcome>
  /**
   * Gives a payment without a result new attempts for its request, at once, and honours it until then. `standing` where
   * it was withdrawn, runs, or is spent.
   */
  reopen(paymentHash: string, nowMs: number, honouredUntilMs: number): Promise<OperatorOutcome>
  /**
   * Notes that a payment cannot be honoured now, so that it is known to be owed; where it was never claimed it gets its
   * row here. The same request may still be claimed, should that become possible again.
   * @returns undefined when the token has expired unclaimed
   */
  owe(request: ClaimRequest): Promise<PaymentRecord | undefined>
  /**
   * Notes that a payment came in time and no run could begin: it gets its row, `retryable` with this error code, before
   * its first epoch, and is honoured like one whose run failed. Nothing is noted where it has one, or was over.
   */
  turnAway(request: ClaimRequest, code: string): Promise<void>
  /** @param reference a payment hash (64 hex digits) or a job's id (32), the reference that buyers are shown */
  find(reference: string): Promise<PaymentRecord | undefined>
  /** Notes the first delivery. May be delayed and grouped; not awaited by a delivery. */
  delivered(paymentHash: string, nowMs: number): Promise<void>
  read(paymentHash: string): Promise<PaymentRecord | undefined>
  /** The request as it was kept; undefined when none was, or when the job is over and it has been deleted. */
  sealedRequest(paymentHash: string): Promise<Uint8Array | undefined>
  /** Frames in order from `fromSeq`, as many as fit in `maxBytes` but at least one. */
  frames(paymentHash: string, epoch: number, fromSeq: number, maxBytes: number): Promise<Frame[]>
  /**
   * Forgets what is over: frames past their keeping, captured rows no longer honoured, and invoices that are needed no
   * more. Advances no faster than `monotonicMs`, whatever the clock says, and no claim is taken at or below the highest
   * expiry that was forgotten.
   * @returns how many rows of any kind went; call again while it is above 0
   */
  prune(nowMs: number, monotonicMs: number): Promise<number>
  /** Commits definitions before they go live; a known `rev` only has its `lastSoldUntil` raised. */
  saveRevisions(revisions: readonly RevisionRecord[]): Promise<void>
  /** Commits that tokens may live so long, seconds. Only ever raised. */
  noteTokenLife(seconds: number): Promise<void>
  /** In the order in which they were saved last. */
  revisions(): Promise<RevisionRecord[]>
  saveKeyFingerprints(fingerprints: ReadonlyMap<number, string>): Promise<void>
  /**
   * Notes that a key signs no more. The first word counts.
   * @param until Unix seconds; raised to whatever was sold until, where that is later
   */
  stopSigning(keyId: number, until: number): Promise<void>
  keyUse(keyId: number): Promise<KeyUse>
  /** The key is no longer asked for at the start. */
  forgetKey(keyId: number): Promise<void>
  /** Counts an opening by a gateway. @returns the new generation */
  nextGeneration(): Promise<number>
  /** Commits something, to see whether that works. */
  probe(nowMs: number): Promise<void>
}
