import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { type Sent, send } from './buyer.ts'
import type { GatewayOptions, TestGateway } from './gateway.ts'
import { openExample } from './stand-ins.ts'
import { type Answer, openUpstream, type ReceivedCall, type TestUpstream } from './upstream.ts'

export interface Shop {
  readonly upstream: TestUpstream
  readonly gateway: TestGateway
}

/** One gateway for all tests of an example; each begins with no calls and no invoices. */
export function openShop(
  name: string,
  writtenAs: string,
  answer?: Answer,
  options?: Partial<GatewayOptions>,
): () => Shop {
  let shop: Shop | undefined
  beforeAll(async () => {
    const upstream = await openUpstream(answer)
    shop = { upstream, gateway: await openExample(name, { writtenAs, at: upstream }, options) }
  })
  beforeEach(() => {
    shop?.upstream.calls.splice(0)
    shop?.gateway.wallet.asked.splice(0)
  })
  afterAll(async () => {
    await shop?.gateway[Symbol.asyncDispose]()
    await shop?.upstream[Symbol.asyncDispose]()
  })
  return () => {
    if (!shop) throw new Error('not open yet')
    return shop
  }
}

/** Nothing of the payment may reach the server. */
export function expectNoCredential(call: ReceivedCall | undefined): void {
  const sent = `${call?.rawHeaders.join('\n')}\n${call?.url}\n${call?.body.toString('latin1')}`
  expect(sent).not.toMatch(/L402|LSAT|macaroon|preimage/i)
}

/** The price of a request, from its challenge. */
export const sats = async (gateway: TestGateway, request: Sent): Promise<number> => {
  const answer = await send(gateway, request)
  expect(answer.status).toBe(402)
  return answer.json().amountMsat / 1000
}
