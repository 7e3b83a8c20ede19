import { describe, expect, test, vi } from 'vitest'
import { paid, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { metric, requestNumber } from '../support/guards.ts'
import { beginRequest } from '../support/open-request.ts'
import { beginInTurn, openHeld, payForAll, queued, shop } from '../support/queue.ts'
import { idle, rowIn } from '../support/shop.ts'

vi.setConfig({ testTimeout: 30_000 })
const soon = { timeout: 10_000 }

describe('calls to an upstream that takes one at a time', () => {
  test('are made in the order in which they came; whoever waits has spent nothing', async () => {
    await using upstream = await openHeld()
    await using gateway = await openGateway({ config: shop(upstream.url, 'max_concurrent: 1, max_queued: 5') })
    const payments = await payForAll(gateway, 4)
    const answers = await beginInTurn(gateway, upstream, payments)
    expect(upstream.bodies()).toEqual(['0'])
    for (const payment of payments.slice(1)) expect(await rowIn(gateway, payment)).toBeUndefined()
    expect(await metric(gateway, 'turnpike_upstream_queued{upstream="gpu"}')).toBe(3)
    expect(await metric(gateway, 'turnpike_upstream_running{upstream="gpu"}')).toBe(1)
    upstream.finish(0)
    await answers[0]
    await expect.poll(() => upstream.bodies(), soon).toEqual(['0', '1'])
    for (const number of [3, 2, 1]) upstream.finish(number)
    const texts = (await Promise.all(answers)).map(({ text }) => text)
    expect(texts).toEqual(['made 0', 'made 1', 'made 2', 'made 3'])
    expect(upstream.bodies()).toEqual(['0', '1', '2', '3'])
    expect(await metric(gateway, 'turnpike_upstream_queue_wait_seconds_count{upstream="gpu"}')).toBe(4)
    await idle(gateway)
    expect(gateway.running.context.gateway.guard.status()).toMatchObject([{ running: 0, queued: 0 }])
  })

  test('keep it from other calls until they end, whether their clients stay or not', async () => {
    await using upstream = await openHeld()
    await using gateway = await openGateway({ config: shop(upstream.url, 'max_concurrent: 1') })
    const [first, second] = await payForAll(gateway, 2)
    if (!first || !second) throw new Error('nothing was paid')
    const { leave } = beginRequest(gateway, paid(requestNumber(0), first))
    await expect.poll(() => upstream.calls, soon).toHaveLength(1)
    leave()
    await expect.poll(() => gateway.log.some((line) => line.includes('"broken_off":true')), soon).toBe(true)
    const answer = send(gateway, paid(requestNumber(1), second))
    await expect.poll(() => queued(gateway), soon).toBe(1)
    expect(upstream.calls).toHaveLength(1)
    upstream.finish(0)
    upstream.finish(1)
    expect((await answer).text).toBe('made 1')
    expect((await send(gateway, paid(requestNumber(0), first))).text).toBe('made 0')
    expect(upstream.calls).toHaveLength(2)
  })

  test('lose their place when the client leaves, and only that', async () => {
    await using upstream = await openHeld()
    await using gateway = await openGateway({ config: shop(upstream.url, 'max_concurrent: 1, max_queued: 1') })
    const [first, second, third] = await payForAll(gateway, 3)
    if (!first || !second || !third) throw new Error('nothing was paid')
    const running = send(gateway, paid(requestNumber(0), first))
    await expect.poll(() => upstream.calls, soon).toHaveLength(1)
    const { leave } = beginRequest(gateway, paid(requestNumber(1), second))
    await expect.poll(() => queued(gateway), soon).toBe(1)
    leave()
    await expect.poll(() => queued(gateway), soon).toBe(0)
    // They came in time, which counts however long they stay away.
    await expect.poll(() => rowIn(gateway, second), soon).toMatchObject({ job: { state: 'retryable', epoch: 0 } })
    const waiting = send(gateway, paid(requestNumber(2), third))
    await expect.poll(() => queued(gateway), soon).toBe(1)
    for (const number of [0, 1, 2]) upstream.finish(number)
    expect([(await running).text, (await waiting).text]).toEqual(['made 0', 'made 2'])
    expect(upstream.bodies()).toEqual(['0', '2'])
    expect((await send(gateway, paid(requestNumber(1), second))).text).toBe('made 1')
  })

  test('share one place when they bring the same payment, as long as one of them stays', async () => {
    await using upstream = await openHeld()
    await using gateway = await openGateway({ config: shop(upstream.url, 'max_concurrent: 1, max_queued: 1') })
    const [first, second] = await payForAll(gateway, 2)
    if (!first || !second) throw new Error('nothing was paid')
    const running = send(gateway, paid(requestNumber(0), first))
    await expect.poll(() => upstream.calls, soon).toHaveLength(1)
    const { leave } = beginRequest(gateway, paid(requestNumber(1), second))
    await expect.poll(() => queued(gateway), soon).toBe(1)
    const others = [send(gateway, paid(requestNumber(1), second)), send(gateway, paid(requestNumber(1), second))]
    await new Promise((resolve) => setTimeout(resolve, 100))
    leave()
    await expect.poll(() => gateway.log.some((line) => line.includes('"broken_off":true')), soon).toBe(true)
    expect(queued(gateway)).toBe(1)
    upstream.finish(0)
    upstream.finish(1)
    await running
    for (const answer of await Promise.all(others)) expect([answer.status, answer.text]).toEqual([200, 'made 1'])
    expect(upstream.bodies()).toEqual(['0', '1'])
  })

  test('are not what stored results and work under way are: those never wait', async () => {
    await using upstream = await openHeld()
    await using gateway = await openGateway({ config: shop(upstream.url, 'max_concurrent: 1, max_queued: 5') })
    const [first, second] = await payForAll(gateway, 2)
    if (!first || !second) throw new Error('nothing was paid')
    upstream.finish(0)
    expect((await send(gateway, paid(requestNumber(0), first))).text).toBe('made 0')
    const running = send(gateway, paid(requestNumber(1), second))
    await expect.poll(() => upstream.calls, soon).toHaveLength(2)
    const replay = await send(gateway, paid(requestNumber(0), first))
    expect([replay.status, replay.headers['l402-payment'], replay.text]).toEqual([200, 'replayed', 'made 0'])
    const attached = send(gateway, paid(requestNumber(1), second))
    upstream.finish(1)
    expect([(await running).text, (await attached).text]).toEqual(['made 1', 'made 1'])
    expect(upstream.calls).toHaveLength(2)
  })
})

describe('a queue that is full', () => {
  test('turns away who has paid, unspent, and sells nothing to who has not', async () => {
    await using upstream = await openHeld()
    await using gateway = await openGateway({ config: shop(upstream.url, 'max_concurrent: 1, max_queued: 1') })
    const payments = await payForAll(gateway, 3)
    const [, , late] = payments
    if (!late) throw new Error('nothing was paid')
    const answers = await beginInTurn(gateway, upstream, payments.slice(0, 2))
    const refused = await send(gateway, paid(requestNumber(2), late))
    expect([refused.status, refused.json().code]).toEqual([503, 'upstream_busy'])
    expect(refused.headers['l402-payment']).toBe('unspent')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(refused.json().payment).toEqual({ status: 'unspent', action: 'retry_same_token' })
    expect(await rowIn(gateway, late)).toMatchObject({ job: { state: 'retryable', epoch: 0, attempts: 0 } })
    const asked = gateway.wallet.asked.length
    const unsold = await send(gateway, requestNumber(9))
    expect([unsold.status, unsold.json().code, unsold.headers['l402-payment']]).toEqual([
      503,
      'upstream_busy',
      'not-charged',
    ])
    expect(unsold.headers['www-authenticate']).toBeUndefined()
    expect(gateway.wallet.asked).toHaveLength(asked)
    expect(gateway.log.filter((line) => line.includes('"status":503,"code":"upstream_busy"'))).toHaveLength(2)
    for (const number of [0, 1, 2]) upstream.finish(number)
    await Promise.all(answers)
    await idle(gateway)
    expect((await send(gateway, requestNumber(9))).status).toBe(402)
    expect((await send(gateway, paid(requestNumber(2), late))).text).toBe('made 2')
  })

  test('and one in which the wait is too long, turn away alike', async () => {
    await using upstream = await openHeld()
    await using gateway = await openGateway({
      config: shop(upstream.url, 'max_concurrent: 1, max_queue_wait: 100ms'),
    })
    const payments = await payForAll(gateway, 2)
    const [running, waiting] = await beginInTurn(gateway, upstream, payments)
    const refused = await waiting
    expect([refused?.status, refused?.json().code]).toEqual([503, 'upstream_busy'])
    expect(refused?.headers['l402-payment']).toBe('unspent')
    upstream.finish(0)
    upstream.finish(1)
    expect((await running)?.status).toBe(200)
    const [, second] = payments
    if (second) expect((await send(gateway, paid(requestNumber(1), second))).text).toBe('made 1')
  })
})

test('a free route does not stand in the queue', async () => {
  await using upstream = await openHeld()
  await using gateway = await openGateway({ config: shop(upstream.url, 'max_concurrent: 1, max_queued: 0') })
  const [payment] = await payForAll(gateway, 1)
  if (!payment) throw new Error('nothing was paid')
  const running = send(gateway, paid(requestNumber(0), payment))
  await expect.poll(() => upstream.calls, soon).toHaveLength(1)
  const free = send(gateway, { path: '/media/1' })
  await expect.poll(() => upstream.calls, soon).toHaveLength(2)
  upstream.finish(0)
  expect([(await running).status, (await free).status]).toEqual([200, 200])
})

test('a hundred repetitions at once are all answered from what is stored', async () => {
  await using upstream = await openHeld()
  await using gateway = await openGateway({ config: shop(upstream.url, 'max_queued: 1') })
  const [payment] = await payForAll(gateway, 1)
  if (!payment) throw new Error('nothing was paid')
  upstream.finish(0)
  const request = paid(requestNumber(0), payment)
  expect((await send(gateway, request)).status).toBe(200)
  const answers = await Promise.all(Array.from({ length: 100 }, () => send(gateway, request)))
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set(['200 made 0']))
  expect(upstream.calls).toHaveLength(1)
})
