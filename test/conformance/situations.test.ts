import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerWith, type Gate, makeGate } from '../support/answers.ts'
import { type Answered, type Payment, paid, payFor, type Sent, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { beginRequest } from '../support/open-request.ts'
import { idle, rowIn } from '../support/shop.ts'
import { type Answer, openUpstream, type TestUpstream } from '../support/upstream.ts'
import { type Cell, cells, type Expected, histories, lives, requests, rows } from './situations-table.ts'

const minute = 60_000
const hour = 60 * minute
/** From the payment to the request, within a token's 1 h and a result's 3 h. */
const ages = { minted: minute, kept: 2 * hour, over: 5 * hour } as const

const config = (upstream: string) => `
l402: { token_ttl: 1h }
defaults: { breaker: off }
services:
  POST /make: { name: make, upstream: "${upstream}", price: { flat: 7 }, attempts: 1, result: { ttl: 3h } }
  POST /brief: { name: brief, upstream: "${upstream}", price: { flat: 7 }, result: { ttl: 30m } }
`

const first: Sent = { path: '/make', body: { prompt: 'a cat' } }
const second: Sent = { path: '/make', body: { prompt: 'a dog' } }
const result = answerWith(200, 'made', { 'content-type': 'text/plain' })

const clock = new TestClock(Date.now())
let upstream: TestUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({ config: config(upstream.url), clock })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** How the service answers so that the ledger holds this afterwards. */
const leadsTo: Partial<Record<Cell['row'], Answer>> = {
  abandoned: result,
  captured: result,
  retryable: answerWith(503),
  refused: answerWith(400, 'no such style'),
  given_up: answerWith(500),
  revoked: answerWith(503),
  cancelling: answerWith(503),
  cancelled: answerWith(503),
}

/** Changes the row behind the gateway's back, where no request can. */
function rewrite({ paymentHash }: Payment, sql: string): void {
  const database = new Database(join(gateway.dataDir, 'ledger.sqlite'))
  const hash = Buffer.from(paymentHash, 'hex')
  database.prepare(sql.replace('OF_IT', 'number = (SELECT number FROM payment WHERE hash = ?)')).run(hash)
  database.close()
}

/** Makes a payment and brings its row into the state of the cell. @returns what ends the job that still runs */
async function bringAbout({ row, history }: Cell, payment: Payment): Promise<Gate> {
  const finish = makeGate()
  if (row === 'nothing') return finish
  if (row === 'running') {
    const called = makeGate()
    upstream.answer = async (_call, outgoing) => {
      called.open()
      await finish.opened
      outgoing.end('made')
    }
    beginRequest(gateway, paid(first, payment))
    await called.opened
  } else {
    upstream.answer = leadsTo[row] ?? result
    await send(gateway, paid(first, payment))
    await idle(gateway)
    // The delivery is noted a little later.
    if (row === 'captured' || row === 'refused')
      await expect.poll(async () => (await rowIn(gateway, payment))?.job.firstDeliveredAtMs).toBeDefined()
  }
  if (row === 'abandoned')
    rewrite(payment, "UPDATE job SET state = 'running', finished_at = NULL, keep_until = NULL WHERE OF_IT")
  if (row === 'revoked' || row === 'cancelling' || row === 'cancelled')
    rewrite(payment, `UPDATE payment SET state = '${row}' WHERE hash = ?`)
  if (history !== 'plain') rewrite(payment, `UPDATE job SET ${history} = 1 WHERE OF_IT`)
  return finish
}

function expectOnTheWire(answer: Answered, expected: Expected): void {
  const { headers } = answer
  expect([answer.status, headers['l402-payment']]).toEqual([expected.status, expected.money])
  expect(headers['idempotent-replayed']).toBe(expected.replayed && 'true')
  expect(headers['cache-control']).toBe(expected.code ? 'no-store' : 'private, no-store')
  expect(headers['server-timing']).toMatch(/^turnpike;dur=/)
  if (expected.status === 402) expect(headers['www-authenticate']).toMatch(/^L402 macaroon="[^"]+", invoice="lnbcrt/)
  else expect(headers['www-authenticate']).toBeUndefined()
  if (!expected.code) return
  const body = answer.json()
  expect([body.code, body.payment.status, body.payment.action]).toEqual([
    expected.code,
    expected.money,
    expected.action,
  ])
  expect(typeof body.payment.reference).toBe(expected.reference ? 'string' : 'undefined')
}

