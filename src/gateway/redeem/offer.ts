import type { Service } from '../../catalog/service.ts'
import { type ErrorCode, GatewayError } from '../../errors.ts'
import type { GenuineToken } from '../../l402/token.ts'
import type { Gateway } from '../gateway.ts'
import { type Quote, quote } from '../quote.ts'
import { claimRequest } from './claim-request.ts'
import type { Redemption } from './redeem.ts'

/**
 * What a payment gets for its own request. Where that can no longer be made, the payment is noted as owed.
 * @throws GatewayError `refund_due` under the reference by which the seller finds the payment; `request_mismatch`
 * @throws LedgerError
 */
export async function claimOrOwe(
  gateway: Gateway,
  redemption: Redemption,
  hash: string,
): Promise<Offer | { readonly challenge: ErrorCode }> {
  try {
    return claimOffer(gateway, redemption)
  } catch (thrown) {
    if (!(thrown instanceof GatewayError) || thrown.code !== 'refund_due') throw thrown
    const { token, sold } = redemption
    const facts = { rev: token.terms.rev, quote: [], resultTtlMs: sold?.config.result.ttlMs ?? owedMs }
    const record = await gateway.ledger.owe(claimRequest(gateway, redemption, facts, hash))
    if (!record) return { challenge: 'token_expired' }
    throw new GatewayError('refund_due', thrown.message, { reference: record.job.id })
  }
}

/** How long a payment whose terms are unknown may be presented again, should they become known. */
const owedMs = 24 * 3_600_000

/** Under which terms, and by which service, a request is made for a payment. */
export interface Offer {
  readonly quote: Quote
  /** Validated and priced the request. */
  readonly contract: Service
  /** Address, headers and limits. */
  readonly serving: Service
  readonly params: ReadonlyMap<string, string>
}

/** The request as it was sold, priced again under the terms it was sold under. */
function claimOffer(gateway: Gateway, redemption: Redemption): Offer {
  const { sold, token } = redemption
  if (!sold) return unknownRevisionOffer(redemption)
  const params = sold.match(redemption.target)
  if (!params) throw new GatewayError('request_mismatch')
  const quoted = quote(sold.contract, { ...redemption.parts, params })
  if (withinPaid(quoted, token))
    return { quote: quoted, contract: sold, serving: servingOf(gateway, redemption), params }
  throw new GatewayError('request_mismatch', 'the request costs more than was paid for it')
}

/** The definition is not in this ledger: today's will do if it takes the request and asks no more. */
function unknownRevisionOffer(redemption: Redemption): Offer {
  const due = (cause?: unknown) =>
    new GatewayError('refund_due', 'the service was sold under terms that are no longer known', { cause })
  try {
    const offer = rebindOffer(redemption)
    if (!('challenge' in offer)) return offer
  } catch (thrown) {
    // What was good when it was sold is not the buyer's mistake now.
    if (thrown instanceof GatewayError) throw due(thrown)
    throw thrown
  }
  throw due()
}

/** Another request on the same payment: under today's terms, for no more than was paid. @throws GatewayError */
export function rebindOffer(redemption: Redemption): Offer | { readonly challenge: ErrorCode } {
  const { today, token } = redemption
  const params = today?.match(redemption.target)
  if (!today || !params) return { challenge: 'token_for_other_request' }
  const quoted = quote(today.contract, { ...redemption.parts, params })
  return withinPaid(quoted, token)
    ? { quote: quoted, contract: today, serving: today, params }
    : { challenge: 'price_above_paid' }
}

const withinPaid = (quoted: Quote, { terms }: GenuineToken) => quoted.price.msat <= terms.priceMsat

/**
 * Address, headers and limits are today's; for a service that is gone they are its last.
 * @throws GatewayError `refund_due`
 */
function servingOf(gateway: Gateway, redemption: Redemption): Service {
  const serving = lastServing(gateway, redemption)
  if (serving?.servable) return serving
  throw new GatewayError('refund_due', 'the service is gone and cannot be called any more')
}

function lastServing(gateway: Gateway, { sold, today, token }: Redemption): Service | undefined {
  const { service: name } = token.terms
  return gateway.catalog().byName(name) ?? gateway.revisions.named(name).take(1).toArray()[0] ?? sold ?? today
}
