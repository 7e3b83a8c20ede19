import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerWith, makeGate } from '../support/answers.ts'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { idle, rowIn } from '../support/shop.ts'
import { echo, openUpstream, type TestUpstream } from '../support/upstream.ts'

const minute = 60_000
const hour = 60 * minute

const config = (upstream: string) => `
services:
  /make: { name: make, upstream: "${upstream}", price: { flat: 7 }, result: { ttl: 1h } }
  POST /other: { name: other, upstream: "${upstream}", price: { flat: 7 } }
`

const request: Sent = { method: 'POST', path: '/make?size=1', body: { prompt: 'a cat' } }

/** Everything of a request that a payment is bound to, changed in one place. */
const changes: readonly (readonly [string, Partial<Sent>])[] = [
  ['another body', { body: { prompt: 'a dog' } }],
  [
    'the same body in another spelling',
    { body: '{ "prompt": "a cat" }', headers: { 'content-type': 'application/json' } },
  ],
  ['no body', { body: undefined }],
  ['another query', { path: '/make?size=2' }],
  ['no query', { path: '/make' }],
  ['a longer query', { path: '/make?size=1&x' }],
  ['another method', { method: 'PUT' }],
]

const clock = new TestClock(Date.now())
let upstream: TestUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({ config: config(upstream.url), clock })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

