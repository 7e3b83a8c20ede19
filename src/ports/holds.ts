import type { JobState, PaymentState } from './ledger.ts'

/** A challenge whose payment will be held until the work is done. The only challenge that is written down. */
export interface HoldOffer {
  /** 64 hex digits. */
  readonly paymentHash: string
  /** 64 hex digits. */
  readonly tokenId: string
  /** Of the key that the preimage comes from. */
  readonly keyId: number
  readonly service: string
  readonly rev: string
  readonly wallet: string
  readonly priceMsat: bigint
  /** Price lines as JSON; no text of the buyer's. */
  readonly quote: string
  /** What "the same request" is: 64 hex digits. */
  readonly requestHash: string
  /** Opened with the preimage. */
  readonly sealedRequest: Uint8Array
  /** Whose offer it is, for the share of a client: an address prefix. */
  readonly client: string
  /** Unix seconds. */
  readonly mintedExpiry: number
  /** Until when the invoice can be paid. */
  readonly expiresAtMs: number
  readonly createdAtMs: number
}

export interface HoldLimits {
  readonly maxOpen: number
  /** Of the sealed requests together. */
  readonly maxBytes: number
  readonly maxPerClient: number
}

/** Why a payment was let go. */
export type CancelReason = 'refused' | 'failed' | 'not_begun' | 'not_deliverable' | 'lost'

/** A payment that was locked in. */
export interface HeldPayment {
  readonly paymentHash: string
  /** 64 hex digits. */
  readonly tokenId: string
  readonly state: Extract<PaymentState, 'held' | 'settling' | 'cancelling'>
  readonly service: string
  readonly rev: string
  readonly wallet: string
  readonly priceMsat: bigint
  /** Unix seconds. */
  readonly mintedExpiry: number
  readonly acceptedAtMs: number
  readonly jobState: JobState
}

/**
 * What becomes of held payments. One compare-and-set commits each decision before any wallet is told of it. All methods
 * throw `LedgerError` and nothing else; what resolves is committed.
 */
export interface Holds {
  /** Writes an offer down, within the limits. Again for the same hash changes nothing. */
  offer(offer: HoldOffer, limits: HoldLimits): Promise<'offered' | 'full' | 'client_full'>
  /** Every offer that nobody has paid, oldest first. */
  offers(): Promise<HoldOffer[]>
  /** Forgets an offer: it expired or was cancelled unpaid. */
  withdraw(paymentHash: string): Promise<void>
  /**
   * The payment is locked in: makes it `held`, with a job that can be claimed at once, in place of its offer.
   * @param jobId 32 hex digits
   * @returns false when there is no such offer (any more), or its payment was revoked before: then the offer stays
   */
  accept(paymentHash: string, jobId: string, resultTtlMs: number, nowMs: number): Promise<boolean>
  /**
   * Decides to take the payment: from `held`, when its whole result is stored, or by patience also while the work runs.
   * @returns whether this call decided
   */
  decideToSettle(paymentHash: string, by: 'result' | 'patience'): Promise<boolean>
  /** Decides to let the payment go: from `held`, when nothing runs and no result is stored. */
  decideToCancel(paymentHash: string): Promise<boolean>
  /**
   * What the wallet says that has become of it: taken (from any decision → `settled`), or gone (from anything undecided →
   * `cancelled`). What is stored of a payment that was taken, and its unfinished work, are honoured for their whole time
   * from now on: before, nobody could present it.
   */
  conclude(paymentHash: string, state: 'settled' | 'cancelled', nowMs: number): Promise<boolean>
  /**
   * The wallet has taken a payment that was to be let go, or that it called gone: `settled` after all.
   * @returns whether this call changed it
   */
  noteTaken(paymentHash: string, nowMs: number): Promise<boolean>
  /** Every payment that is held, settling or cancelling, oldest first. */
  undecided(): Promise<HeldPayment[]>
}
