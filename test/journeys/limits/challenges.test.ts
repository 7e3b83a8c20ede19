import { describe, expect, test } from 'vitest'
import { paid, payFor, send } from '../../support/buyer.ts'
import { TestClock } from '../../support/clock.ts'
import { behindProxy, from } from '../../support/crowd.ts'
import { openGateway } from '../../support/gateway.ts'
import { metric } from '../../support/guards.ts'
import { connectTo, headOf } from '../../support/raw-socket.ts'
import { aRequest, makeShop, rowIn } from '../../support/shop.ts'
import { openUpstream } from '../../support/upstream.ts'

const here = '203.0.113.5'

async function open(limits: string, lines: readonly string[] = []) {
  const clock = new TestClock(Date.now())
  const upstream = await openUpstream()
  const gateway = await openGateway({ config: `${behindProxy}${limits}\n${makeShop(upstream.url, lines)}`, clock })
  return {
    upstream,
    gateway,
    clock,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

describe('a client that asks for challenges and does not pay', () => {
  test('gets 429 with the time to wait, no invoice is made, and neighbours elsewhere are served', async () => {
    await using shared = await open('limits: { challenges: 4/m }')
    const { gateway, clock } = shared
    for (let count = 0; count < 4; count++) expect((await send(gateway, from(here, aRequest))).status).toBe(402)
    for (const address of [here, '203.0.113.250', '::ffff:203.0.113.9']) {
      const refused = await send(gateway, from(address, aRequest))
      expect([refused.status, refused.json().code, refused.headers['retry-after']]).toEqual([429, 'rate_limited', '15'])
      expect(refused.headers['www-authenticate']).toBeUndefined()
      expect(refused.headers).toMatchObject({ 'l402-payment': 'not-charged', 'access-control-allow-origin': '*' })
      expect(refused.json().payment).toEqual({ status: 'not-charged', action: 'none' })
    }
    expect(gateway.wallet.asked).toHaveLength(4)
    expect((await send(gateway, from('203.0.114.5', aRequest))).status).toBe(402)
    expect((await send(gateway, from('2001:db8::1', aRequest))).status).toBe(402)
    expect(await metric(gateway, 'turnpike_limited_total{limit="challenges",service="make"}')).toBe(3)
    clock.advance(15_000)
    expect((await send(gateway, from(here, aRequest))).status).toBe(402)
    expect((await send(gateway, from(here, aRequest))).status).toBe(429)
  })

  test('is refused before its body is read, and has to wait for that; one that has paid does not', async () => {
    await using shared = await open('limits: { challenges: 1/h }', ['rate_limits: { per_token: 1/h }'])
    const { gateway } = shared
    const payment = await payFor(gateway, from(here, aRequest))
    const { socket, until } = await connectTo(gateway)
    const begun = performance.now()
    socket.write(headOf('/make', `X-Forwarded-For: ${here}`, 'Content-Length: 5000'))
    expect(await until(/"code":"[a-z_]+"/)).toMatch(/^HTTP\/1.1 429 .*rate_limited/s)
    expect(performance.now() - begun).toBeGreaterThan(240)
    socket.destroy()
    expect((await send(gateway, from(here, paid(aRequest, payment)))).status).toBe(200)
    const times = []
    for (let count = 0; count < 5; count++) {
      const sent = performance.now()
      expect((await send(gateway, from(here, paid(aRequest, payment)))).status).toBe(429)
      times.push(performance.now() - sent)
    }
    expect(Math.min(...times)).toBeLessThan(200)
  })

  test('cannot come as somebody else by what it writes itself', async () => {
    await using shared = await open('limits: { challenges: 2/m }')
    const { gateway } = shared
    const answers = []
    for (let count = 0; count < 4; count++) {
      const forged = { 'x-real-ip': `198.51.100.${count}`, forwarded: `for=198.51.100.${count}` }
      const request = { ...aRequest, headers: { ...forged, 'x-forwarded-for': `198.51.${count}.1, ${here}` } }
      answers.push((await send(gateway, request)).status)
    }
    expect(answers).toEqual([402, 402, 429, 429])
  })

  test('that pays is served however many challenges it took, and its token is as good as before', async () => {
    await using shared = await open('limits: { challenges: 4/m }')
    const { gateway } = shared
    const payment = await payFor(gateway, from(here, aRequest))
    for (let count = 0; count < 6; count++) await send(gateway, from(here, aRequest))
    const refused = await send(gateway, from(here, { ...aRequest, headers: { authorization: 'L402 bm9uZQ==:00' } }))
    expect(refused.status).toBe(429)
    const bought = await send(gateway, from(here, paid(aRequest, payment)))
    expect([bought.status, bought.headers['l402-payment']]).toEqual([200, 'spent'])
  })

  test('is told of its mistakes without a challenge being counted', async () => {
    await using shared = await open('limits: { challenges: 2/m }', [
      'request: { schema: { type: object, properties: { prompt: { type: string } } } }',
    ])
    const { gateway } = shared
    const bad = { ...aRequest, body: { colour: 1 } }
    for (let count = 0; count < 5; count++) expect((await send(gateway, from(here, bad))).status).toBe(400)
    expect((await send(gateway, from(here, aRequest))).status).toBe(402)
  })

  test('is not counted where the limit is off, nor on this machine', async () => {
    await using without = await open('limits: { challenges: off }')
    await using tight = await open('limits: { challenges: 1/m }')
    for (let count = 0; count < 5; count++) {
      expect((await send(without.gateway, from(here, aRequest))).status).toBe(402)
      expect((await send(tight.gateway, aRequest)).status).toBe(402)
    }
  })

  test('has room by default for any number of purchases at once that take four challenges each', async () => {
    await using shared = await open('')
    const { gateway } = shared
    for (let count = 0; count < 50; count++) {
      for (let wasted = 0; wasted < 3; wasted++) expect((await send(gateway, from(here, aRequest))).status).toBe(402)
      const payment = await payFor(gateway, from(here, aRequest))
      const bought = await send(gateway, from(here, paid(aRequest, payment)))
      const again = await send(gateway, from(here, paid(aRequest, payment)))
      expect([bought.status, again.headers['l402-payment']]).toEqual([200, 'replayed'])
    }
  })

  test('gets back four challenges for a payment, once', async () => {
    await using shared = await open('limits: { challenges: 6/1h }')
    const { gateway } = shared
    const payment = await payFor(gateway, from(here, aRequest))
    for (let count = 0; count < 5; count++) await send(gateway, from(here, aRequest))
    expect((await send(gateway, from(here, aRequest))).status).toBe(429)
    for (let count = 0; count < 5; count++) await send(gateway, from(here, paid(aRequest, payment)))
    const statuses = []
    for (let count = 0; count < 6; count++) statuses.push((await send(gateway, from(here, aRequest))).status)
    expect(statuses).toEqual([402, 402, 402, 402, 429, 429])
  })

  test('cannot fill the cap of open invoices alone: by default it holds less than a fifth of it', async () => {
    await using shared = await open('')
    const { gateway, clock } = shared
    let asked = 0
    for (let minute = 0; minute < 10; minute++) {
      while ((await send(gateway, from(here, aRequest))).status === 402) asked++
      clock.advance(60_000)
    }
    const { invoiceExpiryMs, maxOpenInvoices } = gateway.running.context.config.lightning
    expect([invoiceExpiryMs, asked]).toEqual([600_000, 120 + 9 * 24])
    expect(asked).toBeLessThan(maxOpenInvoices / 5)
  })
})

describe('requests to one service', () => {
  test('are limited by token: 429 says what the payment is, and takes nothing of it', async () => {
    await using shared = await open('', ['rate_limits: { per_token: 2/m }'])
    const { gateway, upstream, clock } = shared
    const first = await payFor(gateway, from(here, aRequest))
    const other = await payFor(gateway, from(here, aRequest))
    const statuses = []
    for (let count = 0; count < 3; count++)
      statuses.push((await send(gateway, from(here, paid(aRequest, first)))).status)
    expect(statuses).toEqual([200, 200, 429])
    expect((await send(gateway, from(here, paid(aRequest, first)))).headers['l402-payment']).toBe('spent')
    expect((await send(gateway, from(here, paid(aRequest, other)))).status).toBe(200)
    expect(upstream.calls).toHaveLength(2)
    clock.advance(30_000)
    expect((await send(gateway, from(here, paid(aRequest, first)))).headers['l402-payment']).toBe('replayed')
  })

  test('are limited by client, paid or not, and no token is claimed, or answered 402, by one that is refused', async () => {
    await using shared = await open('', ['rate_limits: { per_client: 3/m }'])
    const { gateway, upstream, clock } = shared
    const payment = await payFor(gateway, from(here, aRequest))
    await send(gateway, from(here, aRequest))
    await send(gateway, from(here, aRequest))
    const refused = await send(gateway, from(here, paid(aRequest, payment)))
    expect([refused.status, refused.json().code, refused.headers['retry-after']]).toEqual([429, 'rate_limited', '20'])
    expect(refused.headers['l402-payment']).toBe('unspent')
    expect(refused.json().payment).toEqual({ status: 'unspent', action: 'retry_same_token' })
    expect([await rowIn(gateway, payment), upstream.calls.length]).toEqual([undefined, 0])
    clock.advance(20_000)
    expect((await send(gateway, from(here, paid(aRequest, payment)))).status).toBe(200)
  })

  test('of a token that was narrowed or copied are those of one payment', async () => {
    await using shared = await open('', ['rate_limits: { per_token: 2/m }'])
    const { gateway } = shared
    const { token, preimage } = await payFor(gateway, aRequest)
    const spellings = [
      `L402 ${token}:${preimage}`,
      `lsat ${token.replace(/=+$/, '')}:${preimage}`,
      `L402 ${token}:${preimage.toUpperCase()}`,
    ]
    const statuses = []
    for (const authorization of spellings)
      statuses.push((await send(gateway, { ...aRequest, headers: { authorization } })).status)
    expect(statuses).toEqual([200, 200, 429])
  })

  test('are limited in the job resource too, and on free routes', async () => {
    await using shared = await open('', ['rate_limits: { per_token: 3/m }'])
    const { gateway } = shared
    const payment = await payFor(gateway, aRequest)
    const accepted = await send(gateway, paid({ ...aRequest, headers: { prefer: 'respond-async' } }, payment))
    const { pathname: path } = new URL(String(accepted.headers.location), gateway.url)
    const look = () => send(gateway, { path, headers: { ...payment.authorization, prefer: 'wait=10' } })
    expect([accepted.status, (await look()).status, (await look()).status]).toEqual([202, 200, 200])
    const refused = await look()
    expect([refused.status, refused.headers['l402-payment']]).toEqual([429, 'spent'])
    const upstream = await openUpstream()
    await using gate = await openGateway({
      config: `${behindProxy}services: { GET /free: { upstream: "${upstream.url}", price: free, rate_limits: { per_client: 1/m } } }`,
    })
    const free = () => send(gate, from(here, { path: '/free' }))
    expect([(await free()).status, (await free()).status]).toEqual([200, 429])
    await upstream[Symbol.asyncDispose]()
  })
})
