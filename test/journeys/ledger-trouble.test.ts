import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test, vi } from 'vitest'
import { readRefunds } from '#src/ledger/sqlite/read-refunds.ts'
import { LedgerError, type LedgerErrorCode } from '#src/ports/ledger.ts'
import { makeGate } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { makeClaim } from '../support/ledger/requests.ts'
import { aRequest, idle, makeShop, rowIn } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

/** Somebody else writes into the ledger's file, and does not end. */
function lockFile(gateway: TestGateway): { release(): void } {
  const database = new Database(join(gateway.dataDir, 'ledger.sqlite'))
  database.exec('BEGIN IMMEDIATE')
  return {
    release() {
      database.exec('ROLLBACK')
      database.close()
    },
  }
}

/** The next call of one of the ledger's methods fails. */
function failOnce(gateway: TestGateway, method: 'claim' | 'capture' | 'fail' | 'show', code: LedgerErrorCode) {
  const { ledger } = gateway.running.context
  return vi.spyOn(ledger, method).mockRejectedValueOnce(new LedgerError(code, 'secret words of the disk'))
}

describe('a ledger that cannot be written', () => {
  test('takes no payment: the answer is 503, and the same token works once it can', async () => {
    await using upstream = await openUpstream()
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    const lock = lockFile(gateway)
    const answer = await send(gateway, paid(aRequest, payment))
    expect([answer.status, answer.json().code]).toEqual([503, 'ledger_unavailable'])
    expect(answer.headers).toMatchObject({ 'l402-payment': 'unspent', 'retry-after': '5' })
    expect(answer.json().payment.action).toBe('retry_same_token')
    expect(upstream.calls).toHaveLength(0)
    const probe = await fetch(`${gateway.adminUrl}/readyz`)
    expect([probe.status, await probe.json()]).toEqual([
      503,
      { status: 'not ready', reason: 'the ledger cannot be written' },
    ])
    lock.release()
    const after = await send(gateway, paid(aRequest, payment))
    expect([after.status, after.headers['l402-payment']]).toEqual([200, 'spent'])
  })

  test.for(['full', 'readonly', 'io', 'busy'] as const)('(%s) reaches no upstream without a claim', async (code) => {
    await using upstream = await openUpstream()
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    using claim = failOnce(gateway, 'claim', code)
    const answer = await send(gateway, paid(aRequest, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([503, 'unspent'])
    expect(answer.text).not.toContain('secret')
    expect(claim).toHaveBeenCalledOnce()
    expect(upstream.calls).toHaveLength(0)
    expect((await send(gateway, paid(aRequest, payment))).status).toBe(200)
    expect(upstream.calls).toHaveLength(1)
  })

  test('(full) when the result is there delivers none of it, and the same token runs it again', async () => {
    await using upstream = await openUpstream((_call, outgoing) => void outgoing.end(`made ${upstream.calls.length}`))
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    using capture = failOnce(gateway, 'capture', 'full')
    const answer = await send(gateway, paid(aRequest, payment))
    expect([answer.status, answer.json().code]).toEqual([503, 'ledger_unavailable'])
    expect(answer.headers).toMatchObject({ 'l402-payment': 'unspent', 'retry-after': '5' })
    expect(answer.text).not.toContain('made')
    expect(capture).toHaveBeenCalledOnce()
    await idle(gateway)
    // Nobody runs it and nothing is lost: the next request takes it over, under the same key for the upstream.
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { epoch: 1, attempts: 0 } })
    const again = await send(gateway, paid(aRequest, payment))
    expect([again.status, again.text, again.headers['l402-payment']]).toEqual([200, 'made 2', 'spent'])
    const keys = upstream.calls.map(({ headers }) => headers['idempotency-key'])
    expect(keys[1]).toBe(keys[0])
    expect((await send(gateway, paid(aRequest, payment))).text).toBe('made 2')
  })

  test('when bytes are to be shown shows none, and whoever asks again joins the same run', async () => {
    const gate = makeGate()
    await using upstream = await openUpstream(async (_call, outgoing) => {
      outgoing.write('beginning, ')
      await gate.opened
      outgoing.end('end')
    })
    await using gateway = await openGateway({ config: makeShop(upstream.url, 'stream: true') })
    const payment = await payFor(gateway, aRequest)
    using show = failOnce(gateway, 'show', 'busy')
    const answer = await send(gateway, paid(aRequest, payment))
    expect([answer.status, answer.json().code]).toEqual([503, 'ledger_unavailable'])
    const again = send(gateway, paid(aRequest, payment))
    await expect.poll(() => show.mock.calls.length).toBe(2)
    gate.open()
    expect([(await again).status, (await again).text]).toEqual([200, 'beginning, end'])
    expect(upstream.calls).toHaveLength(1)
  })

  test('when the failure is to be noted counts nothing against the payment', async () => {
    await using upstream = await openUpstream((_call, outgoing) => void outgoing.writeHead(500).end())
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    using fail = failOnce(gateway, 'fail', 'io')
    const answer = await send(gateway, paid(aRequest, payment))
    expect([answer.status, answer.json().code]).toEqual([503, 'ledger_unavailable'])
    expect(fail).toHaveBeenCalledOnce()
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { attempts: 0 } })
  })
})

