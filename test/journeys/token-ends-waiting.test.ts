import { once } from 'node:events'
import { request as beginPost, type IncomingMessage } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import { LedgerError } from '#src/ports/ledger.ts'
import { type Payment, paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { requestNumber } from '../support/guards.ts'
import { beginInTurn, openHeld, payForAll, shop } from '../support/queue.ts'
import { idle, rowIn } from '../support/shop.ts'

vi.setConfig({ testTimeout: 30_000 })
const soon = { timeout: 10_000 }
const hour = 3_600_000

/** A request of which the head alone is sent. */
function beginSlowly(gateway: TestGateway, payment: Payment) {
  const { path, body } = requestNumber(0)
  const text = JSON.stringify(body)
  const { port } = new URL(gateway.url)
  const headers = {
    ...payment.authorization,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  }
  const outgoing = beginPost({ host: '127.0.0.1', port, path, method: 'POST', headers, agent: false })
  return { outgoing, text }
}

describe('a token that expires while its request waits', () => {
  const openWaiting = async () => {
    const clock = new TestClock(Date.now())
    const upstream = await openHeld()
    const config = shop(upstream.url, 'max_concurrent: 1').replace('flat: 7 }', 'flat: 7 }, result: { ttl: 1m }')
    const gateway = await openGateway({ config, clock })
    return {
      clock,
      upstream,
      gateway,
      async [Symbol.asyncDispose]() {
        await gateway[Symbol.asyncDispose]()
        await upstream[Symbol.asyncDispose]()
      },
    }
  }
  /** Until two seconds before tokens end that were sold now. */
  const almost = hour - 2_000

  test('was in time', async () => {
    await using setting = await openWaiting()
    const { clock, upstream, gateway } = setting
    const payments = await payForAll(gateway, 2)
    clock.advance(almost)
    const [running, waiting] = await beginInTurn(gateway, upstream, payments)
    clock.advance(60_000)
    upstream.finish(0)
    upstream.finish(1)
    expect([(await running)?.status, (await waiting)?.text]).toEqual([200, 'made 1'])
  })

  test('was in time, though tokens that ended later are forgotten meanwhile; that waits for it alone', async () => {
    await using setting = await openWaiting()
    const { clock, upstream, gateway } = setting
    const payments = await payForAll(gateway, 2)
    clock.advance(1_000)
    const other = await payFor(gateway, requestNumber(2))
    upstream.finish(2)
    expect((await send(gateway, paid(requestNumber(2), other))).text).toBe('made 2')
    clock.advance(almost - 1_000)
    upstream.calls.length = 0
    const [running, waiting] = await beginInTurn(gateway, upstream, payments)
    clock.advance(10 * 60_000)
    const { context } = gateway.running
    await context.forget()
    upstream.finish(0)
    upstream.finish(1)
    expect([(await running)?.status, (await waiting)?.text]).toEqual([200, 'made 1'])
    await idle(gateway)
    expect(await rowIn(gateway, other)).toBeDefined()
    await context.forget()
    expect(await rowIn(gateway, other)).toBeUndefined()
  })

  test('was in time, though its first claim could not be written', async () => {
    await using setting = await openWaiting()
    const { clock, upstream, gateway } = setting
    const [first, second] = await payForAll(gateway, 2)
    if (!first || !second) throw new Error('nothing was paid')
    clock.advance(almost)
    const running = send(gateway, paid(requestNumber(0), first))
    await expect.poll(() => upstream.calls, soon).toHaveLength(1)
    const twice = [1, 1].map((number) => send(gateway, paid(requestNumber(number), second)))
    await expect.poll(() => gateway.running.context.gateway.arrivals.size, soon).toBe(2)
    clock.advance(60_000)
    const broken = new LedgerError('busy', 'not now')
    using claim = vi.spyOn(gateway.running.context.ledger, 'claim').mockRejectedValueOnce(broken)
    upstream.finish(0)
    upstream.finish(1)
    const statuses = (await Promise.all(twice)).map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([200, 503]))
    expect([(await running).status, claim.mock.calls.length]).toEqual([200, 2])
  })

  test('was in time, though its body took longer to come', async () => {
    await using setting = await openWaiting()
    const { clock, upstream, gateway } = setting
    const [payment] = await payForAll(gateway, 1)
    if (!payment) throw new Error('nothing was paid')
    clock.advance(almost)
    upstream.finish(0)
    const { outgoing, text } = beginSlowly(gateway, payment)
    outgoing.write(text.slice(0, 2))
    await expect.poll(() => gateway.running.context.gateway.arrivals.size, soon).toBe(1)
    clock.advance(60_000)
    outgoing.end(text.slice(2))
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    answer.resume()
    expect([answer.statusCode, answer.headers['l402-payment']]).toEqual([200, 'spent'])
    expect(gateway.running.context.gateway.arrivals.size).toBe(0)
  })

  test('was in time for its result, which is not kept for longer', async () => {
    await using setting = await openWaiting()
    const { clock, upstream, gateway } = setting
    const [payment] = await payForAll(gateway, 1)
    if (!payment) throw new Error('nothing was paid')
    clock.advance(hour - 10_000)
    upstream.finish(0)
    expect((await send(gateway, paid(requestNumber(0), payment))).headers['l402-payment']).toBe('spent')
    // The token is over, and the result is kept for two seconds more.
    clock.advance(58_000)
    const { outgoing, text } = beginSlowly(gateway, payment)
    outgoing.write(text.slice(0, 2))
    await expect.poll(() => gateway.running.context.gateway.arrivals.size, soon).toBe(1)
    clock.advance(60_000)
    await gateway.running.context.forget()
    outgoing.end(text.slice(2))
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    answer.resume()
    expect([answer.statusCode, answer.headers['l402-payment']]).toEqual([200, 'replayed'])
  })

  test('is not in time when it comes later', async () => {
    await using setting = await openWaiting()
    const { clock, gateway } = setting
    const [payment] = await payForAll(gateway, 1)
    if (!payment) throw new Error('nothing was paid')
    clock.advance(hour + 1_000)
    expect((await send(gateway, paid(requestNumber(0), payment))).json().code).toBe('token_expired')
  })
})
