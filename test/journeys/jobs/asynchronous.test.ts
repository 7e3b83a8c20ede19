import { describe, expect, test } from 'vitest'
import { answerWith, inTurn, makeGate } from '../../support/answers.ts'
import { paid, payFor, send } from '../../support/buyer.ts'
import { TestClock } from '../../support/clock.ts'
import { openGateway } from '../../support/gateway.ts'
import { asynchronous, documentOf, look, sendAsync, untilJob } from '../../support/jobs.ts'
import { beginRequest } from '../../support/open-request.ts'
import { aRequest, idle, makeShop, rowIn } from '../../support/shop.ts'
import { type Answer, openUpstream } from '../../support/upstream.ts'

/** A shop whose service makes its result when the gate is opened. */
async function openSlow(lines: string | readonly string[] = [], answer: Answer = answerWith(200, 'made')) {
  const [called, gate] = [makeGate(), makeGate()]
  const upstream = await openUpstream(async (...call) => {
    called.open()
    await gate.opened
    await answer(...call)
  })
  const gateway = await openGateway({ config: makeShop(upstream.url, lines) })
  const payment = await payFor(gateway, aRequest)
  return {
    called,
    gate,
    upstream,
    gateway,
    payment,
    async [Symbol.asyncDispose]() {
      gate.open()
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

describe('Prefer: respond-async', () => {
  test('gets 202 at once, with the place of the job and how it stands', async () => {
    await using shop = await openSlow()
    const answer = await send(shop.gateway, asynchronous(paid(aRequest, shop.payment)))
    expect(answer.status).toBe(202)
    expect(answer.headers).toMatchObject({
      location: expect.stringMatching(/^\/l402\/jobs\/[0-9a-f]{32}$/),
      'preference-applied': 'respond-async',
      'retry-after': '1',
      'l402-payment': 'in-progress',
      'cache-control': 'private, no-store',
    })
    const { location } = answer.headers
    expect(answer.json()).toMatchObject({
      id: String(location).slice(-32),
      service: 'make',
      state: 'running',
      payment: { status: 'in-progress', action: 'none' },
      links: { self: location, result: `${String(location)}/result` },
    })
    expect(answer.json().finishedAt).toBeUndefined()
  })

  test('the job runs to its end with nobody there, and its result is delivered once and then repeated', async () => {
    await using shop = await openSlow([], answerWith(201, 'made', { 'content-type': 'audio/wav', 'x-seed': '7' }))
    const { gateway, payment } = shop
    const path = await sendAsync(gateway, aRequest, payment)
    expect(documentOf(await look(gateway, path, payment)).state).toBe('running')
    const early = await look(gateway, `${path}/result`, payment)
    expect([early.status, early.json().code, early.headers['l402-payment']]).toEqual([
      409,
      'job_unfinished',
      'in-progress',
    ])
    expect(early.headers['retry-after']).toBeDefined()
    shop.gate.open()
    await idle(gateway)
    const status = await look(gateway, path, payment)
    expect([status.status, status.headers['l402-payment']]).toEqual([200, 'spent'])
    expect(status.json()).toMatchObject({
      state: 'succeeded',
      payment: { status: 'spent', action: 'none' },
      finishedAt: expect.any(String),
      expiresAt: expect.any(String),
    })
    const result = await look(gateway, `${path}/result`, payment)
    expect([result.status, result.text]).toEqual([201, 'made'])
    expect(result.headers).toMatchObject({ 'content-type': 'audio/wav', 'x-seed': '7', 'l402-payment': 'spent' })
    expect(result.headers['idempotent-replayed']).toBeUndefined()
    const again = await look(gateway, `${path}/result`, payment)
    expect([again.status, again.text, again.headers['l402-payment'], again.headers['idempotent-replayed']]).toEqual([
      201,
      'made',
      'replayed',
      'true',
    ])
    const same = await send(gateway, paid(aRequest, payment))
    expect([same.text, same.headers['idempotent-replayed']]).toEqual(['made', 'true'])
    expect(shop.upstream.calls).toHaveLength(1)
  })

  test('with wait=N gets the result itself when it comes within that time', async () => {
    await using shop = await openSlow()
    setTimeout(shop.gate.open, 100)
    const answer = await send(shop.gateway, asynchronous(paid(aRequest, shop.payment), ', wait=20'))
    expect([answer.status, answer.text, answer.headers['l402-payment']]).toEqual([200, 'made', 'spent'])
  })

  test('with wait=N gets 202 after that time', async () => {
    await using shop = await openSlow()
    const begun = performance.now()
    const answer = await send(shop.gateway, asynchronous(paid(aRequest, shop.payment), ', wait=1'))
    expect([answer.status, answer.headers['preference-applied']]).toEqual([202, 'respond-async, wait=1'])
    expect(performance.now() - begun).toBeGreaterThan(950)
  })

  test('with wait=N is told of a failure within that time', async () => {
    await using shop = await openSlow([], answerWith(503))
    setTimeout(shop.gate.open, 50)
    const answer = await send(shop.gateway, asynchronous(paid(aRequest, shop.payment), ', wait=20'))
    expect([answer.status, answer.json().code, answer.headers['l402-payment']]).toEqual([
      503,
      'upstream_busy',
      'unspent',
    ])
  })

  test('of a request that waits already gets 202, and that one gets its result', async () => {
    await using shop = await openSlow()
    const { gateway, payment } = shop
    const waiting = beginRequest(gateway, paid(aRequest, payment))
    await shop.called.opened
    const path = await sendAsync(gateway, aRequest, payment)
    expect(await gateway.running.context.ledger.sealedRequest(payment.paymentHash)).toBeDefined()
    shop.gate.open()
    expect(String(await (await waiting.answered).whole())).toBe('made')
    expect((await look(gateway, `${path}/result`, payment)).text).toBe('made')
    expect(shop.upstream.calls).toHaveLength(1)
  })

  test('of what is stored already gets that', async () => {
    await using shop = await openSlow()
    shop.gate.open()
    await send(shop.gateway, paid(aRequest, shop.payment))
    const answer = await send(shop.gateway, asynchronous(paid(aRequest, shop.payment)))
    expect([answer.status, answer.text]).toEqual([200, 'made'])
  })

  test('of a streaming service gets 202 too', async () => {
    await using shop = await openSlow('stream: true')
    const path = await sendAsync(shop.gateway, aRequest, shop.payment)
    shop.gate.open()
    await untilJob(shop.gateway, path, shop.payment, 'succeeded')
  })

  test('without a payment is challenged as always', async () => {
    await using shop = await openSlow()
    expect((await send(shop.gateway, asynchronous(aRequest))).status).toBe(402)
  })
})

test.for(['wait=1', 'handling=lenient', 'respond-asynchronously', ''])(
  'nobody else gets 202: `Prefer: %s`',
  async (prefer) => {
    await using shop = await openSlow()
    const { gateway, payment } = shop
    setTimeout(shop.gate.open, 1_200)
    const answer = await send(gateway, { ...paid(aRequest, payment), headers: { ...payment.authorization, prefer } })
    expect([answer.status, answer.text]).toEqual([200, 'made'])
    expect(await gateway.running.context.ledger.sealedRequest(payment.paymentHash)).toBeUndefined()
  },
)

describe('a job that failed', () => {
  test('is run again by the first look after its time, with the very same request', async () => {
    const clock = new TestClock(Date.now())
    await using upstream = await openUpstream(inTurn(answerWith(503), answerWith(500), answerWith(200, 'made')))
    const lines = [
      'forward_headers: [X-Style]',
      'request: { schema: { type: object, properties: { prompt: { type: string }, size: { type: integer, default: 3 } } } }',
    ]
    await using gateway = await openGateway({ config: makeShop(upstream.url, lines), clock })
    const request = { ...aRequest, headers: { 'x-style': 'ink' } }
    const payment = await payFor(gateway, request)
    const path = await sendAsync(gateway, request, payment)
    await idle(gateway)
    const waiting = await look(gateway, path, payment)
    expect(waiting.json()).toMatchObject({
      state: 'queued',
      payment: { status: 'unspent', action: 'retry_same_token' },
      error: { code: 'upstream_busy' },
      retryAfterSeconds: 1,
    })
    expect([waiting.headers['retry-after'], upstream.calls.length]).toEqual(['1', 1])
    const noResult = await look(gateway, `${path}/result`, payment)
    expect([noResult.status, noResult.json().code]).toEqual([503, 'upstream_busy'])
    clock.advance(1_000)
    for (const at of [path, `${path}/result`]) {
      const head = await send(gateway, { method: 'HEAD', path: at, headers: payment.authorization })
      expect(head.status).toBe(at === path ? 200 : 409)
    }
    expect([(await rowIn(gateway, payment))?.job.state, upstream.calls.length]).toEqual(['retryable', 1])
    expect(documentOf(await look(gateway, path, payment))).toMatchObject({ state: 'running', runs: 2 })
    await idle(gateway)
    expect(documentOf(await look(gateway, path, payment))).toMatchObject({ error: { code: 'upstream_failed' } })
    clock.advance(60_000)
    const result = await look(gateway, `${path}/result`, payment, { prefer: 'wait=10' })
    expect([result.status, result.text, result.headers['l402-payment']]).toEqual([200, 'made', 'spent'])
    const seen = upstream.calls.map(({ method, url, headers, body }) => [method, url, headers['x-style'], String(body)])
    expect(new Set(seen.map(String))).toEqual(new Set(['POST,/make,ink,{"prompt":"a cat","size":3}']))
    expect(upstream.calls).toHaveLength(3)
  })

  test('is run once by any number of looks at the same time', async () => {
    const clock = new TestClock(Date.now())
    const gate = makeGate()
    await using upstream = await openUpstream(
      inTurn(answerWith(503), async (...call) => {
        await gate.opened
        await answerWith(200, 'made')(...call)
      }),
    )
    await using gateway = await openGateway({ config: makeShop(upstream.url), clock })
    const payment = await payFor(gateway, aRequest)
    const path = await sendAsync(gateway, aRequest, payment)
    await idle(gateway)
    clock.advance(1_000)
    const looks = await Promise.all(
      Array.from({ length: 20 }, (_, at) => look(gateway, at % 2 ? path : `${path}/result`, payment)),
    )
    expect(new Set(looks.map(({ status }) => status))).toEqual(new Set([200, 409]))
    gate.open()
    await idle(gateway)
    expect(upstream.calls).toHaveLength(2)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured', epoch: 2 } })
  })

  test('and was sent without asking for a job goes on only when it is sent again', async () => {
    const clock = new TestClock(Date.now())
    await using upstream = await openUpstream(inTurn(answerWith(503), answerWith(200, 'made')))
    await using gateway = await openGateway({ config: makeShop(upstream.url), clock })
    const payment = await payFor(gateway, aRequest)
    await send(gateway, paid(aRequest, payment))
    clock.advance(60_000)
    const path = `/l402/jobs/${(await rowIn(gateway, payment))?.job.id}`
    expect((await look(gateway, path, payment)).json()).toMatchObject({
      state: 'failed',
      payment: { status: 'unspent', action: 'resend_original' },
    })
    const result = await look(gateway, `${path}/result`, payment)
    expect([result.status, result.json().code]).toEqual([409, 'job_needs_request'])
    expect((await send(gateway, paid(aRequest, payment))).text).toBe('made')
  })

  test('too often is given up, and says where the money is', async () => {
    await using upstream = await openUpstream(answerWith(500))
    await using gateway = await openGateway({ config: makeShop(upstream.url, 'attempts: 1') })
    const payment = await payFor(gateway, aRequest)
    const path = await sendAsync(gateway, aRequest, payment)
    await idle(gateway)
    const status = await look(gateway, path, payment)
    expect(status.headers['l402-payment']).toBe('refundable')
    expect(status.headers['retry-after']).toBeUndefined()
    const { id } = documentOf(status)
    expect(status.json()).toMatchObject({
      state: 'failed',
      error: { code: 'given_up' },
      payment: { status: 'refundable', action: 'contact_seller', reference: id },
    })
    const result = await look(gateway, `${path}/result`, payment)
    expect([result.status, result.json().code]).toEqual([502, 'given_up'])
    expect(upstream.calls).toHaveLength(1)
  })

  test('because it was refused shows the refusal, and the payment is free for another request', async () => {
    await using upstream = await openUpstream(answerWith(422, '{"why":"no"}'))
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    const path = await sendAsync(gateway, aRequest, payment)
    await idle(gateway)
    const status = await look(gateway, path, payment)
    expect(status.json()).toMatchObject({
      state: 'failed',
      payment: { status: 'unspent', action: 'use_for_another_request' },
    })
    const result = await look(gateway, `${path}/result`, payment)
    expect([result.status, result.text, result.headers['l402-payment']]).toEqual([422, '{"why":"no"}', 'unspent'])
    // Rebound, the job is the other request's.
    upstream.answer = answerWith(503)
    const other = { ...aRequest, body: { prompt: 'a dog' } }
    expect(await sendAsync(gateway, other, payment)).toBe(path)
    await idle(gateway)
    upstream.answer = answerWith(200, 'made')
    await untilJob(gateway, path, payment, 'succeeded')
    expect(upstream.calls.map(({ body }) => String(body))).toEqual([
      '{"prompt":"a cat"}',
      '{"prompt":"a dog"}',
      '{"prompt":"a dog"}',
    ])
  })
})

test('a result that has expired is gone, and stays paid for', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream(answerWith(200, 'made'))
  await using gateway = await openGateway({ config: makeShop(upstream.url, 'result: { ttl: 1h }'), clock })
  const payment = await payFor(gateway, aRequest)
  const path = await sendAsync(gateway, aRequest, payment)
  await idle(gateway)
  expect((await look(gateway, `${path}/result`, payment)).text).toBe('made')
  for (const hours of [1, 40]) {
    clock.advance(hours * 3_600_000)
    expect(documentOf(await look(gateway, path, payment))).toMatchObject({
      state: 'expired',
      payment: { status: 'spent', action: 'none' },
    })
    const result = await look(gateway, `${path}/result`, payment)
    expect([result.status, result.json().code, result.headers['l402-payment']]).toEqual([
      410,
      'result_expired',
      'spent',
    ])
  }
})