describe('a run whose end could not be written', () => {
  const openLost = async () => {
    const clock = new TestClock(Date.now())
    const upstream = await openUpstream((_call, outgoing) => void outgoing.end(`made ${upstream.calls.length}`))
    const gateway = await openGateway({ config: makeShop(upstream.url), clock })
    const payment = await payFor(gateway, aRequest)
    using capture = failOnce(gateway, 'capture', 'full')
    const answer = await send(gateway, paid(aRequest, payment))
    expect([answer.status, capture.mock.calls.length]).toEqual([503, 1])
    await idle(gateway)
    return {
      clock,
      gateway,
      payment,
      async [Symbol.asyncDispose]() {
        await gateway[Symbol.asyncDispose]()
        await upstream[Symbol.asyncDispose]()
      },
    }
  }

  test('lets go of the payment once the ledger can write again, whether its buyer returns or not', async () => {
    await using setting = await openLost()
    const { clock, gateway, payment } = setting
    const { ledger } = gateway.running.context
    const full = new LedgerError('full', 'still')
    using fail = vi.spyOn(ledger, 'fail').mockRejectedValueOnce(full)
    const state = async () => (await rowIn(gateway, payment))?.job.state
    await expect.poll(state).toBe('retryable')
    expect(fail).toHaveBeenCalledTimes(2)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { attempts: 0, generation: 0 } })
    // As any payment whose run has failed: no second bill for a changed request.
    const changed = await send(gateway, paid({ ...aRequest, body: { prompt: 'a dog' } }, payment))
    expect([changed.status, changed.json().code]).toEqual([409, 'request_mismatch'])
    // And owed, should nobody ever return for it.
    clock.advance(49 * 3_600_000)
    expect(readRefunds(gateway.dataDir, clock.nowMs())).toMatchObject([{ reason: 'expired_unspent' }])
  })

  test('leaves a later one alone', async () => {
    await using setting = await openLost()
    const { gateway, payment } = setting
    using fail = vi.spyOn(gateway.running.context.ledger, 'fail')
    expect((await send(gateway, paid(aRequest, payment))).text).toBe('made 2')
    await expect.poll(() => fail.mock.calls.length).toBe(1)
    await Promise.all(fail.mock.results.map(({ value }) => value as Promise<boolean>))
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured', epoch: 2 } })
    expect((await send(gateway, paid(aRequest, payment))).text).toBe('made 2')
  })
})

test('a run whose place was taken by a later one delivers nothing of its own', async () => {
  const finish: (() => void)[] = []
  await using upstream = await openUpstream(async (_call, outgoing) => {
    const number = upstream.calls.length
    await new Promise<void>((resolve) => finish.push(resolve))
    outgoing.end(`made ${number}`)
  })
  await using gateway = await openGateway({ config: makeShop(upstream.url) })
  const payment = await payFor(gateway, aRequest)
  const first = send(gateway, paid(aRequest, payment))
  await expect.poll(() => finish).toHaveLength(1)
  // As another process would that thinks the first one dead.
  const row = await rowIn(gateway, payment)
  const { ledger } = gateway.running.context
  if (!row) throw new Error('the payment has no row')
  const { paymentHash, mintedExpiry, job } = row
  const thief = makeClaim({ paymentHash, mintedExpiry, requestHash: job.requestHash, rev: job.rev, takeover: true })
  const stolen = await ledger.claim(thief)
  expect(stolen).toMatchObject({ kind: 'claimed', job: { epoch: 2 } })
  finish[0]?.()
  const answer = await first
  expect([answer.status, answer.json().code]).toEqual([503, 'ledger_unavailable'])
  expect(answer.text).not.toContain('made')
  expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'running', epoch: 2 } })
  expect(await ledger.frames(paymentHash, 1, 0, 1)).toEqual([])
  expect(gateway.log.filter((line) => line.includes('"event":"lost"'))).toHaveLength(1)
})