describe('a payment that was not used yet, presented with', () => {
  test.for(changes)('%s, is kept for the request it was made for', async ([, change]) => {
    const changed = { ...request, ...change }
    const payment = await payFor(gateway, request)
    const invoices = gateway.wallet.asked.length
    const calls = upstream.calls.length
    clock.advance(20 * minute - 1_000)
    const mistaken = await send(gateway, paid(changed, payment))
    expect([mistaken.status, mistaken.headers['l402-payment']]).toEqual([409, 'unspent'])
    expect(mistaken.json()).toMatchObject({ code: 'request_mismatch', payment: { action: 'resend_original' } })
    expect(gateway.wallet.asked).toHaveLength(invoices)

    clock.advance(1_000)
    const later = await send(gateway, paid(changed, payment))
    expect([later.status, later.json().code]).toEqual([402, 'token_for_other_request'])
    expect(later.json()).toMatchObject({ payment: { status: 'required', action: 'pay' } })
    expect(upstream.calls).toHaveLength(calls)
    expect(await rowIn(gateway, payment)).toBeUndefined()

    const right = await send(gateway, paid(request, payment))
    expect([right.status, right.headers['l402-payment']]).toEqual([200, 'spent'])
  })

  test('a thousand wrong requests is as good as before', async () => {
    const payment = await payFor(gateway, request)
    const wrong = Array.from({ length: 1_000 }, (_, index) => paid({ ...request, body: { prompt: index } }, payment))
    const answers = await Promise.all(wrong.map((each) => send(gateway, each)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([409]))
    expect((await send(gateway, paid(request, payment))).status).toBe(200)
  })

  test('the request of another service is no payment there', async () => {
    const payment = await payFor(gateway, request)
    const answer = await send(gateway, paid({ ...request, path: '/other' }, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([402, 'required'])
    expect(answer.json()).toMatchObject({ code: 'wrong_service', detail: expect.stringContaining('make') })
    expect(await rowIn(gateway, payment)).toBeUndefined()
  })
})

describe('a payment whose call failed', () => {
  test.for(changes)('is no payment for %s, and stays good for its own', async ([, change]) => {
    const payment = await payFor(gateway, request)
    upstream.answer = answerWith(500)
    await send(gateway, paid(request, payment))
    upstream.answer = echo
    clock.advance(minute)
    const calls = upstream.calls.length
    const mistaken = await send(gateway, paid({ ...request, ...change }, payment))
    expect([mistaken.status, mistaken.json().code]).toEqual([409, 'request_mismatch'])
    clock.advance(20 * minute)
    const later = await send(gateway, paid({ ...request, ...change }, payment))
    expect([later.status, later.json().code]).toEqual([402, 'token_for_other_request'])
    expect(upstream.calls).toHaveLength(calls)
    expect((await send(gateway, paid(request, payment))).status).toBe(200)
  })
})

describe('a payment whose work goes on', () => {
  test.for(changes)('is no payment for %s', async ([, change]) => {
    const finish = makeGate()
    upstream.answer = async (_call, outgoing) => {
      await finish.opened
      outgoing.end('made')
    }
    const calls = upstream.calls.length
    const payment = await payFor(gateway, request)
    const answering = send(gateway, paid(request, payment))
    await expect.poll(() => upstream.calls.length - calls).toBe(1)
    const other = await send(gateway, paid({ ...request, ...change }, payment))
    expect([other.status, other.json().code]).toEqual([402, 'token_in_use'])
    finish.open()
    expect((await answering).text).toBe('made')
    upstream.answer = echo
    expect(upstream.calls.length - calls).toBe(1)
  })
})

describe('a payment that was spent', () => {
  test.for(changes)('is no payment for %s', async ([, change]) => {
    const payment = await payFor(gateway, request)
    await send(gateway, paid(request, payment))
    const calls = upstream.calls.length
    const answer = await send(gateway, paid({ ...request, ...change }, payment))
    expect([answer.status, answer.json().code]).toEqual([402, 'token_spent'])
    expect(upstream.calls).toHaveLength(calls)
  })

  test('buys nothing twice when a new purchase is asked for', async () => {
    const payment = await payFor(gateway, request)
    const first = await send(gateway, paid(request, payment))
    const calls = upstream.calls.length
    const anew = await send(gateway, paid({ ...request, headers: { 'l402-new': '1' } }, payment))
    expect([anew.status, anew.json().code]).toEqual([402, 'new_purchase'])
    expect(anew.json().invoice).not.toBe('')
    for (const headers of [{}, { 'l402-new': '0' }, { 'l402-new': 'yes' }]) {
      const replay = await send(gateway, paid({ ...request, headers }, payment))
      expect([replay.headers['l402-payment'], replay.text]).toEqual(['replayed', first.text])
    }
    expect(upstream.calls).toHaveLength(calls)
  })

  test('says that its result has expired, and then that it has expired itself, but never works again', async () => {
    const payment = await payFor(gateway, request)
    await send(gateway, paid(request, payment))
    const calls = upstream.calls.length
    clock.advance(hour)
    const gone = await send(gateway, paid(request, payment))
    expect([gone.status, gone.json().code, gone.headers['l402-payment']]).toEqual([410, 'result_expired', 'spent'])
    const { ledger } = gateway.running.context
    while ((await ledger.prune(clock.nowMs(), clock.monotonicMs())) > 0);
    expect((await send(gateway, paid(request, payment))).status).toBe(410)
    clock.advance(24 * hour)
    const over = await send(gateway, paid(request, payment))
    expect([over.status, over.json().code]).toEqual([402, 'token_expired'])
    while ((await ledger.prune(clock.nowMs(), clock.monotonicMs())) > 0);
    expect(await rowIn(gateway, payment)).toBeUndefined()
    // The clock goes back to when the token lived; what was forgotten was spent all the same.
    clock.step(-24 * hour)
    const again = await send(gateway, paid(request, payment))
    expect([again.status, again.json().code]).toEqual([402, 'token_expired'])
    clock.step(24 * hour)
    expect(upstream.calls).toHaveLength(calls)
  })
})

describe('a token that expires', () => {
  test('is good until its last second', async () => {
    const payment = await payFor(gateway, request)
    clock.advance(24 * hour - 1_000)
    expect((await send(gateway, paid(request, payment))).status).toBe(200)
  })

  test('is a challenge afterwards when nobody used it', async () => {
    const payment = await payFor(gateway, request)
    clock.advance(24 * hour + 1_000)
    const calls = upstream.calls.length
    const answer = await send(gateway, paid(request, payment))
    expect([answer.status, answer.json().code]).toEqual([402, 'token_expired'])
    const other = await send(gateway, paid({ ...request, body: { prompt: 'a dog' } }, payment))
    expect([other.status, other.json().code]).toEqual([402, 'token_for_other_request'])
    expect(upstream.calls).toHaveLength(calls)
  })

  test('while its work goes on does not matter', async () => {
    const finish = makeGate()
    upstream.answer = async (_call, outgoing) => {
      await finish.opened
      outgoing.end('made')
    }
    const payment = await payFor(gateway, request)
    clock.advance(24 * hour - 1_000)
    const calls = upstream.calls.length
    const answering = send(gateway, paid(request, payment))
    await expect.poll(() => upstream.calls.length - calls).toBe(1)
    clock.advance(10 * minute)
    finish.open()
    expect((await answering).text).toBe('made')
    await idle(gateway)
    upstream.answer = echo
    const replay = await send(gateway, paid(request, payment))
    expect([replay.headers['l402-payment'], replay.text]).toEqual(['replayed', 'made'])
  })
})

describe('HEAD', () => {
  const head: Sent = { method: 'HEAD', path: '/make?size=1' }
  const get: Sent = { method: 'GET', path: '/make?size=1' }

  test('is challenged like GET, and never spends the payment', async () => {
    const challenge = await send(gateway, head)
    expect([challenge.status, challenge.text]).toEqual([402, ''])
    expect(challenge.headers['www-authenticate']).toContain('L402')
    const payment = await payFor(gateway, get)
    const calls = upstream.calls.length
    const answer = await send(gateway, paid(head, payment))
    expect([answer.status, answer.headers['l402-payment'], answer.text]).toEqual([409, 'unspent', ''])
    expect(upstream.calls).toHaveLength(calls)
    expect(await rowIn(gateway, payment)).toBeUndefined()
    const whole = await send(gateway, paid(get, payment))
    expect(whole.status).toBe(200)
    const after = await send(gateway, paid(head, payment))
    expect([after.status, after.text, after.headers['content-length']]).toEqual([200, '', String(whole.bytes.length)])
  })
})
