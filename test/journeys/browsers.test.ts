import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerWith } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

const config = (upstream: string) => `
services:
  POST /make: { name: make, upstream: "${upstream}", price: { flat: 7 } }
  GET /item/:id: { name: item-read, upstream: "${upstream}", price: { flat: 1 } }
  DELETE /item/:id: { name: item-delete, upstream: "${upstream}", price: { flat: 1 } }
  /any: { name: any, upstream: "${upstream}", price: { flat: 1 } }
  GET /free: { name: free, upstream: "${upstream}", price: free }
`

let upstream: TestUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({ config: config(upstream.url) })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

describe('OPTIONS', () => {
  test.for([
    ['/make', 'POST, OPTIONS'],
    ['/item/7', 'GET, HEAD, DELETE, OPTIONS'],
    ['/any', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
    ['/free', 'GET, HEAD, OPTIONS'],
  ] as const)('of %s says what is offered there: %s', async ([path, allow]) => {
    const answer = await send(gateway, {
      method: 'OPTIONS',
      path,
      headers: {
        origin: 'https://shop.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-own',
      },
    })
    expect([answer.status, answer.text]).toEqual([204, ''])
    expect(answer.headers).toMatchObject({
      allow,
      'access-control-allow-methods': allow,
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'authorization,content-type,x-own',
      vary: 'Access-Control-Request-Headers',
    })
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined()
    expect(answer.headers['l402-payment']).toBeUndefined()
  })

  test.for([
    ['/nothing', 404],
    ['/item/../make', 400],
  ] as const)('of %s is %i', async ([path, status]) => {
    expect((await send(gateway, { method: 'OPTIONS', path })).status).toBe(status)
  })

  test.for(['PUT', 'PATCH', 'DELETE'])('lets a page buy by %s: asked before, challenged, served', async (method) => {
    const origin = 'https://shop.example'
    const asks = { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization' }
    const asked = await send(gateway, { method: 'OPTIONS', path: '/any', headers: asks })
    expect(String(asked.headers['access-control-allow-methods']).split(', ')).toContain(method)
    expect(asked.headers['access-control-allow-headers']).toBe('authorization')
    const request = { method, path: '/any', body: {}, headers: { origin } }
    const challenge = await send(gateway, request)
    expect([challenge.status, challenge.headers['access-control-allow-origin']]).toEqual([402, '*'])
    const answer = await send(gateway, paid(request, await payFor(gateway, request)))
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, '*'])
    upstream.calls.splice(0)
  })

  test('never reaches an upstream, costs nothing, and spends nothing, not even with a body and a credential', async () => {
    const payment = await payFor(gateway, { path: '/item/7' })
    const invoices = gateway.wallet.asked.length
    const sent = { method: 'OPTIONS', path: '/item/7', body: 'x', headers: payment.authorization }
    expect((await send(gateway, sent)).status).toBe(204)
    expect(upstream.calls).toHaveLength(0)
    expect(gateway.wallet.asked).toHaveLength(invoices)
    expect((await send(gateway, { path: '/item/7', headers: payment.authorization })).status).toBe(200)
  })

  test.for(['TRACE', 'PROPFIND', 'PURGE', 'LINK'])(
    'is the only method besides those that are offered: not %s',
    async (method) => {
      const answer = await send(gateway, { method, path: '/item/7' })
      expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, DELETE, OPTIONS'])
    },
  )
})

describe('a page of any origin', () => {
  test('may read every answer of the gateway, and the headers that a payment needs', async () => {
    const made = { path: '/make', body: {} }
    const payment = await payFor(gateway, made)
    const answers = [
      await send(gateway, made),
      await send(gateway, paid(made, payment)),
      await send(gateway, { path: '/nothing' }),
      await send(gateway, { path: '/make' }),
      await send(gateway, { path: '/free' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([402, 200, 404, 405, 200])
    for (const { headers } of answers) {
      expect(headers['access-control-allow-origin']).toBe('*')
      const exposed = String(headers['access-control-expose-headers'])
      for (const name of ['WWW-Authenticate', 'L402-Payment', 'Retry-After', 'X-Request-Id'])
        expect(exposed).toContain(name)
    }
  })

  test('is told by none of our own answers what else they could be, and by no result', async () => {
    const made = { path: '/make', body: {} }
    const own = [
      await send(gateway, made),
      await send(gateway, { path: '/nothing' }),
      await send(gateway, { path: '/l402/services' }),
      await send(gateway, { path: '/l402/quote/make', body: {} }),
      await send(gateway, { path: '/l402/jobs/0' }),
      await send(gateway, { path: '/l402/problems/not_found' }),
    ]
    expect(own.map(({ status }) => status)).toEqual([402, 404, 200, 200, 401, 200])
    for (const { headers } of own) {
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
      })
    }
    // What is on sale is the same for everybody until it changes.
    const kept = own.map(({ headers }) => headers['cache-control'])
    expect(kept).toEqual(['no-store', 'no-store', 'no-cache', 'no-store', 'no-store', 'no-store'])
    const result = await send(gateway, paid(made, await payFor(gateway, made)))
    expect(result.headers['content-security-policy']).toBeUndefined()
  })

  test('is never told by an upstream whom it may share with', async () => {
    upstream.answer = answerWith(200, '', {
      'access-control-allow-origin': 'https://evil.example',
      'access-control-allow-credentials': 'true',
    })
    const { headers } = await send(gateway, { path: '/free' })
    expect([headers['access-control-allow-origin'], headers['access-control-allow-credentials']]).toEqual([
      '*',
      undefined,
    ])
  })
})

describe('every answer', () => {
  test('has an id of its own, that its line in the log has too', async () => {
    const ids = new Set<string>()
    for (const path of ['/make', '/nothing', '/free', '/item/7', '//']) {
      const { headers } = await send(gateway, { path, headers: { 'x-request-id': 'mine' } })
      ids.add(String(headers['x-request-id']))
    }
    expect(ids.size).toBe(5)
    expect(ids).not.toContain('mine')
    await expect
      .poll(() =>
        gateway.log
          .map((line) => JSON.parse(line) as { request_id?: string })
          .filter(({ request_id }) => request_id !== undefined && ids.has(request_id)),
      )
      .toHaveLength(5)
  })

  test('that is a problem has the id in its body, and its kind, title and status', async () => {
    const answer = await send(gateway, { path: '/nothing', headers: { accept: 'application/problem+json' } })
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.json()).toMatchObject({
      type: '/l402/problems/not_found',
      title: 'Nothing is offered at this path',
      status: 404,
      code: 'not_found',
      instance: answer.headers['x-request-id'],
    })
  })

  test('says how much of its time was the gateway’s own', async () => {
    const { headers } = await send(gateway, { path: '/make', body: {} })
    expect(headers['server-timing']).toMatch(/^turnpike;dur=[0-9]+\.[0-9]{2}$/)
  })
})
