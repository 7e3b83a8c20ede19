import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerWith, inTurn, raw } from '../support/answers.ts'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openRequest } from '../support/open-request.ts'
import { aRequest } from '../support/shop.ts'
import { echo, openUpstream, type ReceivedCall, type TestUpstream } from '../support/upstream.ts'

const config = (upstream: string) => `
upstreams:
  gpu:
    url: ${upstream}
    headers: { Authorization: "Bearer \${GPU_KEY}", X-Tenant: turnpike, Accept: application/json }
    forward_headers: [X-Model, X-Tenant, Authorization, Connection, Host, X-Forwarded-For, Idempotency-Key]
services:
  POST /make: { name: make, upstream: "${upstream}", price: { flat: 7 } }
  POST /gpu: { name: gpu, upstream: { use: gpu }, price: { flat: 7 }, headers: { X-Service: gpu } }
  POST /auth: { name: auth, upstream: { url: "${upstream}", forward_headers: [Authorization, Cookie] }, price: { flat: 7 } }
  GET /free: { name: free, upstream: "${upstream}", price: free }
`

const clock = new TestClock(Date.now())
let upstream: TestUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await openUpstream()
  const environment = { GPU_KEY: 'operators-own-key' }
  gateway = await openGateway({ config: config(upstream.url), clock, environment })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** Buys, and looks at what the upstream got. */
async function received(sent: Sent): Promise<ReceivedCall> {
  const calls = upstream.calls.length
  upstream.answer = echo
  const payment = await payFor(gateway, sent)
  const answer = await send(gateway, paid(sent, payment))
  const call = upstream.calls[calls]
  if (answer.status !== 200 || !call) throw new Error(`the upstream got nothing: ${answer.status} ${answer.text}`)
  return call
}

const many = {
  accept: 'image/png',
  'accept-encoding': 'gzip',
  'accept-language': 'de',
  'cache-control': 'no-cache',
  cookie: 'session=1',
  forwarded: 'for=1.2.3.4',
  'if-match': '"1"',
  'if-modified-since': 'Wed, 21 Oct 2015 07:28:00 GMT',
  'if-none-match': '"1"',
  origin: 'https://evil.example',
  'idempotency-key': 'clients-own',
  'proxy-authorization': 'Basic x',
  range: 'bytes=0-1',
  referer: 'https://evil.example/',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  'user-agent': 'agent/1',
  'x-forwarded-for': '1.2.3.4',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-prefix': '/admin',
  'x-forwarded-proto': 'https',
  'x-http-method-override': 'DELETE',
  'x-model': 'huge',
  'x-original-url': '/free',
  'x-real-ip': '1.2.3.4',
  'x-request-id': 'clients-own',
  'x-tenant': 'mallory',
  x_forwarded_for: '1.2.3.4',
}
describe('what goes to the upstream', () => {
  test('is an allow-list of the client’s headers, and the gateway’s own', async () => {
    const { headers } = await received({ ...aRequest, headers: many })
    expect(headers).toEqual({
      accept: 'image/png',
      'accept-language': 'de',
      connection: 'close',
      'content-length': '18',
      'content-type': 'application/json',
      host: new URL(upstream.url).host,
      'idempotency-key': expect.stringMatching(/^[0-9a-f]{64}-0$/),
      traceparent: many.traceparent,
      'user-agent': 'agent/1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': new URL(gateway.url).host,
      'x-forwarded-proto': 'http',
      'x-request-id': expect.stringMatching(/^[\w-]{22}$/),
    })
  })

  test('is what the operator sets in place of what the client sent, and what he lets pass besides', async () => {
    const { headers, rawHeaders } = await received({ path: '/gpu', body: {}, headers: many })
    expect(headers).toMatchObject({
      accept: 'application/json',
      authorization: 'Bearer operators-own-key',
      'x-model': 'huge',
      'x-service': 'gpu',
      'x-tenant': 'turnpike',
      'x-forwarded-for': '127.0.0.1',
      'idempotency-key': expect.stringMatching(/^[0-9a-f]{64}-0$/),
      host: new URL(upstream.url).host,
    })
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
    expect(names).toEqual([...new Set(names)])
  })

  test.for(['make', 'gpu', 'auth'])('never holds the buyer’s credential (%s)', async (path) => {
    const { rawHeaders, url, body } = await received({ path: `/${path}`, body: {} })
    expect(`${rawHeaders.join('\n')}${url}${body.toString()}`).not.toMatch(/L402|LSAT|macaroon/i)
  })

  test('never holds the buyer’s credential when it stands beside another one', async () => {
    for (const beside of [
      (ours: string) => `Bearer mine, ${ours}`,
      (ours: string) => `${ours}, Bearer mine`,
      (ours: string) => ours.replace('L402', 'lsat'),
      (ours: string) => ours.replace('L402', 'l402 '),
    ]) {
      const sent: Sent = { path: '/auth', body: {}, headers: { cookie: 'session=1' } }
      const payment = await payFor(gateway, sent)
      const authorization = beside(payment.authorization.authorization)
      const answer = await send(gateway, { ...sent, headers: { ...sent.headers, authorization } })
      expect([beside('L402'), answer.status]).toEqual([beside('L402'), 200])
      const call = upstream.calls.at(-1)
      expect([call?.headers.authorization, call?.headers.cookie]).toEqual([undefined, 'session=1'])
    }
  })

  test('keeps another credential where the operator lets it pass', async () => {
    const sent: Sent = { path: '/auth', body: {} }
    const payment = await payFor(gateway, sent)
    const headers = { authorization: ['Bearer mine', payment.authorization.authorization] }
    const answer = await send(gateway, { ...sent, headers })
    expect(answer.status).toBe(200)
    expect(upstream.calls.at(-1)?.headers.authorization).toBe('Bearer mine')
  })

  test('has nothing of what the client’s Connection header nominates', async () => {
    const headers = { connection: 'close, X-Model, traceparent, User-Agent', traceparent: 'x', 'user-agent': 'agent/1' }
    const sent: Sent = { path: '/gpu', body: {}, headers: { ...headers, 'x-model': 'huge' } }
    const payment = await payFor(gateway, { path: '/gpu', body: {} })
    const answer = await openRequest(gateway, paid(sent, payment))
    expect(answer.status).toBe(200)
    const call = upstream.calls.at(-1)
    expect(call?.url).toBe('/gpu')
    for (const name of ['x-model', 'traceparent', 'user-agent']) expect(call?.headers[name]).toBeUndefined()
  })
})

