import { expect, test } from 'vitest'
import { answerWith, inTurn } from '../../support/answers.ts'
import { paid, send } from '../../support/buyer.ts'
import { TestClock } from '../../support/clock.ts'
import { openGateway } from '../../support/gateway.ts'
import { beginToPay } from '../../support/held.ts'
import { makeDirectory } from '../../support/ledger/opened-ledger.ts'
import { idle } from '../../support/shop.ts'
import { type Answer, echo, openUpstream } from '../../support/upstream.ts'

const sells = (upstream: string, { hold = '20s', more = '' } = {}) => `
defaults: { breaker: off }
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
    charge: { on_delivery: { hold: ${hold} } }
${more}
`
const request = { path: '/make', body: { prompt: 'a cat' } }
const hold = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('a buyer who pays gets the preimage when the result is stored, and the result at once', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sells(upstream.url) })
  const { challenge, paying } = await beginToPay(gateway, request)
  expect(challenge.json()).toMatchObject({ charge: 'on_delivery', amountMsat: 7000 })
  const ended = await paying
  if (!('paid' in ended)) throw new Error(ended.refused)
  expect(upstream.calls).toHaveLength(1)
  const answer = await send(gateway, paid(request, ended.paid))
  expect([answer.status, answer.headers['l402-payment'], answer.headers['idempotent-replayed']]).toEqual([
    200,
    'spent',
    undefined,
  ])
  expect((await send(gateway, paid(request, ended.paid))).headers['l402-payment']).toBe('replayed')
  expect(upstream.calls).toHaveLength(1)
  expect(gateway.wallet.told).toEqual(['settle'])
  const { ledger } = gateway.running.context
  await expect.poll(async () => (await ledger.read(ended.paid.paymentHash))?.state).toBe('settled')
})

test.for([
  ['refuses the request', 422, 'refused'],
  ['fails too often', 500, 'given_up'],
] as const)('a buyer whose upstream %s is not charged', async ([, status, state]) => {
  await using upstream = await openUpstream(answerWith(status))
  await using gateway = await openGateway({ config: sells(upstream.url, { more: '    attempts: 1' }) })
  const { paymentHash, token, paying } = await beginToPay(gateway, request)
  expect(await paying).toEqual({ refused: expect.stringContaining('nothing is charged') })
  expect(gateway.wallet.told).toEqual(['cancel'])
  const states = async () => {
    const record = await gateway.running.context.ledger.read(paymentHash)
    return [record?.state, record?.job.state]
  }
  await expect.poll(states).toEqual(['cancelled', state])
  expect(token).not.toBe('')
  expect(upstream.calls).toHaveLength(1)
})

test('a failure is tried again while the payment is held', async () => {
  await using upstream = await openUpstream(inTurn(answerWith(503), echo))
  await using gateway = await openGateway({ config: sells(upstream.url) })
  const ended = await (await beginToPay(gateway, request)).paying
  expect('paid' in ended).toBe(true)
  expect(upstream.calls).toHaveLength(2)
})

test('patience ends while the work runs: the payment is taken, and the buyer attaches to the work', async () => {
  await using upstream = await openUpstream(async (_call, outgoing) => {
    await hold(1_500)
    outgoing.end('made late')
  })
  await using gateway = await openGateway({ config: sells(upstream.url, { hold: '300ms' }) })
  const ended = await (await beginToPay(gateway, request)).paying
  if (!('paid' in ended)) throw new Error(ended.refused)
  const answer = await send(gateway, paid(request, ended.paid))
  expect([answer.status, answer.text]).toEqual([200, 'made late'])
  expect(upstream.calls).toHaveLength(1)
})

test('patience ends in the queue: the payment is let go, and the upstream is not called for it', async () => {
  await using upstream = await openUpstream(async (_call, outgoing) => {
    await hold(1_500)
    outgoing.end('made')
  })
  const limited = `
defaults: { breaker: off }
upstreams: { gpu: { url: "${upstream.url}", max_concurrent: 1 } }
services:
  POST /make: { name: make, upstream: { use: gpu, path: / }, price: { flat: 7 }, charge: { on_delivery: { hold: 400ms } } }
`
  await using gateway = await openGateway({ config: limited })
  const first = await beginToPay(gateway, request)
  await hold(150)
  const second = await beginToPay(gateway, { path: '/make', body: { prompt: 'a dog' } })
  const [one, two] = await Promise.all([first.paying, second.paying])
  expect(['paid' in one, 'refused' in two]).toEqual([true, true])
  await hold(1_600)
  expect(upstream.calls).toHaveLength(1)
})

test('a restart while the payment is held goes on with the work', async () => {
  await using upstream = await openUpstream(inTurn(answerWith(503), echo))
  const first = await openGateway({ config: sells(upstream.url) })
  const { paymentHash, invoice } = await beginToPay(first, request)
  await expect.poll(() => upstream.calls.length).toBe(1)
  await idle(first)
  expect((await first.running.context.ledger.read(paymentHash))?.state).toBe('held')
  await using gateway = await first.restart()
  const preimage = await gateway.wallet.pay(invoice, AbortSignal.timeout(10_000))
  expect(preimage).toMatch(/^[0-9a-f]{64}$/)
  expect((await gateway.running.context.ledger.read(paymentHash))?.job.state).toBe('captured')
  expect(upstream.calls).toHaveLength(2)
})

/** A payment whose work failed once, a gateway that ends then, and what the next one makes of it. */
async function absence(how: { hold: string; passes: (clock: TestClock) => void; answer?: Answer }) {
  using directory = makeDirectory()
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream(answerWith(503))
  const options = { config: sells(upstream.url, { hold: how.hold }), clock, dataDir: directory.path }
  const first = await openGateway(options)
  const { paymentHash } = await beginToPay(first, request)
  await expect.poll(() => upstream.calls.length).toBe(1)
  await idle(first)
  await first[Symbol.asyncDispose]()
  const before = upstream.calls.length
  upstream.answer = how.answer ?? echo
  how.passes(clock)
  await using gateway = await openGateway(options)
  const state = async () => (await gateway.running.context.ledger.read(paymentHash))?.state
  await expect.poll(state, { timeout: 6_000 }).toMatch(/settled|cancelled/)
  return { state: await state(), told: gateway.wallet.told, calls: upstream.calls.length - before }
}

test('after an absence longer than the patience no work is begun that its buyer would have to pay for', async () => {
  const { calls, told, state } = await absence({ hold: '20s', passes: (clock) => clock.advance(21_000) })
  expect([state, told, calls]).toEqual(['cancelled', ['cancel'], 0])
})

test('a clock that was set back keeps no payment for longer', { timeout: 20_000 }, async () => {
  const slow: Answer = (_call, outgoing) => void setTimeout(() => outgoing.end('made late'), 8_000)
  const { state } = await absence({ hold: '2500ms', passes: (clock) => clock.step(-3_600_000), answer: slow })
  expect(state).toBe('settled')
})

test('offers are bounded, for everybody and for one network', async () => {
  await using upstream = await openUpstream()
  const bounded = `l402: { hold: { max_open: 3, max_per_client: 2 } }\n${sells(upstream.url)}`
  await using gateway = await openGateway({ config: bounded })
  const statuses: number[] = []
  for (let index = 0; index < 3; index++) statuses.push((await send(gateway, request)).status)
  expect(statuses).toEqual([402, 402, 503])
  expect(gateway.wallet.asked).toHaveLength(2)
})
