import { describe, expect, test, vi } from 'vitest'
import { answerWith, makeGate, raw } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { failPayments, metric, requestNumber } from '../support/guards.ts'
import { idle, rowIn } from '../support/shop.ts'
import { echo, openUpstream, type TestUpstream } from '../support/upstream.ts'

vi.setConfig({ testTimeout: 30_000 })

const shop = (upstream: TestUpstream, breaker = '{ failures: 3, cooldown: 10s }') => `
upstreams: { gpu: { url: "${upstream.url}", breaker: ${breaker} } }
services:
  POST /make: { name: make, upstream: { use: gpu, path: /make }, price: { flat: 7 } }
  GET /media/*: { name: media, upstream: { use: gpu, path: /media/* }, price: free }
`

interface Opened extends AsyncDisposable {
  readonly upstream: TestUpstream
  readonly gateway: TestGateway
  readonly clock: TestClock
}

async function open(breaker?: string): Promise<Opened> {
  const clock = new TestClock(Date.now())
  const upstream = await openUpstream()
  const gateway = await openGateway({ config: shop(upstream, breaker), clock })
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

const sale = requestNumber(99)

describe('an upstream that failed too often', () => {
  test('is not sold: 503 and no invoice, until its cooldown is over and one paid call went well', async () => {
    await using shared = await open()
    const { gateway, upstream, clock } = shared
    await failPayments(gateway, upstream, 3)
    const asked = gateway.wallet.asked.length
    const refused = await send(gateway, sale)
    expect([refused.status, refused.json().code]).toEqual([503, 'upstream_down'])
    expect(refused.headers).toMatchObject({ 'l402-payment': 'not-charged', 'retry-after': '10' })
    expect(refused.headers['www-authenticate']).toBeUndefined()
    expect(refused.json().payment).toEqual({ status: 'not-charged', action: 'none' })
    expect(gateway.wallet.asked).toHaveLength(asked)
    expect(await metric(gateway, 'turnpike_upstream_breaker_state{upstream="gpu",state="open"}')).toBe(1)
    expect(gateway.log.filter((line) => line.includes('"event":"breaker"'))).toHaveLength(1)
    expect(gateway.log.some((line) => line.includes('"status":503,"code":"upstream_down"'))).toBe(true)

    clock.advance(10_000)
    expect(await metric(gateway, 'turnpike_upstream_breaker_state{upstream="gpu",state="half_open"}')).toBe(1)
    const payment = await payFor(gateway, sale)
    // Without a call that tried, sales begin one by one.
    expect((await send(gateway, requestNumber(98))).status).toBe(503)
    expect((await send(gateway, paid(sale, payment))).status).toBe(200)
    expect((await send(gateway, requestNumber(98))).status).toBe(402)
    expect((await send(gateway, requestNumber(97))).status).toBe(402)
    expect(await metric(gateway, 'turnpike_upstream_breaker_state{upstream="gpu",state="closed"}')).toBe(1)
  })

  test('stays unsold for twice as long after another paid call that failed', async () => {
    await using shared = await open()
    const { gateway, upstream, clock } = shared
    await failPayments(gateway, upstream, 3)
    clock.advance(10_000)
    upstream.answer = answerWith(500)
    const payment = await payFor(gateway, sale)
    expect((await send(gateway, paid(sale, payment))).status).toBe(502)
    const asked = gateway.wallet.asked.length
    clock.advance(19_000)
    const refused = await send(gateway, requestNumber(98))
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
    clock.advance(1_000)
    expect((await send(gateway, requestNumber(98))).status).toBe(402)
    expect(gateway.wallet.asked).toHaveLength(asked + 1)
  })

  test('says 400 to a bad request all the same, and nothing about a token that is none but 503', async () => {
    await using upstream = await openUpstream()
    const config = shop(upstream).replace('price: { flat: 7 } }', 'price: { per_unit: { of: n, rate: 7 } } }')
    await using gateway = await openGateway({ config, clock: new TestClock(Date.now()) })
    const asks = [1, 2, 3].map((n) => ({ path: '/make', body: { n } }))
    const payments = await Promise.all(asks.map((ask) => payFor(gateway, ask)))
    upstream.answer = answerWith(500)
    for (const [index, ask] of asks.entries()) {
      const payment = payments[index]
      if (payment) await send(gateway, paid(ask, payment))
    }
    const bad = await send(gateway, { path: '/make', body: { n: 'many' } })
    expect(bad.status).toBe(400)
    const junk = { ...asks[0], path: '/make', headers: { authorization: `L402 AAAA:${'0'.repeat(64)}` } }
    const answer = await send(gateway, junk)
    expect([answer.status, answer.json().code]).toEqual([503, 'upstream_down'])
    expect(answer.headers['www-authenticate']).toBeUndefined()
  })

  test('may be tried by whoever has paid, one at a time: the others keep their payment', async () => {
    await using shared = await open()
    const { gateway, upstream, clock } = shared
    const early = await Promise.all([10, 11, 12, 13].map((number) => payFor(gateway, requestNumber(number))))
    await failPayments(gateway, upstream, 3)
    clock.advance(1_000)
    const [called, finish] = [makeGate(), makeGate()]
    upstream.answer = async (_call, outgoing) => {
      called.open()
      await finish.opened
      outgoing.end('made')
    }
    const calls = upstream.calls.length
    const tries = early.map((payment, index) => send(gateway, paid(requestNumber(10 + index), payment)))
    await called.opened
    const other = await Promise.any(tries)
    expect([other.status, other.json().code]).toEqual([503, 'upstream_down'])
    expect(other.headers).toMatchObject({ 'l402-payment': 'unspent', 'retry-after': '1' })
    expect(other.json().payment).toEqual({ status: 'unspent', action: 'retry_same_token' })
    finish.open()
    const answers = await Promise.all(tries)
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['200', '503', '503', '503'])
    expect(upstream.calls).toHaveLength(calls + 1)
    // The one that went well was the proof.
    for (const [index, payment] of early.entries())
      expect((await send(gateway, paid(requestNumber(10 + index), payment))).text).toBe('made')
  })

  test('is not asked again by those who were turned away, and nothing was taken of them', async () => {
    await using shared = await open()
    const { gateway, upstream } = shared
    const payment = await payFor(gateway, sale)
    await failPayments(gateway, upstream, 3)
    const calls = upstream.calls.length
    const answer = await send(gateway, paid(sale, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([503, 'unspent'])
    expect(upstream.calls).toHaveLength(calls)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'retryable', epoch: 0, attempts: 0 } })
  })

  test('does not keep anybody from what is stored', async () => {
    await using shared = await open()
    const { gateway, upstream } = shared
    const payment = await payFor(gateway, sale)
    const made = await send(gateway, paid(sale, payment))
    await failPayments(gateway, upstream, 3)
    const replay = await send(gateway, paid(sale, payment))
    expect([replay.status, replay.headers['l402-payment'], replay.text]).toEqual([200, 'replayed', made.text])
  })
})

