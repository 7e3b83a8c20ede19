import { setTimeout as passed } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { answerWith, makeGate } from '../../support/answers.ts'
import { paid, send } from '../../support/buyer.ts'
import { TestClock } from '../../support/clock.ts'
import { openGateway } from '../../support/gateway.ts'
import { requestNumber, TestDisk } from '../../support/guards.ts'
import { beginToPay } from '../../support/held.ts'
import { heldStates, holdsIn, sellsHeld } from '../../support/held-shop.ts'
import { echo, openUpstream } from '../../support/upstream.ts'

vi.setConfig({ testTimeout: 40_000 })
const soon = { timeout: 15_000 }
const request = requestNumber(1)
const within = () => AbortSignal.timeout(20_000)

test('an invoice that is paid twice is charged once and worked for once', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  const { paying, invoice, paymentHash } = await beginToPay(gateway, request)
  const again = gateway.wallet.pay(invoice, within())
  const first = await paying
  if (!('paid' in first)) throw new Error(first.refused)
  expect(await again).toBe(first.paid.preimage)
  expect(await gateway.wallet.pay(invoice, within())).toBe(first.paid.preimage)
  expect((await send(gateway, paid(request, first.paid))).status).toBe(200)
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', 'captured', 'settled'])
  expect([upstream.calls.length, gateway.wallet.told]).toEqual([1, ['settle']])
})

test('an invoice that expired cannot be paid, and its offer is withdrawn and closed with the wallet', async () => {
  await using upstream = await openUpstream()
  // Times in invoices are whole seconds, and half of what was asked for must be left.
  const top = 'lightning: { invoice_expiry: 3s }'
  await using gateway = await openGateway({ config: sellsHeld(upstream.url, { top }) })
  const { invoice, paymentHash } = (await send(gateway, request)).json()
  expect(await holdsIn(gateway).offers()).toHaveLength(1)
  await passed(3_100)
  await expect(gateway.wallet.pay(invoice, within())).rejects.toThrow('expired')
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual([undefined, undefined, 'cancelled'])
  await expect.poll(() => holdsIn(gateway).offers(), soon).toEqual([])
  await expect(gateway.wallet.pay(invoice, within())).rejects.toThrow('nothing is charged')
  expect(upstream.calls).toHaveLength(0)
})

test('a payment that was let go cannot be made again', async () => {
  await using upstream = await openUpstream(answerWith(422))
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  const { paying, invoice, paymentHash } = await beginToPay(gateway, request)
  expect(await paying).toHaveProperty('refused')
  await expect(gateway.wallet.pay(invoice, within())).rejects.toThrow('nothing is charged')
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['cancelled', 'refused', 'cancelled'])
  expect(upstream.calls).toHaveLength(1)
})

test('a buyer who pays and goes away is worked for once, and finds payment and result when they come back', async () => {
  const gate = makeGate()
  await using upstream = await openUpstream(async (...call) => {
    await gate.opened
    await echo(...call)
  })
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  const { invoice, paymentHash, token } = (await send(gateway, request)).json()
  await expect(gateway.wallet.pay(invoice, AbortSignal.timeout(300))).rejects.toThrow('held')
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['held', 'running', 'accepted'])
  gate.open()
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', 'captured', 'settled'])
  const preimage = await gateway.wallet.pay(invoice, within())
  const headers = { authorization: `L402 ${token}:${preimage}` }
  expect((await send(gateway, { ...request, headers })).status).toBe(200)
  expect(upstream.calls).toHaveLength(1)
})

test('a disk that is full when the payment is locked in lets it go, and the upstream is not called', async () => {
  await using upstream = await openUpstream()
  const disk = new TestDisk(1_000 * 2 ** 20)
  const top = 'disk: { reserve: 100MiB }'
  await using gateway = await openGateway({ config: sellsHeld(upstream.url, { top }), disk })
  const { invoice, paymentHash } = (await send(gateway, request)).json()
  disk.free = 0
  await passed(2_000)
  await expect(gateway.wallet.pay(invoice, within())).rejects.toThrow('nothing is charged')
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['cancelled', 'retryable', 'cancelled'])
  expect(upstream.calls).toHaveLength(0)
})

test('an upstream that is known to be down when the payment is locked in lets it go, and is not called', async () => {
  await using upstream = await openUpstream(answerWith(500))
  const breaker = 'upstreams: { gpu: { url: "URL", breaker: { failures: 1, cooldown: 60s } } }'
  const config = sellsHeld('{ use: gpu, path: /make }', {
    lines: '    attempts: 1',
    top: breaker.replace('URL', upstream.url),
  }).replace('defaults: { breaker: off }', '')
  // A clock that stands still: the next trial is never due.
  await using gateway = await openGateway({ config, clock: new TestClock(Date.now()) })
  const { invoice, paymentHash } = (await send(gateway, request)).json()
  const failing = await beginToPay(gateway, requestNumber(2))
  expect(await failing.paying).toHaveProperty('refused')
  expect((await send(gateway, requestNumber(3))).status).toBe(503)
  await expect(gateway.wallet.pay(invoice, within())).rejects.toThrow('nothing is charged')
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['cancelled', 'retryable', 'cancelled'])
  expect(upstream.calls).toHaveLength(1)
})

test('after an outage the first sale is the trial, however soon its buyer pays', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream(answerWith(500))
  const config = sellsHeld('{ use: gpu, path: /make }', {
    lines: '    attempts: 1',
    top: `upstreams: { gpu: { url: "${upstream.url}", breaker: { failures: 1, cooldown: 60s } } }`,
  }).replace('defaults: { breaker: off }', '')
  await using gateway = await openGateway({ config, clock })
  expect(await (await beginToPay(gateway, request)).paying).toHaveProperty('refused')
  expect((await send(gateway, request)).status).toBe(503)
  upstream.answer = echo
  clock.advance(61_000)
  expect(await (await beginToPay(gateway, requestNumber(2))).paying).toHaveProperty('paid')
  expect(await (await beginToPay(gateway, requestNumber(3))).paying).toHaveProperty('paid')
})

test.for([
  ['max_failed_per_client', 'refused', ''],
  ['max_failed_per_service', 'refused', ''],
  ['max_failed_per_client', 'failed until nobody waited', '    attempts: 5'],
] as const)('above %s nothing is offered: work that %s', async ([limit, how, lines]) => {
  await using upstream = await openUpstream(answerWith(how === 'refused' ? 422 : 500))
  const top = `l402: { hold: { ${limit}: 2 } }`
  await using gateway = await openGateway({ config: sellsHeld(upstream.url, { top, lines, hold: '800ms' }) })
  for (const number of [1, 2]) {
    expect(await (await beginToPay(gateway, requestNumber(number))).paying).toHaveProperty('refused')
  }
  const asked = gateway.wallet.asked.length
  const answer = await send(gateway, requestNumber(3))
  expect([answer.status, answer.json().code]).toEqual([429, 'rate_limited'])
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(3_000)
  expect([gateway.wallet.asked.length, upstream.calls.length]).toEqual([asked, 2])
})
