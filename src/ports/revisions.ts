/**
 * Every definition that a token still alive may have been sold under. `Sold` is the catalog's compiled service; the
 * port does not care which.
 */
export interface Revisions<Sold> {
  /** The service as it was when `rev` was sold, or undefined when this ledger never sold it. */
  resolve(rev: string): Sold | undefined
}
