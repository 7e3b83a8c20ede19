import type { Contract } from '../catalog/service.ts'
import { GatewayError } from '../errors.ts'
import { type Price, priceOf } from '../pricing/price.ts'
import { type Prepared, prepare, type RequestParts } from './request/prepare.ts'

export interface Quote {
  readonly prepared: Prepared
  /** Exact; the wallet that asks for it rounds it up to what it can. */
  readonly price: Price
}

/**
 * Validates and prices a request under a contract.
 * @throws GatewayError when the request cannot be sold
 */
export function quote(contract: Contract, request: RequestParts): Quote {
  const prepared = prepare(contract, request)
  if (contract.price === 'free') return { prepared, price: { msat: 0n, lines: [], inputs: {} } }
  const pricing = priceOf(contract.price, prepared.fields)
  if (pricing.kind === 'invalid') {
    const [first] = pricing.issues
    throw new GatewayError('invalid_request', `${first?.path} ${first?.message}`, { issues: pricing.issues })
  }
  return { prepared, price: pricing.price }
}
