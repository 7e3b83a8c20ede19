import { describe, expect, test, vi } from 'vitest'
import { answerWith, hang } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { requestNumber } from '../support/guards.ts'
import { type Answer, echo, openUpstream, type TestUpstream } from '../support/upstream.ts'

vi.setConfig({ testTimeout: 30_000 })
const soon = { timeout: 10_000 }

const shop = (upstream: string, health: string, breaker = '{ failures: 3 }') => `
upstreams:
  gpu:
    url: ${upstream}
    headers: { Authorization: Bearer of-the-gpu }
    breaker: ${breaker}
    health: { path: /healthz, every: 100ms, ${health} }
services:
  POST /make: { name: make, upstream: { use: gpu, path: /make }, price: { flat: 7 } }
`

const sale = requestNumber(1)

/** Answers checks in one way and everything else in another. */
const checkedBy =
  (check: Answer, work: Answer = echo): Answer =>
  (call, outgoing, incoming) =>
    (call.url === '/healthz' ? check : work)(call, outgoing, incoming)

const checks = ({ calls }: TestUpstream) => calls.filter(({ url }) => url === '/healthz')

describe('an upstream that is checked', () => {
  test.for([
    ['500', answerWith(500), ''],
    ['what was not expected', answerWith(204), 'expect: 200'],
    ['nothing in time', hang, 'timeout: 50ms'],
  ] as const)('and answers %s is not sold until a check went well', async ([, bad, settings]) => {
    await using upstream = await openUpstream(checkedBy(bad))
    await using gateway = await openGateway({ config: shop(upstream.url, settings) })
    await expect.poll(async () => (await send(gateway, sale)).status, soon).toBe(503)
    const asked = gateway.wallet.asked.length
    const refused = await send(gateway, sale)
    expect([refused.status, refused.json().code]).toEqual([503, 'upstream_down'])
    expect(gateway.wallet.asked).toHaveLength(asked)
    upstream.answer = checkedBy(answerWith(200))
    await expect.poll(async () => (await send(gateway, sale)).status, soon).toBe(402)
    const [check] = checks(upstream)
    expect([check?.method, check?.headers.authorization]).toEqual(['GET', 'Bearer of-the-gpu'])
    expect(upstream.calls.filter(({ url }) => url === '/make')).toHaveLength(0)
  })

  test('is sold again at once when it can be reached again, without waiting for a buyer', async () => {
    const clock = new TestClock(Date.now())
    await using upstream = await openUpstream(checkedBy(answerWith(200)))
    await using gateway = await openGateway({ config: shop(upstream.url, 'expect: 200'), clock })
    const payment = await payFor(gateway, sale)
    upstream.answer = (_call, outgoing) => void outgoing.socket?.resetAndDestroy()
    await expect.poll(async () => (await send(gateway, requestNumber(2))).status, soon).toBe(503)
    upstream.answer = checkedBy(answerWith(200))
    await expect.poll(async () => (await send(gateway, requestNumber(2))).status, soon).toBe(402)
    expect((await send(gateway, paid(sale, payment))).status).toBe(200)
  })

  test('and says that it is well, but fails at its work, is not sold all the same', async () => {
    const clock = new TestClock(Date.now())
    await using upstream = await openUpstream(checkedBy(answerWith(200)))
    await using gateway = await openGateway({ config: shop(upstream.url, 'expect: 200'), clock })
    await expect.poll(() => checks(upstream).length, soon).toBeGreaterThan(0)
    await failPaymentsOnly(gateway, upstream)
    const before = checks(upstream).length
    await expect.poll(() => checks(upstream).length, soon).toBeGreaterThan(before + 2)
    expect((await send(gateway, requestNumber(50))).status).toBe(503)
  })

  test('is asked by one check at a time, and by none once the gateway has ended', async () => {
    let open = 0
    let most = 0
    await using upstream = await openUpstream(
      checkedBy(async (_call, outgoing) => {
        most = Math.max(most, ++open)
        await new Promise((resolve) => setTimeout(resolve, 250))
        open--
        outgoing.end()
      }),
    )
    const gateway = await openGateway({ config: shop(upstream.url, 'timeout: 5s') })
    await expect.poll(() => checks(upstream).length, soon).toBeGreaterThan(2)
    const stopping = performance.now()
    await gateway[Symbol.asyncDispose]()
    expect(performance.now() - stopping).toBeLessThan(2_000)
    expect(most).toBe(1)
    const { length } = checks(upstream)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(checks(upstream)).toHaveLength(length)
  })
})

/** Work fails while checks go well. */
async function failPaymentsOnly(gateway: TestGateway, upstream: TestUpstream) {
  const payments = []
  for (const number of [10, 11, 12]) payments.push(await payFor(gateway, requestNumber(number)))
  upstream.answer = checkedBy(answerWith(200), answerWith(500))
  for (const [index, payment] of payments.entries()) await send(gateway, paid(requestNumber(10 + index), payment))
}
