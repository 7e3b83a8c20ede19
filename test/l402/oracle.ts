import { createRequire } from 'node:module'

/** What the tests use of npm `macaroon`, which has no types: an implementation that is not ours. */
export interface OracleMacaroon {
  readonly location: string
  readonly identifier: Uint8Array
  readonly signature: Uint8Array
  readonly caveats: readonly { readonly identifier: Uint8Array }[]
  addFirstPartyCaveat(caveat: string): void
  /**
   * Throws when a caveat or the signature is bad. `check` returns an error text; any falsy value accepts the caveat. It is
   * called before the signature was looked at.
   */
  verify(rootKey: Uint8Array, check: (caveat: string) => string | null): void
  /** Doubles its buffer at every field: 210 MB for two caveats, an error for four. */
  exportBinary(): Uint8Array
}

interface Oracle {
  importMacaroon(bytes: Uint8Array | string): OracleMacaroon
  newMacaroon(parts: { identifier: Uint8Array; location: string; rootKey: Uint8Array; version: 2 }): OracleMacaroon
}

const require = createRequire(import.meta.url)

export const oracle: Oracle = require('macaroon')

/** The caveats that `verify` was asked about. @throws what `verify` throws */
export function verifiedCaveats(macaroon: OracleMacaroon, rootKey: Uint8Array): string[] {
  const seen: string[] = []
  macaroon.verify(rootKey, (caveat) => {
    seen.push(caveat)
    return null
  })
  return seen
}
