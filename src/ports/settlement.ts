export type SettlementVerdict =
  | { readonly kind: 'settled' }
  /** The wallet does not say so yet, or cannot be asked. */
  | { readonly kind: 'pending'; readonly retryAfterMs: number }

/** Whether a preimage alone is enough for a payment, and if not, whether its wallet has received it. */
export interface SettlementCheck {
  /** The wallet's word is needed: it was asked for, or somebody else may know this wallet's preimages. */
  required(paymentHash: string): boolean
  /**
   * Asks the memory, the books and the wallet, and waits a moment for a wallet that is slow to know. Answers within
   * seconds, and all who ask at the same time together.
   * @throws LedgerError
   */
  confirm(paymentHash: string): Promise<SettlementVerdict>
}
