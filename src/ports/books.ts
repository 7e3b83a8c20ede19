/** A payment as the wallet that received it tells of it. */
export interface BookedSettlement {
  /** 64 hex digits. */
  readonly paymentHash: string
  /** Undefined: the wallet does not say. */
  readonly receivedMsat: bigint | undefined
  readonly settledAtMs: number
  /** What it was asked for, where this process made the invoice. */
  readonly sold: { readonly service: string; readonly priceMsat: bigint } | undefined
}

export interface KnownWallet {
  readonly name: string
  readonly kind: string
  /** Where its stream of settlements is resumed. */
  readonly cursor: string | undefined
}

/** A payment that was presented and that no wallet has confirmed. */
export interface UnconfirmedPayment {
  /** Grows with every payment. */
  readonly number: number
  readonly paymentHash: string
  readonly wallet: string
}

/** An invoice that nobody has paid yet, as far as is known. */
export interface KeptInvoice {
  readonly paymentHash: string
  readonly wallet: string
  readonly ref: string
  readonly service: string
  readonly priceMsat: bigint
  /** Unix milliseconds: from then on it cannot be paid. */
  readonly expiresAtMs: number
  /** Unix milliseconds: until then it takes one of the places for open invoices. */
  readonly placeUntilMs: number
  /** Unix milliseconds: until then a token that was sold with it may be presented for the first time. */
  readonly neededUntilMs: number
}

/** What stands in the ledger for a payment of which it is not known which wallet took it. */
export const unknownWallet = 'unknown'

/**
 * The books: what came in, by the word of the wallets. Where a payment and its settlement are both known, the payment
 * names the wallet of the settlement, whichever was written first. All methods throw `LedgerError` and nothing else;
 * what resolves is committed.
 */
export interface Books {
  /** Adds the wallets that are new. @returns every wallet that the ledger was ever used with */
  noteWallets(wallets: readonly Pick<KnownWallet, 'name' | 'kind'>[], nowMs: number): Promise<KnownWallet[]>
  /**
   * Records settlements and where the stream is resumed after them, in one transaction. A payment is recorded once,
   * however often it is told of.
   * @param cursor undefined: leaves it as it is
   * @returns the payment hashes that were new
   */
  recordSettlements(
    wallet: string,
    settlements: readonly BookedSettlement[],
    cursor: string | undefined,
  ): Promise<string[]>
  /** The wallet that says it has received this payment, or undefined when none has said so yet. */
  settledWith(paymentHash: string): Promise<string | undefined>
  /** Presented payments after `afterNumber` that no wallet has confirmed, oldest first. */
  unconfirmed(afterNumber: number, limit: number): Promise<UnconfirmedPayment[]>
  /**
   * Keeps invoices beyond the end of this process: each until it is paid by the word of its wallet, or its token is over.
   * Those that are kept already stay as they are.
   */
  keepInvoices(invoices: readonly KeptInvoice[]): Promise<void>
  /** The kept invoices that expire after `afterMs` (Unix milliseconds), at most `limit`: the last ones, in that order. */
  keptInvoices(afterMs: number, limit: number): Promise<KeptInvoice[]>
  /** A kept invoice, also long after it has expired. */
  keptInvoice(paymentHash: string): Promise<KeptInvoice | undefined>
}
