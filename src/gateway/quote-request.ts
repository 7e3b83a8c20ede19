import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../errors.ts'
import { priceRule, withRounding } from './challenge.ts'
import type { Gateway } from './gateway.ts'
import { limitRequests } from './limits/client-limits.ts'
import { judgeUnpaid } from './limits/turnstile.ts'
import { countedBody } from './limits/unpaid-body.ts'
import { quote } from './quote.ts'
import { headerLines } from './request/headers.ts'
import { readRequest } from './request/read.ts'
import { readTarget } from './request/target.ts'
import type { RequestScope } from './scope.ts'

/**
 * The price of a request, without an invoice: what a challenge for it would ask.
 * @param url the service's own path and query
 * @throws GatewayError as the request itself would
 */
export async function quoteRequest(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  url: string,
) {
  const target = readTarget(url, headerLines(incoming, 'host'), gateway.settings.isOwnHost)
  const match = gateway.catalog().match(incoming.method ?? 'GET', target)
  if (match.kind === 'none') throw new GatewayError('not_found')
  if (match.kind === 'wrong_method') {
    throw new GatewayError('method_not_allowed', `use ${match.allow.join(' or ')}`, {
      headers: { Allow: match.allow.join(', ') },
    })
  }
  const { service, params } = match
  const { contract } = service
  limitRequests(gateway, scope, service, undefined)
  if (contract.price === 'free')
    return { service: service.name, priceSats: 0, amountMsat: 0, price: { rule: 'free', lines: [], inputs: {} } }
  const request = await readRequest(scope, incoming, target, {
    maxBytes: contract.maxBodyBytes,
    contract,
    allowance: countedBody(gateway, outgoing, scope, service),
    turns: gateway.use.reading,
  })
  const judge = () => quote(contract, { ...request.parts, params })
  const { price } = await judgeUnpaid(gateway, outgoing, scope, request.parts.body.length, judge)
  const { unitMsat } = gateway.issuer
  const amountMsat = ((price.msat + unitMsat - 1n) / unitMsat) * unitMsat
  return {
    service: service.name,
    priceSats: Number((amountMsat + 999n) / 1000n),
    amountMsat: Number(amountMsat),
    price: {
      rule: priceRule(contract.price),
      lines: withRounding(price, amountMsat),
      inputs: price.inputs,
    },
    request: {
      method: request.binding.method,
      path: target.path,
      bodySha256: request.binding.bodySha256,
      bodyForm: request.binding.bodyForm,
    },
    charge: service.config.charge.when,
  }
}
