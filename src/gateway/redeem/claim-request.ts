import type { GenuineToken } from '../../l402/token.ts'
import type { ClaimRequest } from '../../ports/ledger.ts'
import type { PriceLine } from '../../pricing/price.ts'
import type { Gateway } from '../gateway.ts'

interface ClaimFacts {
  readonly rev: string
  readonly quote: readonly PriceLine[]
  readonly resultTtlMs: number
}

/** What the ledger is told of a payment that is presented: nothing in it is the buyer's text. */
export function claimRequest(
  gateway: Pick<Gateway, 'random' | 'issuer' | 'clock'>,
  { token, arrivedAtMs }: { readonly token: GenuineToken; readonly arrivedAtMs: number },
  { rev, quote, resultTtlMs }: ClaimFacts,
  requestHash: string,
): ClaimRequest {
  const { terms, paymentHash, tokenId } = token
  return {
    paymentHash,
    tokenId,
    service: terms.service,
    rev,
    wallet: gateway.issuer.walletOf(paymentHash),
    priceMsat: terms.priceMsat,
    quote: JSON.stringify(quote.map(({ label, msat }) => ({ label, msat: Number(msat) }))),
    mintedExpiry: terms.validUntil,
    requestHash,
    jobId: gateway.random(16).toString('hex'),
    salt: gateway.random(16),
    arrivedAtMs,
    nowMs: gateway.clock.nowMs(),
    resultTtlMs,
    takeover: true,
  }
}
