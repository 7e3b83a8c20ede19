import type { Contract } from '../catalog/service.ts'
import { GatewayError } from '../errors.ts'
import { type Price, priceOf } from '../pricing/price.ts'
import { type Prepared, prepare, type RequestParts } from './request/prepare.ts'

export interface Quote {
  readonly prepared: Prepared
  /** `msat` as it will be asked for, rounded up to what the wallet can. */
  readonly price: Price
}

/**
 * Validates and prices a request under a contract.
 * @param unitMsat what the wallet can ask for
 * @throws GatewayError when the request cannot be sold
 */
export function quote(contract: Contract, request: RequestParts, unitMsat: bigint): Quote {
  const prepared = prepare(contract, request)
  if (contract.price === 'free') return { prepared, price: { msat: 0n, lines: [], inputs: {} } }
  const pricing = priceOf(contract.price, prepared.fields)
  if (pricing.kind === 'invalid') {
    const [first] = pricing.issues
    throw new GatewayError('invalid_request', `${first?.path} ${first?.message}`, { issues: pricing.issues })
  }
  const { price } = pricing
  return { prepared, price: { ...price, msat: ((price.msat + unitMsat - 1n) / unitMsat) * unitMsat } }
}
