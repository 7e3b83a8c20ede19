import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { readRefunds } from '#src/ledger/sqlite/read-refunds.ts'
import { answerWith, makeGate } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { asynchronous } from '../support/jobs.ts'
import { command, day, mark, openOwing, other, reopen, revoke, told } from '../support/owing.ts'
import { aRequest, idle, makeShop, rowIn } from '../support/shop.ts'
import { echo, openUpstream } from '../support/upstream.ts'

describe('a payment that is owed', () => {
  test('because the service failed too often stands in the list under the reference that the buyer was shown', async () => {
    await using shop = await openOwing(answerWith(500))
    const answer = await shop.mine()
    expect(told(answer)).toEqual([502, 'given_up', 'refundable', 'contact_seller', (await shop.row()).job.id])
    expect(shop.due()).toMatchObject([
      {
        reference: answer.json().payment.reference,
        paymentHash: shop.payment.paymentHash,
        service: 'make',
        priceMsat: 7_000n,
        reason: 'given_up',
        lastCode: 'upstream_failed',
        closed: undefined,
      },
    ])
  })

  test('is not one that can still be used: failed, refused, delivered', async () => {
    for (const answer of [answerWith(503), answerWith(422), echo]) {
      await using shop = await openOwing(answer)
      await shop.mine()
      expect(shop.due()).toEqual([])
    }
  })

  test.for([
    ['it failed and was not tried again', answerWith(503), 'expired_unspent'],
    ['it was refused and not used for another request', answerWith(422), 'refused'],
  ] as const)('because %s, once it is no longer honoured', async ([, answer, reason]) => {
    await using shop = await openOwing(answer)
    await shop.mine()
    shop.clock.advance(2 * day)
    expect(told(await shop.mine())).toEqual([
      410,
      'refund_due',
      'refundable',
      'contact_seller',
      (await shop.row()).job.id,
    ])
    expect(shop.due()).toMatchObject([{ reason, reference: (await shop.row()).job.id }])
  })

  test('because it was refused for good: a second refusal, after it was given to another request', async () => {
    await using shop = await openOwing(answerWith(422))
    await shop.mine()
    const answer = await send(shop.gateway, paid(other, shop.payment))
    expect(answer.headers['l402-payment']).toBe('refundable')
    expect(shop.due()).toMatchObject([{ reason: 'refused' }])
  })

  test('because what was sold cannot be made any more, although nobody had claimed it', async () => {
    await using upstream = await openUpstream()
    const config = (lines: string) => makeShop(upstream.url, lines)
    const first = await openGateway({
      config: config('headers: { X-Key: "${OLD}" }'),
      environment: { OLD: 'old' },
    })
    const payment = await payFor(first, aRequest)
    const second = await first.restart({
      config: config('').replace('POST /make', 'POST /elsewhere').replace('name: make', 'name: elsewhere'),
      environment: {},
    })
    const answers = [await send(second, paid(aRequest, payment)), await send(second, paid(aRequest, payment))]
    const reference = (await rowIn(second, payment))?.job.id
    for (const answer of answers)
      expect(told(answer)).toEqual([410, 'refund_due', 'refundable', 'contact_seller', reference])
    expect(readRefunds(second.dataDir, Date.now())).toMatchObject([{ reason: 'terms_unreadable', reference }])
    // It is not lost for ever: once the variable is back, so is the service.
    await using third = await second.restart({ environment: { OLD: 'old' } })
    const made = await send(third, paid(aRequest, payment))
    expect([made.status, made.headers['l402-payment']]).toEqual([200, 'spent'])
    expect(readRefunds(third.dataDir, Date.now())).toEqual([])
  })
})

test('what was sold under terms that are no longer known, and is not taken today, is owed and no mistake of its buyer', async () => {
  await using upstream = await openUpstream()
  const first = await openGateway({ config: makeShop(upstream.url) })
  const payment = await payFor(first, aRequest)
  const database = new Database(join(first.dataDir, 'ledger.sqlite'))
  database.exec('DELETE FROM service_revision')
  database.close()
  const schema = '{ type: object, properties: { words: { type: string } }, required: [words] }'
  await using second = await first.restart({ config: makeShop(upstream.url, `request: { schema: ${schema} }`) })
  const answer = await send(second, paid(aRequest, payment))
  expect([answer.status, answer.json()]).toMatchObject([410, { code: 'refund_due', payment: { status: 'refundable' } }])
  expect(readRefunds(second.dataDir, Date.now())).toHaveLength(1)
})

