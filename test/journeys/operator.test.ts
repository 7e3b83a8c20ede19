import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAdminApp } from '#src/admin/admin-app.ts'
import { createHealthApp } from '#src/admin/health.ts'
import { Readiness } from '#src/admin/readiness.ts'
import { formatAddress, listen } from '#src/cli/listen.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openRequest } from '../support/open-request.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

let upstream: TestUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({ config: `health: { listen: 127.0.0.1:0 }\n${makeShop(upstream.url)}` })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const admin = (path: string, init?: RequestInit) => fetch(`${gateway.adminUrl}${path}`, init)
const json = { 'content-type': 'application/json' }
const pay = (body: string, headers: Record<string, string> = json) =>
  admin('/dev/pay', { method: 'POST', body, headers })

describe('the operator’s listener', () => {
  test('says that it lives and that requests may come', async () => {
    expect(await (await admin('/livez')).json()).toEqual({ status: 'alive' })
    const ready = await admin('/readyz')
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }])
  })

  test('has metrics of what was sold, without anything of a buyer’s', async () => {
    const payment = await payFor(gateway, aRequest)
    await send(gateway, paid(aRequest, payment))
    const text = await (await admin('/metrics')).text()
    expect(text).toMatch(/^turnpike_challenges_total\{service="make"\} [1-9]/m)
    expect(text).toMatch(/^turnpike_paid_sats_total\{service="make"\} 7$/m)
    expect(text).toMatch(/^turnpike_job_runs_total\{service="make",outcome="captured"\} 1$/m)
    for (const secret of [payment.paymentHash, payment.preimage, payment.token, 'lnbcrt', 'a cat'])
      expect(text).not.toContain(secret)
  })

  test('pays an invoice of the development wallet, once', async () => {
    const { invoice } = (await send(gateway, aRequest)).json()
    const first = await pay(JSON.stringify({ invoice }))
    expect(first.status).toBe(200)
    expect(await first.json()).toEqual({ preimage: expect.stringMatching(/^[0-9a-f]{64}$/), fees_paid: 0 })
    const second = await pay(JSON.stringify({ invoice }))
    expect([second.status, await second.json()]).toEqual([409, { error: expect.any(String), code: 'rejected' }])
  })

  test.for([
    ['no JSON', 'invoice', json, 400],
    ['no invoice', '{}', json, 400],
    ['an invoice that is no text', '{"invoice":7}', json, 400],
    ['nothing', '', json, 400],
    ['null', 'null', json, 400],
    ['an invoice that is none', '{"invoice":"lnbc1"}', json, 409],
    ['another media type', '{"invoice":"x"}', { 'content-type': 'text/plain' }, 415],
    ['no media type', '{"invoice":"x"}', { 'content-type': '' }, 415],
    ['far too much', JSON.stringify({ invoice: 'x'.repeat(20_000) }), json, 413],
  ] as const)('does not pay for %s', async ([, body, headers, status]) => {
    expect((await pay(body, headers)).status).toBe(status)
  })

  test('knows nothing else', async () => {
    for (const path of ['/', '/make', '/dev/pay', '/l402/services']) expect((await admin(path)).status).toBe(404)
  })

  test.for(['evil.example', 'evil.example:80', 'localhost', '127.0.0.1', 'localhost.evil.example'])(
    'answers nothing to a page that calls it %s',
    async (host) => {
      for (const path of ['/livez', '/readyz', '/metrics', '/dev/pay']) {
        const answer = await openRequest({ url: gateway.adminUrl }, { path, headers: { host } })
        expect([path, answer.status]).toEqual([path, 403])
        answer.leave()
      }
    },
  )

  test('answers nothing to the public listener’s visitors', async () => {
    for (const path of ['/livez', '/readyz', '/metrics', '/dev/pay'])
      expect((await send(gateway, { path })).status).toBe(404)
  })

  test('says nothing to scripts of other origins', async () => {
    const answer = await admin('/livez', { headers: { origin: 'https://evil.example' } })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  })
})

test('the listener for probes has health and metrics and nothing else', async () => {
  const url = gateway.running.healthUrl ?? ''
  for (const path of ['/livez', '/readyz', '/metrics']) expect((await fetch(`${url}${path}`)).status).toBe(200)
  expect((await fetch(`${url}/dev/pay`, { method: 'POST' })).status).toBe(404)
})

describe('with a token', () => {
  const token = 'a-token-of-the-operator'

  test('everything but health and metrics wants it', async () => {
    const health = createHealthApp(new Readiness(), gateway.running.telemetry.metrics.registry)
    const app = createAdminApp({ health, wallets: () => [gateway.wallet], token, isOwnHost: () => false })
    await using guarded = await listen({ fetch: app.fetch, address: { host: '127.0.0.1', port: 0 } })
    const url = `http://${formatAddress(guarded.address)}`
    const { invoice } = (await send(gateway, aRequest)).json()
    const attempt = (authorization: string | undefined) =>
      fetch(`${url}/dev/pay`, {
        method: 'POST',
        body: JSON.stringify({ invoice }),
        headers: { ...json, ...(authorization !== undefined && { authorization }) },
      })
    for (const wrong of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
      `Basic ${token}`,
      token,
    ]) {
      const answer = await attempt(wrong)
      expect([wrong, answer.status, answer.headers.get('www-authenticate')]).toEqual([wrong, 401, 'Bearer'])
    }
    for (const path of ['/livez', '/metrics']) expect((await fetch(`${url}${path}`)).status).toBe(200)
    expect((await attempt(`Bearer ${token}`)).status).toBe(200)
  })
})