describe('the table of situations', () => {
  test('has every state of the ledger × same or other request × before and after expiry × history once', () => {
    expect(cells).toHaveLength(rows.length * requests.length * lives.length * histories.length)
    for (const [name, , expected] of cells) expect([name, expected.length]).toEqual([name, 1])
  })

  test.for(cells)('%s', async ([, cell, [expected]]) => {
    if (!expected) throw new Error('the table has no line for this')
    const payment = await payFor(gateway, first)
    const finish = await bringAbout(cell, payment)
    clock.advance(ages[cell.life])
    const before = await rowIn(gateway, payment)
    if (cell.row !== 'running') upstream.answer = result
    const calls = upstream.calls.length
    const invoices = gateway.wallet.asked.length
    const answering = send(gateway, paid(cell.request === 'same' ? first : second, payment))
    if (cell.row === 'running' && cell.request === 'same') setTimeout(finish.open, 10)
    expectOnTheWire(await answering, expected)
    expect(upstream.calls.length - calls).toBe(expected.called ? 1 : 0)
    // An invoice is made for a challenge and for nothing else.
    expect(gateway.wallet.asked.length - invoices).toBe(expected.status === 402 ? 1 : 0)
    if (expected.after) {
      const job = { ...expected.after, epoch: (before?.job.epoch ?? 0) + (expected.called ? 1 : 0) }
      expect(await rowIn(gateway, payment)).toMatchObject({ state: 'settled', job })
    } else {
      expect(await rowIn(gateway, payment)).toEqual(before)
    }
    finish.open()
    await idle(gateway)
  })
})

describe('a result whose keeping is over while its token lives', () => {
  test.for([
    ['same', 410, 'result_expired', 'spent', 'none'],
    ['other', 402, 'token_spent', 'required', 'pay'],
  ] as const)('is not sold again to the %s request without saying so', async ([which, status, code, money, action]) => {
    upstream.answer = result
    const brief: Sent = { ...first, path: '/brief' }
    const payment = await payFor(gateway, brief)
    await send(gateway, paid(brief, payment))
    clock.advance(40 * minute)
    const { ledger } = gateway.running.context
    while ((await ledger.prune(clock.nowMs(), clock.monotonicMs())) > 0);
    const calls = upstream.calls.length
    const answer = await send(gateway, paid(which === 'same' ? brief : { ...brief, body: {} }, payment))
    expectOnTheWire(answer, { status, code, money, action })
    expect(upstream.calls).toHaveLength(calls)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured' } })
  })
})

test('a retryable payment before its time is told the last failure again, and when to come back', async () => {
  upstream.answer = answerWith(503, '', { 'retry-after': '9' })
  const payment = await payFor(gateway, first)
  await send(gateway, paid(first, payment))
  const before = await rowIn(gateway, payment)
  const answer = await send(gateway, paid(first, payment))
  expectOnTheWire(answer, { status: 503, code: 'upstream_busy', money: 'unspent', action: 'retry_same_token' })
  expect(answer.headers['retry-after']).toBe('9')
  expect(await rowIn(gateway, payment)).toEqual(before)
})

test('a captured payment is bought anew by who asks for that', async () => {
  upstream.answer = result
  const payment = await payFor(gateway, first)
  await send(gateway, paid(first, payment))
  const anew = paid({ ...first, headers: { 'L402-New': '1' } }, payment)
  expectOnTheWire(await send(gateway, anew), { status: 402, code: 'new_purchase', money: 'required', action: 'pay' })
  expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured', epoch: 1 } })
})
