import { fetchWithL402 } from '@getalby/lightning-tools'
import { expect, test } from 'vitest'
import { send } from '../support/buyer.ts'
import { openAxios } from '../support/clients-npm.ts'
import { Payer } from '../support/clients-payer.ts'
import { sharedShop } from '../support/clients-shop.ts'
import { type Overheard, openWiretap } from '../support/clients-wiretap.ts'
import { TestClock } from '../support/clock.ts'
import type { TestGateway } from '../support/gateway.ts'

const sells = (upstream: string) => `
lightning: { wallet: dev, invoice_expiry: 10m }
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
`

const clock = new TestClock()
const shop = sharedShop(sells, clock)

/** A client that sends something else once it has paid; it ends with the status it gives up with. */
interface Mutator {
  readonly name: string
  readonly run: (url: string, payer: Payer) => Promise<number>
}

let nonce = 0

/** `l402` pays on every 402 without bound. */
async function postWithAxios(url: string, payer: Payer, mutate: 'body' | 'query'): Promise<number> {
  const instance = openAxios(payer.pay)
  instance.interceptors.request.use((config) => {
    nonce++
    if (mutate === 'body') config.data = JSON.stringify({ prompt: 'a cat', nonce })
    else config.params = { _: nonce }
    return config
  })
  const headers = { 'Content-Type': 'application/json' }
  const answer = await instance.post(url, '{"prompt":"a cat"}', { headers, validateStatus: (status) => status !== 402 })
  return answer.status
}

async function postWithAlby(url: string, payer: Payer): Promise<number> {
  const form = new FormData()
  form.set('prompt', 'a cat')
  const payInvoice = async ({ invoice }: { invoice: string }) => {
    const preimage = await payer.pay(invoice)
    form.set('paidAt', String(nonce++))
    return { preimage }
  }
  return (await fetchWithL402(url, { method: 'POST', body: form }, { wallet: { payInvoice } })).status
}

/** Pays whatever it is asked and sends a new body each time, until it is given something else than a 402. */
async function postBlindly(url: string, payer: Payer): Promise<number> {
  let authorization: string | undefined
  for (;;) {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
      body: JSON.stringify({ nonce: nonce++ }),
    })
    if (answer.status !== 402) return answer.status
    const { macaroon, invoice } = (await answer.json()) as { macaroon: string; invoice: string }
    authorization = `L402 ${macaroon}:${await payer.pay(invoice)}`
  }
}

const mutators: readonly Mutator[] = [
  { name: 'l402 with a nonce in the body', run: (url, payer) => postWithAxios(url, payer, 'body') },
  { name: 'l402 with a cache buster in the query', run: (url, payer) => postWithAxios(url, payer, 'query') },
  { name: '@getalby/lightning-tools with a form that changes', run: postWithAlby },
  { name: 'an agent that pays without looking', run: postBlindly },
]

const sendAgain = (gateway: TestGateway, first: Overheard, authorization: string) =>
  send(gateway, {
    method: first.method,
    path: first.url,
    body: first.body,
    headers: { 'content-type': first.contentType ?? '', authorization },
  })

test.for(mutators)('$name is asked to pay once, and what it bought can still be had', async ({ run }) => {
  const { upstream, gateway } = shop
  const [callsBefore, askedBefore] = [upstream.calls.length, gateway.wallet.asked.length]
  await using tap = await openWiretap(gateway.url)
  const payer = new Payer(() => gateway)
  expect(await run(`${tap.url}/make`, payer)).toBe(409)
  expect(tap.statuses()).toEqual([402, 409])
  expect([payer.paid.length, gateway.wallet.asked.length - askedBefore]).toEqual([1, 1])
  expect(upstream.calls).toHaveLength(callsBefore)

  const [offered, refused] = tap.heard
  if (!offered || refused?.authorization === undefined) throw new Error('the client did not pay')
  const mismatch = await sendAgain(gateway, refused, refused.authorization)
  expect(mismatch.headers['www-authenticate']).toBeUndefined()
  expect(mismatch.headers['l402-payment']).toBe('unspent')
  expect(mismatch.json()).toMatchObject({
    code: 'request_mismatch',
    payment: { status: 'unspent', action: 'resend_original' },
  })

  const bought = await sendAgain(gateway, offered, refused.authorization)
  expect([bought.status, bought.headers['l402-payment']]).toEqual([200, 'spent'])
  expect(upstream.calls.slice(callsBefore).map(({ body }) => body)).toEqual([offered.body])
})

test('a client that keeps a token it never used buys again once the token can no longer be a slip', async () => {
  const { upstream, gateway } = shop
  const payer = new Payer(() => gateway)
  const instance = openAxios(payer.pay)
  const post = async (prompt: string) =>
    (
      await instance.post(`${gateway.url}/make`, JSON.stringify({ prompt }), {
        headers: { 'Content-Type': 'application/json' },
        validateStatus: (status) => status !== 402,
      })
    ).status
  upstream.answer = (_call, outgoing) => void outgoing.writeHead(503).end()
  expect(await post('a cat')).toBe(503)
  expect(await post('a dog')).toBe(409)
  upstream.answer = (_call, outgoing) => void outgoing.end('made')
  clock.advance(20 * 60_000 - 1)
  expect(await post('a dog')).toBe(409)
  expect(payer.paid).toHaveLength(1)
  clock.advance(1)
  expect(await post('a dog')).toBe(200)
  expect(payer.paid).toHaveLength(2)
})