describe('the sale goes on', () => {
  test('although one payment failed as often as it may: it is its request that the upstream cannot make', async () => {
    await using shared = await open()
    const { gateway, upstream, clock } = shared
    const payment = await payFor(gateway, sale)
    upstream.answer = answerWith(503)
    for (let attempt = 0; attempt < 6; attempt++) {
      expect((await send(gateway, paid(sale, payment))).status).toBe(503)
      await idle(gateway)
      clock.advance(60_000)
    }
    expect(upstream.calls).toHaveLength(6)
    expect((await send(gateway, requestNumber(1))).status).toBe(402)
  })

  test.for([
    ['refuses requests', 422],
    ['finds nothing', 404],
    ['is busy', 429],
    ['has a conflict', 409],
  ] as const)('where an upstream %s, however often', async ([, status]) => {
    await using shared = await open()
    const { gateway, upstream } = shared
    const payments = await Promise.all([1, 2, 3, 4, 5].map((number) => payFor(gateway, requestNumber(number))))
    upstream.answer = answerWith(status)
    for (const [index, payment] of payments.entries()) await send(gateway, paid(requestNumber(index + 1), payment))
    expect(upstream.calls).toHaveLength(5)
    expect((await send(gateway, sale)).status).toBe(402)
  })

  test('where the breaker is off', async () => {
    await using shared = await open('off')
    await failPayments(shared.gateway, shared.upstream, 12)
    expect((await send(shared.gateway, sale)).status).toBe(402)
  })

  test('whatever clients do on free routes: failures of theirs prove nothing', async () => {
    await using shared = await open()
    const { gateway, upstream } = shared
    upstream.answer = answerWith(500)
    for (let call = 0; call < 12; call++) expect((await send(gateway, { path: '/media/x' })).status).toBe(500)
    upstream.answer = raw('', 'reset')
    for (let call = 0; call < 5; call++) expect((await send(gateway, { path: '/media/x' })).status).toBe(502)
    expect((await send(gateway, sale)).status).toBe(402)
  })
})

describe('the sale stops', () => {
  test('where too many of the calls of a while fail, though never so many in a row', async () => {
    await using shared = await open('{ failures: 3, ratio: 0.5, window: 1m }')
    const { gateway, upstream } = shared
    const payments = await Promise.all(Array.from({ length: 6 }, (_, number) => payFor(gateway, requestNumber(number))))
    for (const [number, payment] of payments.entries()) {
      expect((await send(gateway, requestNumber(50))).status).toBe(402)
      upstream.answer = number % 2 === 0 ? echo : answerWith(500)
      await send(gateway, paid(requestNumber(number), payment))
    }
    expect((await send(gateway, sale)).status).toBe(503)
  })

  test('where nobody can connect, be it on a free route or for one payment', async () => {
    await using shared = await open()
    const { gateway, upstream, clock } = shared
    const payment = await payFor(gateway, sale)
    await upstream[Symbol.asyncDispose]()
    expect((await send(gateway, { path: '/media/x' })).status).toBe(502)
    for (const seconds of [1, 2]) {
      expect((await send(gateway, paid(sale, payment))).status).toBe(502)
      clock.advance(seconds * 1_000)
    }
    const asked = gateway.wallet.asked.length
    const refused = await send(gateway, requestNumber(1))
    expect([refused.status, refused.json().code]).toEqual([503, 'upstream_down'])
    expect(gateway.wallet.asked).toHaveLength(asked)
  })

  test('for every service of that upstream and for no other', async () => {
    await using upstream = await openUpstream()
    await using well = await openUpstream()
    await using gateway = await openGateway({
      clock: new TestClock(Date.now()),
      config: `
defaults: { breaker: { failures: 3 } }
services:
  POST /make: { upstream: "${upstream.url}/make", price: { flat: 7 } }
  POST /draw: { upstream: "${upstream.url}/draw", price: { flat: 7 } }
  POST /well: { upstream: "${well.url}/draw", price: { flat: 7 } }
`,
    })
    await failPayments(gateway, upstream, 3)
    const statuses = ['/make', '/draw', '/well'].map(async (path) => (await send(gateway, { path, body: {} })).status)
    expect(await Promise.all(statuses)).toEqual([503, 503, 402])
  })
})
