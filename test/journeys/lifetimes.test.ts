import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { answerWith } from '../support/answers.ts'
import { type Payment, paid, payFor, type Sent, send } from '../support/buyer.ts'
import { attenuate } from '../support/clients-attenuate.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { ScriptedWallet } from '../support/scripted-wallet.ts'
import { aRequest, idle, rowIn } from '../support/shop.ts'
import { type Answer, openUpstream, type TestUpstream } from '../support/upstream.ts'

vi.setConfig({ testTimeout: 30_000 })

const minute = 60_000
const hour = 60 * minute

/** Tokens live for an hour, results for two. */
const config = (upstream: string) => `
l402: { token_ttl: 1h }
services:
  POST /make: { name: make, upstream: "${upstream}", price: { flat: 7 }, result: { ttl: 2h } }
`

let clock: TestClock
let upstream: TestUpstream
let gateway: TestGateway
let made = 0
const makes: Answer = (_call, outgoing) => void outgoing.end(`made ${++made}`)

beforeAll(async () => {
  clock = new TestClock(Date.now())
  upstream = await openUpstream(makes)
  gateway = await openGateway({ config: config(upstream.url), clock })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** As the gateway does every minute, until there is nothing to do. */
async function prune(): Promise<void> {
  const { ledger } = gateway.running.context
  while ((await ledger.prune(clock.nowMs(), clock.monotonicMs())) > 0);
}

const redeem = (payment: Payment, request: Sent = aRequest) => send(gateway, paid(request, payment))

describe('an invoice whose wallet lets it be paid for a day', () => {
  test('leaves the buyer as much time after its last second', async () => {
    const wallet = new ScriptedWallet('slow', { clock })
    wallet.expirySeconds = 24 * 3600
    await using slow = await openGateway({ config: config(upstream.url), clock, wallets: [wallet] })
    const challenged = await send(slow, aRequest)
    const { invoice, token, tokenExpiresAt, expiresAt } = challenged.json()
    expect(Date.parse(String(tokenExpiresAt)) - Date.parse(String(expiresAt))).toBeGreaterThan(49 * minute)
    clock.advance(24 * hour - 1_000)
    const preimage = await wallet.pay(invoice)
    clock.advance(49 * minute)
    const answer = await send(slow, { ...aRequest, headers: { authorization: `L402 ${token}:${preimage}` } })
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
  })

  test('is sold with without a write for each challenge', async () => {
    const wallet = new ScriptedWallet('slow', { clock })
    wallet.expirySeconds = 24 * 3600
    await using slow = await openGateway({ config: config(upstream.url), clock, wallets: [wallet] })
    const writes = vi.spyOn(slow.running.context.ledger, 'saveRevisions')
    for (let challenge = 0; challenge < 20; challenge++) {
      expect((await send(slow, aRequest)).status).toBe(402)
      clock.advance(2_000)
    }
    expect(writes.mock.calls.length).toBe(1)
  })

  test('is not sold with where that is more than a year', async () => {
    const wallet = new ScriptedWallet('forever', { clock })
    wallet.expirySeconds = 2 ** 32 - 1
    await using slow = await openGateway({ config: config(upstream.url), clock, wallets: [wallet] })
    expect((await send(slow, aRequest)).json().code).toBe('wallet_unavailable')
  })
})

describe('an invoice that is paid in its last second', () => {
  test('leaves the buyer time for the call and for trying again', async () => {
    const challenged = await send(gateway, aRequest)
    const { invoice, token } = challenged.json()
    clock.advance(10 * minute - 1_000)
    const preimage = await gateway.wallet.pay(invoice)
    const authorization = `L402 ${token}:${preimage}`
    upstream.answer = answerWith(503)
    expect((await send(gateway, { ...aRequest, headers: { authorization } })).status).toBe(503)
    upstream.answer = makes
    clock.advance(10 * minute)
    const answer = await send(gateway, { ...aRequest, headers: { authorization } })
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
  })
})

describe('a payment that was presented in the last second of its token', () => {
  test('and whose call failed is honoured as long as a result would be kept, and then owed', async () => {
    const [used, unused] = [await payFor(gateway, aRequest), await payFor(gateway, aRequest)]
    clock.advance(hour - 1_000)
    upstream.answer = answerWith(503)
    for (const payment of [used, unused]) expect((await redeem(payment)).status).toBe(503)
    await idle(gateway)
    upstream.answer = makes
    clock.advance(2 * hour - 1_000)
    await prune()
    const answer = await redeem(used)
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
    clock.advance(2_000)
    await prune()
    const late = await redeem(unused)
    expect([late.status, late.json().code, late.headers['l402-payment']]).toEqual([410, 'refund_due', 'refundable'])
    clock.advance(240 * hour)
    await prune()
    expect((await redeem(unused)).json().code).toBe('refund_due')
    expect(await rowIn(gateway, unused)).toBeDefined()
  })

  test('and was spent brings its result until that expires, to the second', async () => {
    const payment = await payFor(gateway, aRequest)
    clock.advance(hour - 1_000)
    const first = await redeem(payment)
    clock.advance(2 * hour - 1_000)
    await prune()
    const replay = await redeem(payment)
    expect([replay.status, replay.headers['l402-payment'], replay.text]).toEqual([200, 'replayed', first.text])
    clock.advance(1_000)
    const calls = upstream.calls.length
    const gone = await redeem(payment)
    expect([gone.status, gone.json().code]).toEqual([402, 'token_expired'])
    await prune()
    expect(await rowIn(gateway, payment)).toBeUndefined()
    expect((await redeem(payment)).json().code).toBe('token_expired')
    expect(upstream.calls).toHaveLength(calls)
  })

  test('is still spent while the token lives, although its result has expired', async () => {
    await using long = await openGateway({ config: config(upstream.url).replace('ttl: 2h', 'ttl: 5m'), clock })
    const payment = await payFor(long, aRequest)
    expect((await send(long, paid(aRequest, payment))).status).toBe(200)
    clock.advance(5 * minute)
    const calls = upstream.calls.length
    const { ledger } = long.running.context
    while ((await ledger.prune(clock.nowMs(), clock.monotonicMs())) > 0);
    const gone = await send(long, paid(aRequest, payment))
    expect([gone.status, gone.json().code, gone.headers['l402-payment']]).toEqual([410, 'result_expired', 'spent'])
    expect(await rowIn(long, payment)).toMatchObject({ job: { state: 'captured', pruned: true } })
    expect(upstream.calls).toHaveLength(calls)
  })
})

test('an expiry that a buyer adds to the token does not make the ledger forget earlier that it was spent', async () => {
  const payment = await payFor(gateway, aRequest)
  const soon = Math.floor(clock.nowMs() / 1000) + 60
  const shorter = attenuate(payment.token, [`make_valid_until=${soon}`])
  const first = await send(gateway, { ...aRequest, headers: { authorization: `L402 ${shorter}:${payment.preimage}` } })
  expect([first.status, first.headers['l402-payment']]).toEqual([200, 'spent'])
  expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured' } })
  const minted = (await rowIn(gateway, payment))?.mintedExpiry ?? 0
  expect(minted).toBeGreaterThan(soon)
  for (const ms of [2 * minute, hour - 3 * minute]) {
    clock.advance(ms)
    await prune()
    const calls = upstream.calls.length
    const again = await redeem(payment)
    expect([again.status, again.headers['l402-payment'], again.text]).toEqual([200, 'replayed', first.text])
    const narrowed = await send(gateway, {
      ...aRequest,
      headers: { authorization: `L402 ${shorter}:${payment.preimage}` },
    })
    expect([narrowed.status, narrowed.json().code]).toEqual([402, 'token_expired'])
    expect(upstream.calls).toHaveLength(calls)
  }
})