describe('a payment that is opened again', () => {
  test('works with the same token at once, and has all its attempts', async () => {
    await using shop = await openOwing(answerWith(500), ['attempts: 2'])
    await shop.mine()
    shop.clock.advance(60_000)
    expect((await shop.mine()).json().code).toBe('given_up')
    const { job } = await shop.row()
    expect(await reopen(shop.gateway, job.id)).toMatchObject([200, { kind: 'done' }])
    expect(shop.due()).toEqual([])
    expect((await shop.mine()).json().code).toBe('upstream_failed')
    shop.upstream.answer = echo
    shop.clock.advance(60_000)
    const answer = await shop.mine()
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
    expect(shop.upstream.calls).toHaveLength(4)
  })

  test('is honoured for as long as was said, however long its token has been over', async () => {
    await using shop = await openOwing(answerWith(500))
    await shop.mine()
    shop.clock.advance(40 * day)
    const { ledger } = shop.gateway.running.context
    while ((await ledger.prune(shop.clock.nowMs(), shop.clock.monotonicMs())) > 0);
    shop.upstream.answer = echo
    expect((await shop.mine()).json().code).toBe('refund_due')
    await reopen(shop.gateway, shop.payment.paymentHash, { forMs: 7 * day })
    shop.clock.advance(6 * day)
    expect((await shop.mine()).status).toBe(200)
    // And its result is kept like any other.
    expect((await shop.mine()).headers['l402-payment']).toBe('replayed')
  })

  test('after its refusal was read is not taken for delivered before its result is', async () => {
    await using shop = await openOwing(answerWith(422))
    await shop.mine()
    await expect.poll(async () => (await shop.row()).job.firstDeliveredAtMs).toBeDefined()
    const { job } = await shop.row()
    await reopen(shop.gateway, job.id)
    shop.upstream.answer = echo
    await send(shop.gateway, asynchronous(paid(aRequest, shop.payment)))
    await idle(shop.gateway)
    await revoke(shop.gateway, job.id)
    expect(shop.due()).toMatchObject([{ reason: 'revoked' }])
    expect(await mark(shop.gateway, job.id)).toMatchObject([200, { kind: 'done' }])
  })

  test('is owed again when nobody came in that time', async () => {
    await using shop = await openOwing(answerWith(500))
    await shop.mine()
    shop.clock.advance(3 * day)
    await reopen(shop.gateway, (await shop.row()).job.id, { forMs: day })
    shop.clock.advance(day)
    expect(shop.due()).toMatchObject([{ reason: 'expired_unspent' }])
  })

  test.for([
    ['spent', echo, /its result is stored/],
    ['refunded', answerWith(500), /nobody gets both/],
  ] as const)('is not one that is %s', async ([state, answer, says]) => {
    await using shop = await openOwing(answer)
    await shop.mine()
    const { job } = await shop.row()
    if (state === 'refunded') await mark(shop.gateway, job.id)
    expect(await reopen(shop.gateway, job.id)).toEqual([409, { error: expect.stringMatching(says) as string }])
  })
})

describe('a payment that was refunded', () => {
  test('gives no result any more, for no request, and says what happened', async () => {
    await using shop = await openOwing(answerWith(500))
    await shop.mine()
    const { job } = await shop.row()
    expect(await mark(shop.gateway, job.id)).toMatchObject([200, { kind: 'done' }])
    expect(await mark(shop.gateway, job.id)).toMatchObject([200, { kind: 'already' }])
    shop.upstream.answer = echo
    for (const request of [aRequest, other]) {
      const answer = await send(shop.gateway, paid(request, shop.payment))
      expect(told(answer)).toEqual([410, 'refunded', 'refunded', 'none', job.id])
      expect(answer.headers['l402-payment']).toBe('refunded')
    }
    expect(shop.upstream.calls).toHaveLength(1)
    expect(shop.due()).toMatchObject([{ reason: 'given_up', closed: { note: 'sent back' } }])
  })

  test('is one before its time too: failed or refused, where the buyer asked for the money', async () => {
    for (const answer of [answerWith(503), answerWith(422)]) {
      await using shop = await openOwing(answer)
      await shop.mine()
      expect(await mark(shop.gateway, shop.payment.paymentHash)).toMatchObject([200, { kind: 'done' }])
      shop.upstream.answer = echo
      shop.clock.advance(60_000)
      expect((await shop.mine()).json().code).toBe('refunded')
      expect((await send(shop.gateway, paid(other, shop.payment))).json().code).toBe('refunded')
      expect(shop.upstream.calls).toHaveLength(1)
    }
  })

  test('is not one whose result is stored, nor one that is being worked on', async () => {
    const [called, finish] = [makeGate(), makeGate()]
    await using shop = await openOwing(async (_call, outgoing) => {
      called.open()
      await finish.opened
      outgoing.end('made')
    })
    const answering = shop.mine()
    await called.opened
    const { job } = await shop.row()
    expect(await mark(shop.gateway, job.id)).toEqual([409, { error: expect.stringContaining('under way') as string }])
    finish.open()
    expect((await answering).status).toBe(200)
    expect(await mark(shop.gateway, job.id)).toEqual([409, { error: expect.stringContaining('is stored') as string }])
    expect((await shop.mine()).text).toBe('made')
  })

  test('and one that nobody knows is said so', async () => {
    await using shop = await openOwing(echo)
    for (const reference of ['ab'.repeat(16), 'ab'.repeat(32)])
      expect((await mark(shop.gateway, reference))[0]).toBe(404)
    for (const path of ['/refunds/x/mark', '/refunds/abc/reopen', '/payments/-/revoke'])
      expect((await command(shop.gateway, path))[0]).toBe(404)
    expect((await command(shop.gateway, `/refunds/${'ab'.repeat(16)}/mark`, { note: ' ' }))[0]).toBe(409)
  })
})
