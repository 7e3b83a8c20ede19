import { Invoice } from '@getalby/lightning-tools'
import { describe, expect, test } from 'vitest'
import { oracle } from '../l402/oracle.ts'
import { type Answered, payFor, type Sent, send } from '../support/buyer.ts'
import { sharedShop } from '../support/clients-shop.ts'

const sells = (upstream: string) => `
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { per_char: { of: prompt, rate: 0.5 } }
    request: { max_bytes: 200B }
  GET /gone:
    name: gone
    upstream: http://127.0.0.1:1
    price: { flat: 1 }
  GET /free:
    name: free
    upstream: ${upstream}
    price: free
`

const shop = sharedShop(sells)

const request: Sent = { path: '/make', body: { prompt: 'a cat' } }

const firstToken = (answer: Answered) => oracle.importMacaroon(answer.json().token)

describe('1b.1: a request without a credential', () => {
  test('is answered with 402 and a WWW-Authenticate challenge', async () => {
    const { gateway } = shop
    const answer = await send(gateway, request)
    expect(answer.status).toBe(402)
    expect(answer.headers['www-authenticate']).toMatch(/^L402 macaroon="/)
  })

  test('gets a token that commits to the payment hash of its invoice', async () => {
    const { gateway } = shop
    const answer = await send(gateway, request)
    const identifier = Buffer.from(firstToken(answer).identifier)
    const { paymentHash } = new Invoice({ pr: answer.json().invoice })
    expect(identifier).toHaveLength(66)
    expect(identifier.readUInt16BE(0)).toBe(0)
    expect(identifier.subarray(2, 34).toString('hex')).toBe(paymentHash)
    expect(answer.json().paymentHash).toBe(paymentHash)
  })

  test('is told the price in msat, which is that of the invoice', async () => {
    const { gateway } = shop
    const answer = await send(gateway, request)
    // Five characters at half a sat, rounded up to a whole one.
    expect(answer.json().amountMsat).toBe(3000)
    expect(new Invoice({ pr: answer.json().invoice }).satoshi).toBe(3)
  })

  test('gets another invoice and another token each time', async () => {
    const { gateway } = shop
    const [first, second] = [await send(gateway, request), await send(gateway, request)]
    expect(first.json().paymentHash).not.toBe(second.json().paymentHash)
    expect(Buffer.from(firstToken(first).identifier)).not.toEqual(Buffer.from(firstToken(second).identifier))
  })
})

describe('1b.11: a 402', () => {
  test('carries Cache-Control: no-store', async () => {
    const { gateway } = shop
    expect((await send(gateway, request)).headers['cache-control']).toBe('no-store')
  })
})

describe('1b.13: a browser', () => {
  test('may ask in advance without a 402, and send a credential and JSON', async () => {
    const { gateway, upstream } = shop
    const callsBefore = upstream.calls.length
    const answer = await send(gateway, {
      method: 'OPTIONS',
      path: '/make',
      headers: {
        origin: 'https://shop.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, content-type',
      },
    })
    expect(answer.status).toBe(204)
    expect(answer.headers['access-control-allow-origin']).toBe('*')
    expect(answer.headers['access-control-allow-methods']).toContain('POST')
    expect(answer.headers['access-control-allow-headers']).toBe('authorization, content-type')
    expect(upstream.calls).toHaveLength(callsBefore)
  })

  test('may read the challenge', async () => {
    const { gateway } = shop
    const { headers } = await send(gateway, { ...request, headers: { origin: 'https://shop.example' } })
    expect(headers['access-control-allow-origin']).toBe('*')
    expect(headers['access-control-expose-headers']).toContain('WWW-Authenticate')
  })
})

describe('1b.14: WWW-Authenticate stands on a 402 only, not on', () => {
  const others: readonly (readonly [string, number, Sent])[] = [
    ['a bad target', 400, { path: '/make//' }],
    ['a bad body', 400, { path: '/make', body: '{', headers: { 'content-type': 'application/json' } }],
    ['a path where nothing is sold', 404, { path: '/nothing' }],
    ['a wrong method', 405, { path: '/make', method: 'DELETE' }],
    ['a body that is too large', 413, { path: '/make', body: { prompt: 'x'.repeat(300) } }],
    ['a wrong media type', 415, { path: '/make', body: 'x', headers: { 'content-type': 'text/plain' } }],
    ['what is free', 200, { path: '/free' }],
  ]
  test.for(others)('%s', async ([, status, sent]) => {
    const { gateway } = shop
    const answer = await send(gateway, sent)
    expect(answer.status).toBe(status)
    expect(answer.headers['www-authenticate']).toBeUndefined()
  })

  test('a mismatch, a result, a failure or a refusal, whatever the upstream itself says', async () => {
    const { gateway, upstream } = shop
    const challenge = { 'www-authenticate': 'L402 macaroon="AAAA", invoice="lnbc1"', 'set-cookie': 'session=1' }
    const other: Sent = { path: '/make', body: { prompt: 'a dog' } }
    const { authorization } = await payFor(gateway, request)
    const answers = [await send(gateway, { ...other, headers: authorization })]
    for (const status of [401, 402, 503, 200, 404]) {
      upstream.answer = (_call, outgoing) => void outgoing.writeHead(status, challenge).end('x')
      const payment = await payFor(gateway, request)
      answers.push(await send(gateway, { ...request, headers: payment.authorization }))
    }
    expect(answers.map(({ status }) => status)).toEqual([409, 502, 502, 503, 200, 404])
    for (const { headers } of answers) expect(headers['www-authenticate']).toBeUndefined()
    const failed = await payFor(gateway, { path: '/gone' })
    const unreachable = await send(gateway, { path: '/gone', headers: failed.authorization })
    expect([unreachable.status, unreachable.headers['www-authenticate']]).toEqual([502, undefined])
  })
})

describe('1b.15: cookies', () => {
  test('are neither set nor needed', async () => {
    const { gateway, upstream } = shop
    upstream.answer = (_call, outgoing) => void outgoing.writeHead(200, { 'set-cookie': 'session=1' }).end('made')
    const challenged = await send(gateway, request)
    const { authorization } = await payFor(gateway, request)
    const bought = await send(gateway, { ...request, headers: authorization })
    expect([challenged.status, bought.status]).toEqual([402, 200])
    expect([challenged.headers['set-cookie'], bought.headers['set-cookie']]).toEqual([undefined, undefined])
  })
})
