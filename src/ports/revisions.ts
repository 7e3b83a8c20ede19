/**
 * Every definition that a token still alive may have been sold under. `Sold` is the catalog's compiled service; the
 * port does not care which.
 */
export interface Revisions<Sold> {
  /** The service as it was when `rev` was sold, or undefined when this ledger never sold it. */
  resolve(rev: string): Sold | undefined
  /** Every revision of a service name that this ledger sold, the one that was on sale last first. */
  named(name: string): IteratorObject<Sold>
  /** No token that was ever sold lives longer, ms. */
  readonly longestLifeMs: number
  /**
   * Makes sure that the ledger keeps `rev` at least until then, and knows that tokens may live so long, before one is
   * sold under it. Undefined when it already does.
   * @param until Unix seconds
   * @throws LedgerError by the promise
   */
  keepUntil(rev: string, until: number): Promise<void> | undefined
}
