import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { long } from '../hostile/support/tally.ts'
import { type Payment, paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { aRequest, idle, rowIn } from '../support/shop.ts'
import { type Answer, openUpstream, type TestUpstream } from '../support/upstream.ts'

const second = 1_000
const hour = 3_600 * second
const year = 365 * 24 * hour

let clock: TestClock
let upstream: TestUpstream
let gateway: TestGateway
let made = 0
const makes: Answer = (_call, outgoing) => void outgoing.end(`made ${++made}`)

beforeAll(async () => {
  clock = new TestClock(Date.now())
  upstream = await openUpstream(makes)
  gateway = await openGateway({
    config: `
l402: { token_ttl: 1h }
services:
  POST /make: { name: make, upstream: "${upstream.url}", price: { flat: 7 }, result: { ttl: 30m } }
`,
    clock,
    logLevel: 'silent',
  })
})
beforeEach(() => void upstream.calls.splice(0))
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const redeem = (payment: Payment) => send(gateway, paid(aRequest, payment))
const outcome = ({ status, text, headers }: Awaited<ReturnType<typeof redeem>>): string =>
  status === 200
    ? `${String(headers['l402-payment'])} ${text}`
    : `${status} ${(JSON.parse(text) as { code: string }).code}`

/** As the gateway does every minute, until there is nothing to do. */
async function prune(): Promise<void> {
  const { ledger } = gateway.running.context
  while ((await ledger.prune(clock.nowMs(), clock.monotonicMs())) > 0);
}

const expiryOf = ({ token }: { token: string }): number =>
  Number(/make_valid_until=([0-9]+)/.exec(Buffer.from(token, 'base64').toString('latin1'))?.[1])

test('two tokens that are minted ten seconds apart expire ten seconds apart', async () => {
  const first = (await send(gateway, aRequest)).json()
  clock.advance(10 * second)
  const next = (await send(gateway, aRequest)).json()
  expect(expiryOf(next) - expiryOf(first)).toBe(10)
  expect(expiryOf(first)).toBe(Math.floor((clock.nowMs() - 10 * second) / 1000) + 3600)
})

describe.for([
  ['an hour ahead', hour],
  ['an hour back', -hour],
  ['a year ahead', year],
  ['a year back', -year],
] as const)('a clock that is set %s', ([, step]) => {
  test('and back takes nothing from who has paid, and gives nothing twice', async () => {
    const [before, between] = [await payFor(gateway, aRequest), await payFor(gateway, aRequest)]
    const first = outcome(await redeem(before))
    clock.step(step)
    await prune()
    // What was spent is told again or is over; it is not made again.
    expect([first.replace('spent', 'replayed'), '410 result_expired', '402 token_expired']).toContain(
      outcome(await redeem(before)),
    )
    const early = outcome(await redeem(between))
    expect(early).toMatch(/^spent made|^402 token_expired$/)
    clock.step(-step)
    await prune()
    expect(outcome(await redeem(before))).toBe(first.replace('spent', 'replayed'))
    // What was stored under a clock that was behind is older than it seems.
    const late = outcome(await redeem(between))
    expect(late).toMatch(early.startsWith('spent') ? /^replayed made|^410 result_expired$/ : /^spent made/)
    expect(upstream.calls).toHaveLength(2)
    expect(await rowIn(gateway, between)).toMatchObject({ job: { state: 'captured' } })
  })

  test('in the middle of the work does not begin it anew', async () => {
    const payment = await payFor(gateway, aRequest)
    upstream.answer = async (call, outgoing, incoming) => {
      clock.step(step)
      await prune()
      await makes(call, outgoing, incoming)
    }
    const [one, other] = await Promise.all([redeem(payment), redeem(payment)])
    upstream.answer = makes
    await idle(gateway)
    clock.step(-step)
    expect([one.status, other.status, one.text]).toEqual([200, 200, other.text])
    expect(outcome(await redeem(payment))).toMatch(/^replayed made|^410 result_expired$/)
    expect(upstream.calls).toHaveLength(1)
  })
})

test('a spent token whose row is gone stays spent when the clock is set back', async () => {
  const payment = await payFor(gateway, aRequest)
  expect(outcome(await redeem(payment))).toMatch(/^spent/)
  await prune()
  clock.advance(3 * hour)
  await prune()
  expect(await rowIn(gateway, payment)).toBeUndefined()
  for (const step of [-3 * hour, -hour, -year]) {
    clock.step(step)
    expect(outcome(await redeem(payment))).toBe('402 token_expired')
    await prune()
    expect(outcome(await redeem(payment))).toBe('402 token_expired')
    clock.step(-step)
  }
  expect(upstream.calls).toHaveLength(1)
})

describe('across the last second of a token', () => {
  test.for(long ? [-2_000, -1_001, -1_000, -999, -1, 0, 1, 999, 1_000, 2_000] : [-2_000, -1, 0, 2_000])(
    'by %i ms, while the ledger forgets, it is good until then and made once',
    async (offset) => {
      const payments = await Promise.all(Array.from({ length: 4 }, () => payFor(gateway, aRequest)))
      const [unused, used, ...racing] = payments as [Payment, Payment, ...Payment[]]
      const first = outcome(await redeem(used))
      await prune()
      clock.advance(expiryOf(unused) * 1000 + offset - clock.nowMs())
      const calls = upstream.calls.length
      // Presented, pruned, presented again, all at once.
      const answers = await Promise.all([
        prune(),
        ...racing.flatMap((payment) => [redeem(payment), prune(), redeem(payment)]),
        redeem(unused),
      ])
      const outcomes = answers.filter((answer) => answer !== undefined).map(outcome)
      const isGood = offset < 0
      for (const each of outcomes)
        expect(each).toMatch(isGood ? /^(?:spent|replayed) made|^in-progress made/ : /^402 token_expired$/)
      await prune()
      const runs = upstream.calls.length - calls
      expect(runs).toBe(isGood ? 3 : 0)
      for (const payment of [unused, ...racing]) await redeem(payment)
      expect(outcome(await redeem(used))).not.toMatch(/^spent/)
      expect(first).toMatch(/^spent/)
      expect(upstream.calls.length - calls).toBe(runs)
    },
  )
})