describe('the key that the upstream may tell calls apart by', () => {
  const tryTwice = async (first: typeof echo) => {
    const calls = upstream.calls.length
    const payment = await payFor(gateway, aRequest)
    upstream.answer = inTurn(first, echo)
    await send(gateway, paid(aRequest, payment))
    clock.advance(60_000)
    await send(gateway, paid(aRequest, payment))
    const keys = upstream.calls.slice(calls).map(({ headers }) => headers['idempotency-key'])
    return { payment, keys }
  }

  test.for([
    ['a reset', raw('', 'reset')],
    ['a reset within its answer', raw('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'reset')],
  ] as const)('is the same after %s, since that call may have been done', async ([, answer]) => {
    const { payment, keys } = await tryTwice(answer)
    expect(keys).toEqual([`${payment.paymentHash}-0`, `${payment.paymentHash}-0`])
  })

  test.for([500, 503, 429, 302, 401] as const)('is another after a complete answer of %i', async (status) => {
    const { payment, keys } = await tryTwice(answerWith(status))
    expect(keys).toEqual([`${payment.paymentHash}-0`, `${payment.paymentHash}-1`])
  })

  test('is another for another request on the same payment', async () => {
    const calls = upstream.calls.length
    const payment = await payFor(gateway, aRequest)
    upstream.answer = inTurn(answerWith(422), echo)
    await send(gateway, paid(aRequest, payment))
    await send(gateway, paid({ ...aRequest, body: { prompt: 'a dog' } }, payment))
    const keys = upstream.calls.slice(calls).map(({ headers }) => headers['idempotency-key'])
    expect(new Set(keys).size).toBe(2)
  })
})

describe('what comes back', () => {
  const headers = {
    'content-type': 'image/png',
    'content-disposition': 'attachment',
    'x-seed': '7',
    'set-cookie': ['a=1', 'b=2'],
    'www-authenticate': 'Basic realm="x"',
    'access-control-allow-origin': 'https://only.example',
    'cache-control': 'public, max-age=3600',
    connection: 'X-Internal',
    etag: '"1"',
    expires: 'Thu, 01 Jan 2099 00:00:00 GMT',
    'keep-alive': 'timeout=5',
    'l402-payment': 'free for all',
    'x-internal': 'secret',
    'x-request-id': 'theirs',
    'idempotent-replayed': 'true',
    'server-timing': 'theirs;dur=1',
  }

  test('has neither cookies nor what belongs to one connection or to the shop, the first time and replayed', async () => {
    const payment = await payFor(gateway, aRequest)
    upstream.answer = answerWith(200, 'made', headers)
    for (const money of ['spent', 'replayed']) {
      const answer = await send(gateway, paid(aRequest, payment))
      expect(answer.headers).toMatchObject({
        'content-type': 'image/png',
        'content-disposition': 'attachment',
        'x-seed': '7',
        'access-control-allow-origin': '*',
        'cache-control': 'private, no-store',
        'l402-payment': money,
        'server-timing': expect.stringMatching(/^turnpike;dur=[0-9.]+$/),
        'x-request-id': expect.stringMatching(/^[\w-]{22}$/),
      })
      for (const name of ['set-cookie', 'www-authenticate', 'etag', 'expires', 'x-internal'])
        expect(answer.headers[name]).toBeUndefined()
      expect(answer.headers['idempotent-replayed']).toBe(money === 'replayed' ? 'true' : undefined)
    }
  })

  test('of a free route keeps what caches need, and nothing of cookies or of our own words', async () => {
    upstream.answer = answerWith(200, 'free', headers)
    const answer = await send(gateway, { path: '/free' })
    expect(answer.headers).toMatchObject({ etag: '"1"', 'cache-control': 'public, max-age=3600', 'x-seed': '7' })
    for (const name of ['set-cookie', 'www-authenticate', 'x-internal', 'l402-payment'])
      expect(answer.headers[name]).toBeUndefined()
    expect(answer.headers['x-request-id']).not.toBe('theirs')
  })
})
