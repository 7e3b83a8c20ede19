import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerWith, inTurn } from '../support/answers.ts'
import { type Payment, paid, payFor, type Sent, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { idle, rowIn } from '../support/shop.ts'
import { echo, openUpstream, type TestUpstream } from '../support/upstream.ts'

/** A shop with one service, some of it given in YAML. */
const shop = (
  upstream: string,
  overrides: Partial<Record<'key' | 'name' | 'price' | 'schema' | 'more', string>> = {},
) => {
  const { key = 'POST /make', name = 'make', price = '{ flat: 7 }', more = '' } = overrides
  const { schema = '{ type: object, properties: { prompt: { type: string }, size: { type: integer, default: 1 } } }' } =
    overrides
  return `
services:
  ${key}:
    name: ${name}
    upstream: ${upstream}/run
    price: ${price}
    request: { schema: ${schema}, max_bytes: 1kB }
${more}
`
}
const elsewhere = (upstream: string) => shop(upstream, { key: 'POST /elsewhere', name: 'elsewhere' })

const request: Sent = { path: '/make', body: { prompt: 'a cat' } }
const asSold = '{"prompt":"a cat","size":1}'

/** Pays under one configuration and looks what the payment is worth under another. */
async function redeploy(before: string, after: string, environment = {}) {
  const first = await openGateway({ config: before, environment: { OLD: 'old', ...environment } })
  const payment = await payFor(first, request)
  const gateway = await first.restart({ config: after, environment })
  return { gateway, payment }
}

describe('a request that was paid for before a redeploy is made as it was sold, although since then', () => {
  const changes: readonly (readonly [string, (url: string) => string])[] = [
    ['nothing changed', (url) => shop(url)],
    ['it costs more', (url) => shop(url, { price: '{ flat: 700 }' })],
    ['its price is made otherwise', (url) => shop(url, { price: '{ per_char: { of: prompt, rate: 5 } }' })],
    ['it takes less', (url) => shop(url, { schema: '{ type: object, properties: { text: { type: string } } }' })],
    [
      'its default is another',
      (url) =>
        shop(url, {
          schema: '{ type: object, properties: { prompt: { type: string }, size: { type: integer, default: 9 } } }',
        }),
    ],
    ['it has another path', (url) => shop(url, { key: 'POST /made' })],
    ['it has another method', (url) => shop(url, { key: 'PUT /make' })],
    ['it has another name', (url) => shop(url, { name: 'maker' })],
    ['it is gone', elsewhere],
    [
      'another one has its path',
      (url) => shop(url, { name: 'other', price: '{ flat: 1 }', schema: '{ type: object }' }),
    ],
  ]

  let upstream: TestUpstream
  let gateway: TestGateway
  const payments: Payment[] = []
  beforeAll(async () => {
    upstream = await openUpstream()
    gateway = await openGateway({ config: shop(upstream.url) })
    for (const _ of changes) payments.push(await payFor(gateway, request))
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })

  test.for(changes)('%s', async ([, after]) => {
    gateway = await gateway.restart({ config: after(upstream.url) })
    const payment = payments.pop()
    if (!payment) throw new Error('there is a payment for every change')
    const calls = upstream.calls.length
    const answer = await send(gateway, paid(request, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
    const made = upstream.calls.slice(calls).map(({ method, url, body }) => [method, url, body.toString()])
    expect(made).toEqual([['POST', '/run', asSold]])
    expect((await send(gateway, paid(request, payment))).headers['l402-payment']).toBe('replayed')
  })
})

describe('what is not part of the sale is today’s', () => {
  test('the address, and the headers that the operator sets', async () => {
    await using old = await openUpstream()
    await using upstream = await openUpstream()
    const before = shop(old.url, { more: '    headers: { X-Key: "${OLD}" }' })
    const after = shop(upstream.url, { price: '{ flat: 70 }', more: '    headers: { X-Key: "${NEW}" }' })
    const { gateway, payment } = await redeploy(before, after, { NEW: 'new' })
    await using open = gateway
    expect((await send(open, paid(request, payment))).status).toBe(200)
    expect(old.calls).toHaveLength(0)
    expect(upstream.calls[0]?.headers['x-key']).toBe('new')
  })

  test('or the last that there was, once the service is gone', async () => {
    await using old = await openUpstream()
    await using upstream = await openUpstream()
    const first = await openGateway({ config: shop(old.url) })
    const payment = await payFor(first, request)
    const second = await first.restart({ config: shop(upstream.url, { price: '{ flat: 70 }' }) })
    await using third = await second.restart({ config: elsewhere(upstream.url) })
    expect((await send(third, paid(request, payment))).status).toBe(200)
    expect([old.calls.length, upstream.calls.length]).toEqual([0, 1])
  })
})

describe('a payment whose terms can no longer be read', () => {
  const gone = (url: string) => shop(url, { more: '    headers: { X-Key: "${OLD}" }' })

  test('is due for a refund, and is not sold the request a second time', async () => {
    await using upstream = await openUpstream()
    const { gateway, payment } = await redeploy(gone(upstream.url), elsewhere(upstream.url))
    await using open = gateway
    const answer = await send(open, paid(request, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([410, 'refundable'])
    expect(answer.json()).toMatchObject({ code: 'refund_due', payment: { action: 'contact_seller' } })
    expect(upstream.calls).toHaveLength(0)
  })

  test('is not due for one when its result is stored: that is served', async () => {
    await using upstream = await openUpstream()
    const first = await openGateway({ config: gone(upstream.url), environment: { OLD: 'old' } })
    const payment = await payFor(first, request)
    const made = await send(first, paid(request, payment))
    const after = shop(upstream.url, { name: 'make', price: '{ flat: 70 }' })
    await using gateway = await first.restart({ config: after, environment: {} })
    const answer = await send(gateway, paid(request, payment))
    expect([answer.status, answer.headers['l402-payment'], answer.text]).toEqual([200, 'replayed', made.text])
    expect(upstream.calls).toHaveLength(1)
  })
})

test('a payment that was given to another request runs that again under the terms it was given under', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream(answerWith(422))
  const first = await openGateway({ config: shop(upstream.url), clock })
  const payment = await payFor(first, request)
  await send(first, paid(request, payment))
  const after = shop(upstream.url, {
    schema: '{ type: object, properties: { text: { type: string } }, required: [text] }',
  })
  await using gateway = await first.restart({ config: after })
  const other: Sent = { path: '/make', body: { text: 'a dog' } }
  upstream.answer = inTurn(answerWith(500), echo)
  const failed = await send(gateway, paid(other, payment))
  expect([failed.status, failed.json().code]).toEqual([502, 'upstream_failed'])
  await idle(gateway)
  expect(await rowIn(gateway, payment)).toMatchObject({ job: { rebound: true, state: 'retryable' } })
  clock.advance(60_000)
  const answer = await send(gateway, paid(other, payment))
  expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
  expect(answer.json().body).toBe('{"text":"a dog"}')
})
