import { expect, test } from 'vitest'
import { type Asked, cachingClients, openCache } from '../support/clients-caches.ts'
import { Payer } from '../support/clients-payer.ts'
import { sharedShop } from '../support/clients-shop.ts'
import { openWiretap } from '../support/clients-wiretap.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream } from '../support/upstream.ts'

const sells = (upstream: string) => `
l402: { token_ttl: 24h }
services:
  /api/l402/make:
    name: make
    upstream: ${upstream}
    price: { per_char: { of: prompt, rate: 1 } }
  GET /api/l402/look/:what:
    name: look
    upstream: ${upstream}
    price: { flat: 2 }
  GET /api/l402/list:
    name: list
    upstream: ${upstream}
    price: { flat: 1 }
`

const make = (prompt: string): Asked => ({ url: '/api/l402/make', method: 'POST', body: JSON.stringify({ prompt }) })
const get = (url: string): Asked => ({ url, method: 'GET' })

/** Each is refused with whatever token the client has from the one before. */
const shopping: readonly (readonly [string, Asked])[] = [
  ['the first purchase', make('a cat')],
  ['another body', make('a dog')],
  ['another service by another method', get('/api/l402/look/cat')],
  ['another path of it', get('/api/l402/look/dog')],
  ['another query', get('/api/l402/look/dog?large=1')],
  ['a third service', get('/api/l402/list')],
  ['the first service again', make('a bird')],
]

const shop = sharedShop(sells)

test.for(cachingClients)('$name, buys one thing after the other', async (client) => {
  const { upstream, gateway } = shop
  const payer = new Payer(() => gateway, shopping.length)
  const statuses: number[] = []
  const buy = openCache(client, payer.pay, (status) => statuses.push(status))
  const callsBefore = upstream.calls.length
  for (const [at, [what, asked]] of shopping.entries()) {
    statuses.length = 0
    const answer = await buy({ ...asked, url: gateway.url + asked.url })
    expect([what, answer.status, answer.headers['l402-payment']]).toEqual([what, 200, 'spent'])
    expect([what, payer.paid.length, upstream.calls.length - callsBefore]).toEqual([what, at + 1, at + 1])
    expect(statuses.slice(0, -1).every((status) => status === 402)).toBe(true)
    expect(statuses.length).toBeLessThanOrEqual(3)
    const again = await buy({ ...asked, url: gateway.url + asked.url })
    expect([what, again.status, again.headers['l402-payment']]).toEqual([what, 200, 'replayed'])
    expect(again.text).toBe(answer.text)
  }
  expect(payer.paid).toHaveLength(shopping.length)
})

/** One customer for each client, all with the same order. */
function openCustomers(url: string, wallet: () => TestGateway) {
  const customers = cachingClients.map((client) => {
    const payer = new Payer(wallet)
    return { payer, buy: openCache(client, payer.pay, () => undefined) }
  })
  return {
    /** What the order is answered with, and how much was paid so far, for each. */
    async order(prompt: string) {
      const outcomes: unknown[] = []
      for (const [at, { payer, buy }] of customers.entries()) {
        const { status, headers } = await buy({ ...make(prompt), url: `${url}/api/l402/make` })
        outcomes.push([cachingClients[at]?.name, status, headers['l402-payment'], payer.paid.length])
      }
      return outcomes
    },
  }
}

const each = (status: number, money: string, payments: number) =>
  cachingClients.map(({ name }) => [name, status, money, payments])

test('clients that keep tokens use them after a restart and buy again after they expired', async () => {
  const clock = new TestClock()
  await using upstream = await openUpstream()
  let gateway = await openGateway({ config: sells(upstream.url), clock })
  await using tap = await openWiretap(gateway.url)
  const customers = openCustomers(tap.url, () => gateway)
  expect(await customers.order('a cat')).toEqual(each(200, 'spent', 1))
  gateway = await gateway.restart()
  await using _ = gateway
  tap.target = gateway.url
  expect(await customers.order('a cat')).toEqual(each(200, 'replayed', 1))
  clock.advance(25 * 3_600_000)
  expect(await customers.order('a cat')).toEqual(each(200, 'spent', 2))
  expect(await customers.order('a dog')).toEqual(each(200, 'spent', 3))
})

test('clients that keep tokens pay a shop that does not know them', async () => {
  await using upstream = await openUpstream()
  await using first = await openGateway({ config: sells(upstream.url) })
  await using second = await openGateway({ config: sells(upstream.url) })
  await using tap = await openWiretap(first.url)
  let gateway = first
  const customers = openCustomers(tap.url, () => gateway)
  expect(await customers.order('a cat')).toEqual(each(200, 'spent', 1))
  gateway = second
  tap.target = second.url
  expect(await customers.order('a cat')).toEqual(each(200, 'spent', 2))
  expect(await customers.order('a cat')).toEqual(each(200, 'replayed', 2))
})
