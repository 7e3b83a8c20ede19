import { expect, test, vi } from 'vitest'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway } from '../support/gateway.ts'
import { failPayments, metric, requestNumber } from '../support/guards.ts'
import { dueIn } from '../support/owing.ts'
import { openHeld, payForAll, shop } from '../support/queue.ts'
import { idle } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

vi.setConfig({ testTimeout: 30_000 })
const soon = { timeout: 10_000 }
const hour = 3_600_000

const kept = (config: string) => config.replace('flat: 7 }', 'flat: 7 }, result: { ttl: 2h }')

test('a token that was sent away by a full queue and ended meanwhile buys its request, not a second invoice', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openHeld()
  const config = kept(shop(upstream.url, 'max_concurrent: 1, max_queued: 0'))
  await using gateway = await openGateway({ config, clock })
  const [first, second] = await payForAll(gateway, 2)
  if (!first || !second) throw new Error('nothing was paid')
  clock.advance(hour - 2_000)
  const running = send(gateway, paid(requestNumber(0), first))
  await expect.poll(() => upstream.calls, soon).toHaveLength(1)
  const sentAway = await send(gateway, paid(requestNumber(1), second))
  expect([sentAway.status, sentAway.json().payment]).toEqual([503, { status: 'unspent', action: 'retry_same_token' }])
  clock.advance(10_000)
  const again = await send(gateway, paid(requestNumber(1), second))
  expect([again.status, again.headers['l402-payment']]).toEqual([503, 'unspent'])
  upstream.finish(0)
  upstream.finish(1)
  await running
  await idle(gateway)
  const answer = await send(gateway, paid(requestNumber(1), second))
  expect([answer.status, answer.text]).toEqual([200, 'made 1'])
  // It counts as a payment once, when its work begins.
  expect(await metric(gateway, 'turnpike_payments_total{service="make"}')).toBe(2)
})

test('a token that was sent away while the service was down, for as long as it is honoured, is owed', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream((_call, outgoing) => void outgoing.end('made'))
  await using gateway = await openGateway({ config: kept(shop(upstream.url, 'breaker: { failures: 3 }')), clock })
  const payment = await payFor(gateway, requestNumber(9))
  await failPayments(gateway, upstream, 3)
  const sentAway = await send(gateway, paid(requestNumber(9), payment))
  expect([sentAway.status, sentAway.json().code]).toEqual([503, 'upstream_down'])
  expect(dueIn(gateway.dataDir, clock.nowMs())).toEqual([])
  clock.advance(2 * hour + 1_000)
  const answer = await send(gateway, paid(requestNumber(9), payment))
  expect([answer.status, answer.json().code, answer.headers['l402-payment']]).toEqual([410, 'refund_due', 'refundable'])
  const { reference } = answer.json().payment as { reference: string }
  const owed = dueIn(gateway.dataDir, clock.nowMs())
  expect(owed.find((refund) => refund.reference === reference)).toMatchObject({
    reason: 'expired_unspent',
    lastCode: 'upstream_down',
  })
})
