import { setTimeout as passed } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { inTurn, makeGate, raw } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway } from '../support/gateway.ts'
import { beginRequest, openRequest } from '../support/open-request.ts'
import { aRequest, idle, makeShop, rowIn } from '../support/shop.ts'
import { type Answer, openUpstream } from '../support/upstream.ts'

const events = ['data: one\n\n', 'data: two\n\n', 'data: three\n\n']

/** Sends the first event, and the others when the gate opens. */
const eventStream =
  (gate: { opened: Promise<void> }): Answer =>
  async (_call, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
    outgoing.write(events[0])
    await gate.opened
    for (const event of events.slice(1)) outgoing.write(event)
    outgoing.end()
  }

describe('a service that streams', () => {
  test('sends events on before the work ends, and says so of the money', async () => {
    const gate = makeGate()
    await using upstream = await openUpstream(eventStream(gate))
    await using gateway = await openGateway({ config: makeShop(upstream.url, 'stream: true') })
    const payment = await payFor(gateway, aRequest)
    const answer = await openRequest(gateway, paid(aRequest, payment))
    expect((await answer.atLeast(1)).toString()).toBe(events[0])
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'l402-payment': 'in-progress',
      'x-accel-buffering': 'no',
      'cache-control': 'private, no-store',
    })
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'running', shown: true } })
    gate.open()
    expect((await answer.whole()).toString()).toBe(events.join(''))
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured' } })
    const replay = await send(gateway, paid(aRequest, payment))
    expect([replay.text, replay.headers['l402-payment']]).toEqual([events.join(''), 'replayed'])
    expect(upstream.calls).toHaveLength(1)
  })

  test('is kept open by comments that end no event that has begun', { timeout: 40_000 }, async () => {
    await using upstream = await openUpstream(async (_call, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
      outgoing.write('event: progress\n')
      await passed(15_500)
      outgoing.end('data: half\n\n')
    })
    await using gateway = await openGateway({ config: makeShop(upstream.url, 'stream: true') })
    const payment = await payFor(gateway, aRequest)
    const answer = await openRequest(gateway, paid(aRequest, payment))
    expect((await answer.whole()).toString()).toMatch(/^event: progress\n(?::.*\n)+data: half\n\n$/)
    // They are no part of the result.
    expect((await send(gateway, paid(aRequest, payment))).text).toBe('event: progress\ndata: half\n\n')
  })

  test('keeps the end back until the result is committed', async () => {
    const gate = makeGate()
    gate.open()
    await using upstream = await openUpstream(eventStream(gate))
    await using gateway = await openGateway({ config: makeShop(upstream.url, 'stream: true') })
    const { ledger } = gateway.running.context
    const commit = makeGate()
    const capture = ledger.capture.bind(ledger)
    using captured = vi.spyOn(ledger, 'capture').mockImplementation(async (request) => {
      await commit.opened
      return await capture(request)
    })
    const payment = await payFor(gateway, aRequest)
    const answer = await openRequest(gateway, paid(aRequest, payment))
    await answer.atLeast(events.join('').length)
    await expect.poll(() => captured).toHaveBeenCalledOnce()
    await passed(100)
    expect(answer.ended).toBe(false)
    commit.open()
    expect((await answer.whole()).toString()).toBe(events.join(''))
  })

  test('sends the same to everyone who joins, from the beginning', async () => {
    const gate = makeGate()
    await using upstream = await openUpstream(eventStream(gate))
    await using gateway = await openGateway({ config: makeShop(upstream.url, 'stream: true') })
    const payment = await payFor(gateway, aRequest)
    const first = await openRequest(gateway, paid(aRequest, payment))
    await first.atLeast(1)
    const second = await openRequest(gateway, paid(aRequest, payment))
    expect((await second.atLeast(1)).toString()).toBe(events[0])
    gate.open()
    for (const answer of [first, second]) expect((await answer.whole()).toString()).toBe(events.join(''))
    expect(upstream.calls).toHaveLength(1)
  })

  test('breaks off what broke off, is run again once, and is due for a refund after that', async () => {
    const clock = new TestClock(Date.now())
    const broken = raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it', 'reset')
    await using upstream = await openUpstream(broken)
    await using gateway = await openGateway({ config: makeShop(upstream.url, 'stream: true'), clock })
    const payment = await payFor(gateway, aRequest)
    const first = await openRequest(gateway, paid(aRequest, payment))
    await expect(first.whole()).rejects.toThrow('aborted')
    await idle(gateway)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'retryable', shown: true, attempts: 1 } })
    clock.advance(2_000)
    const second = await openRequest(gateway, paid(aRequest, payment))
    await expect(second.whole()).rejects.toThrow('aborted')
    await idle(gateway)
    const third = await send(gateway, paid(aRequest, payment))
    expect([third.status, third.headers['l402-payment']]).toEqual([502, 'refundable'])
    expect(third.json()).toMatchObject({ code: 'given_up', payment: { action: 'contact_seller' } })
    // Something of it was shown, so the payment is not free for another request.
    const other = await send(gateway, paid({ ...aRequest, body: { prompt: 'a dog' } }, payment))
    expect([other.status, other.json().code]).toEqual([402, 'token_for_other_request'])
    expect(upstream.calls).toHaveLength(2)
  })

  test('that fails before its first byte shows nothing, and can be tried again like any other', async () => {
    const clock = new TestClock(Date.now())
    const gate = makeGate()
    gate.open()
    await using upstream = await openUpstream(inTurn(raw('', 'reset'), eventStream(gate)))
    await using gateway = await openGateway({ config: makeShop(upstream.url, 'stream: true'), clock })
    const payment = await payFor(gateway, aRequest)
    const failed = await send(gateway, paid(aRequest, payment))
    expect([failed.status, failed.headers['l402-payment']]).toEqual([502, 'unspent'])
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { shown: false, attempts: 0 } })
    clock.advance(2_000)
    const answer = await send(gateway, paid(aRequest, payment))
    expect([answer.status, answer.text]).toEqual([200, events.join('')])
  })

  test.for([
    ['is only accepted', 'HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\npart', 'upstream_answer_refused'],
    ['is a part', 'HTTP/1.1 206 Partial Content\r\nContent-Length: 8\r\n\r\npart', 'upstream_answer_refused'],
    ['ends with its connection', 'HTTP/1.1 200 OK\r\n\r\npart', 'upstream_cut_short'],
  ] as const)('shows nothing of an answer that cannot become a result since it %s', async ([, begin, code]) => {
    await using upstream = await openUpstream(async (_call, { socket }) => {
      socket?.write(begin)
      await passed(100)
      socket?.end('rest')
    })
    await using gateway = await openGateway({ config: makeShop(upstream.url, 'stream: true') })
    const payment = await payFor(gateway, aRequest)
    const answer = await openRequest(gateway, paid(aRequest, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([502, 'unspent'])
    expect(JSON.parse((await answer.whole()).toString())).toMatchObject({ code })
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { shown: false } })
  })
})

describe('a service that does not stream', () => {
  test('sends nothing of an event stream before all of it is stored', async () => {
    const gate = makeGate()
    await using upstream = await openUpstream(eventStream(gate))
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    let headSeen = false
    const { answered } = beginRequest(gateway, paid(aRequest, payment))
    const watched = answered.then((answer) => {
      headSeen = true
      return answer
    })
    await expect.poll(() => upstream.calls).toHaveLength(1)
    await passed(100)
    expect(headSeen).toBe(false)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'running', shown: false } })
    gate.open()
    const answer = await watched
    expect(answer.headers).toMatchObject({ 'l402-payment': 'spent', 'content-type': 'text/event-stream' })
    expect((await answer.whole()).toString()).toBe(events.join(''))
  })
})
