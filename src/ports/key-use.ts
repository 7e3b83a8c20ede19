/** What a key is still needed for. */
export interface KeyUse {
  /** No token that it signed is valid for a first use after this, Unix seconds; undefined while it signs. */
  readonly signedUntil: number | undefined
  /** No payment under it is honoured after this, Unix ms; 0 where there is none. */
  readonly honouredUntilMs: number
  /** Payments under it that are worked for, or are held: the key's preimage is needed to take those. */
  readonly running: number
  /** Payments under it without a result and without a refund. */
  readonly owed: number
}
