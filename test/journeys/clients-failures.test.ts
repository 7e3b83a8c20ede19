import { fetch402, fetchWithL402, type PaidResponse, type PaymentCredentials } from '@getalby/lightning-tools'
import { beforeEach, expect, test } from 'vitest'
import { cachingClients, openCache } from '../support/clients-caches.ts'
import { npmClients } from '../support/clients-npm.ts'
import { Payer } from '../support/clients-payer.ts'
import { sharedShop } from '../support/clients-shop.ts'
import { TestClock } from '../support/clock.ts'
import { echo } from '../support/upstream.ts'

const sells = (upstream: string) => `
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
`

const clock = new TestClock()
const shop = sharedShop(sells, clock)
const body = { prompt: 'a cat' }

beforeEach(() => {
  shop.upstream.answer = (_call, outgoing) => void outgoing.writeHead(503).end('busy')
})

function recover(): void {
  shop.upstream.answer = echo
  // Failed runs wait longer each time before the next one.
  clock.advance(60_000)
}

test.for(cachingClients)('$name, is served by the token it kept once the service works again', async (client) => {
  const payer = new Payer(() => shop.gateway)
  const buy = openCache(client, payer.pay, () => undefined)
  const order = { url: `${shop.gateway.url}/make`, method: 'POST', body: JSON.stringify(body) }
  const failed = await buy(order)
  expect([failed.status, failed.headers['l402-payment']]).toEqual([503, 'unspent'])
  expect(failed.headers['retry-after']).toBeDefined()
  const tooEarly = await buy(order)
  expect([tooEarly.status, tooEarly.headers['l402-payment']]).toEqual([503, 'unspent'])
  recover()
  const served = await buy(order)
  expect([served.status, served.headers['l402-payment'], payer.paid.length]).toEqual([200, 'spent', 1])
})

const keepers = npmClients.filter(({ keepsToken }) => keepsToken)

test.for(keepers)('$name itself is served by the token it kept once the service works again', async (client) => {
  const payer = new Payer(() => shop.gateway)
  const buy = client.open(payer.pay)
  const order = { url: `${shop.gateway.url}/make`, body }
  expect(await buy(order)).toMatchObject({ status: 503 })
  recover()
  expect(await buy(order)).toMatchObject({ status: 200 })
  expect(payer.paid).toHaveLength(1)
})

test.for([
  ['fetchWithL402', fetchWithL402],
  ['fetch402', fetch402],
] as const)('%s of @getalby/lightning-tools is served by the credentials it was given back', async ([, buy]) => {
  const payer = new Payer(() => shop.gateway)
  const wallet = { payInvoice: async ({ invoice }: { invoice: string }) => ({ preimage: await payer.pay(invoice) }) }
  const order = async (credentials?: PaymentCredentials): Promise<PaidResponse> =>
    await buy(
      `${shop.gateway.url}/make`,
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
      { wallet, ...(credentials && { credentials }) },
    )
  const failed = await order()
  expect([failed.status, failed.payment?.amountSat]).toEqual([503, 7])
  recover()
  const served = await order(failed.payment?.credentials)
  expect([served.status, served.headers.get('l402-payment')]).toEqual([200, 'spent'])
  expect(payer.paid).toHaveLength(1)
})
