import { expect, test } from 'vitest'
import { buyFrom, paid, payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { openUpstream } from '../support/upstream.ts'

const sells = (upstream: string) => `
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
`

const request = { path: '/make', body: { prompt: 'a cat' } }

test('a request is sold for its price, made once, and repeated from the store', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sells(upstream.url) })
  const challenge = await send(gateway, request)
  expect(challenge.status).toBe(402)
  expect(challenge.json()).toMatchObject({ code: 'payment_required', amountMsat: 7000, payment: { action: 'pay' } })
  expect(upstream.calls).toHaveLength(0)

  const payment = await payFor(gateway, request)
  const first = await send(gateway, paid(request, payment))
  expect([first.status, first.headers['l402-payment']]).toEqual([200, 'spent'])
  const again = await send(gateway, paid(request, payment))
  expect([again.status, again.headers['l402-payment'], again.headers['idempotent-replayed']]).toEqual([
    200,
    'replayed',
    'true',
  ])
  expect(again.bytes).toEqual(first.bytes)
  expect(upstream.calls).toHaveLength(1)
})

test('a payment made before a restart is redeemed after it', async () => {
  await using upstream = await openUpstream()
  const before = await openGateway({ config: sells(upstream.url) })
  const payment = await payFor(before, request)
  await using gateway = await before.restart()
  const answer = await send(gateway, paid(request, payment))
  expect(answer.status).toBe(200)
  expect(upstream.calls).toHaveLength(1)
})

test('a hundred redemptions of one token at once make one call and a hundred identical answers', async () => {
  await using upstream = await openUpstream(async (call, outgoing) => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    outgoing.end(`made ${upstream.calls.length} from ${call.body.toString()}`)
  })
  await using gateway = await openGateway({ config: sells(upstream.url) })
  const payment = await payFor(gateway, request)
  const answers = await Promise.all(Array.from({ length: 100 }, () => send(gateway, paid(request, payment))))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(upstream.calls).toHaveLength(1)
})

test('the log of a purchase names neither token, preimage nor invoice', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sells(upstream.url), logLevel: 'trace' })
  await buyFrom(gateway, request)
  const payment = await payFor(gateway, request)
  await send(gateway, paid(request, payment))
  const log = gateway.log.join('')
  expect(log).toContain('"event":"request"')
  for (const secret of [payment.token, payment.preimage, payment.paymentHash, 'lnbcrt', 'a cat'])
    expect(log).not.toContain(secret)
})
