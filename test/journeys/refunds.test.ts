import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readRefunds } from '#src/ledger/sqlite/read-refunds.ts'
import { turnpike } from '../cli/run.ts'
import { answerWith, inTurn, makeGate } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openRequest } from '../support/open-request.ts'
import { aRequest, idle, makeShop, rowIn } from '../support/shop.ts'
import { type Answer, echo, openUpstream } from '../support/upstream.ts'

const day = 24 * 3_600_000
const other = { ...aRequest, body: { prompt: 'a dog' } }

async function openShop(answer: Answer, lines: readonly string[] = ['attempts: 1'], top = '') {
  const clock = new TestClock(Date.now())
  const upstream = await openUpstream(answer)
  const gateway = await openGateway({ config: `${top}\n${makeShop(upstream.url, lines)}`, clock })
  const payment = await payFor(gateway, aRequest)
  return {
    clock,
    upstream,
    gateway,
    payment,
    mine: () => send(gateway, paid(aRequest, payment)),
    row: async () => {
      const row = await rowIn(gateway, payment)
      if (!row) throw new Error('the payment was not presented')
      return row
    },
    due: () => readRefunds(gateway.dataDir, clock.nowMs()),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

/** Asks the operator's listener. */
async function command(gateway: TestGateway, path: string, body: unknown = {}) {
  const answer = await fetch(`${gateway.adminUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return [answer.status, (await answer.json()) as { kind?: string; text?: string; error?: string }] as const
}

const mark = (gateway: TestGateway, reference: string) =>
  command(gateway, `/refunds/${reference}/mark`, { note: 'sent back' })
const reopen = (gateway: TestGateway, reference: string, body = {}) =>
  command(gateway, `/refunds/${reference}/reopen`, body)
const revoke = (gateway: TestGateway, reference: string) => command(gateway, `/payments/${reference}/revoke`)

const told = (answer: Awaited<ReturnType<typeof send>>) => {
  const { code, payment } = answer.json()
  return [answer.status, code, payment.status, payment.action, payment.reference]
}

describe('a payment that is owed', () => {
  test('because the service failed too often stands in the list under the reference that the buyer was shown', async () => {
    await using shop = await openShop(answerWith(500))
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
      await using shop = await openShop(answer)
      await shop.mine()
      expect(shop.due()).toEqual([])
    }
  })

  test.for([
    ['it failed and was not tried again', answerWith(503), 'expired_unspent'],
    ['it was refused and not used for another request', answerWith(422), 'refused'],
  ] as const)('because %s, once it is no longer honoured', async ([, answer, reason]) => {
    await using shop = await openShop(answer)
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
    await using shop = await openShop(answerWith(422))
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

describe('a payment that is opened again', () => {
  test('works with the same token at once, and has all its attempts', async () => {
    await using shop = await openShop(answerWith(500), ['attempts: 2'])
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
    await using shop = await openShop(answerWith(500))
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

  test('is owed again when nobody came in that time', async () => {
    await using shop = await openShop(answerWith(500))
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
    await using shop = await openShop(answer)
    await shop.mine()
    const { job } = await shop.row()
    if (state === 'refunded') await mark(shop.gateway, job.id)
    expect(await reopen(shop.gateway, job.id)).toEqual([409, { error: expect.stringMatching(says) as string }])
  })
})

describe('a payment that was refunded', () => {
  test('gives no result any more, for no request, and says what happened', async () => {
    await using shop = await openShop(answerWith(500))
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
      await using shop = await openShop(answer)
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
    await using shop = await openShop(async (_call, outgoing) => {
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
    await using shop = await openShop(echo)
    for (const reference of ['ab'.repeat(16), 'ab'.repeat(32)])
      expect((await mark(shop.gateway, reference))[0]).toBe(404)
    for (const path of ['/refunds/x/mark', '/refunds/abc/reopen', '/payments/-/revoke'])
      expect((await command(shop.gateway, path))[0]).toBe(404)
    expect((await command(shop.gateway, `/refunds/${'ab'.repeat(16)}/mark`, { note: ' ' }))[0]).toBe(409)
  })
})

describe('a payment that is revoked', () => {
  test('gives nothing any more: the money is owed where no result was delivered', async () => {
    await using shop = await openShop(inTurn(answerWith(503), echo))
    await shop.mine()
    const { job } = await shop.row()
    expect(await revoke(shop.gateway, job.id)).toMatchObject([200, { kind: 'done' }])
    expect(await revoke(shop.gateway, shop.payment.paymentHash)).toMatchObject([200, { kind: 'already' }])
    shop.clock.advance(60_000)
    for (const request of [aRequest, other])
      expect(told(await send(shop.gateway, paid(request, shop.payment)))).toEqual([
        403,
        'token_revoked',
        'refundable',
        'contact_seller',
        job.id,
      ])
    expect(shop.upstream.calls).toHaveLength(1)
    expect(shop.due()).toMatchObject([{ reason: 'revoked' }])
    expect(await reopen(shop.gateway, job.id)).toMatchObject([409, {}])
    expect(await mark(shop.gateway, job.id)).toMatchObject([200, { kind: 'done' }])
    expect((await shop.mine()).json().code).toBe('refunded')
  })

  test('after its result was delivered is spent, and nothing is owed', async () => {
    await using shop = await openShop(echo)
    await shop.mine()
    await expect.poll(async () => (await shop.row()).job.firstDeliveredAtMs).toBeDefined()
    const { job } = await shop.row()
    await revoke(shop.gateway, job.id)
    expect(told(await shop.mine())).toEqual([403, 'token_revoked', 'spent', 'none', job.id])
    expect(shop.due()).toEqual([])
    expect(await mark(shop.gateway, job.id)).toEqual([409, { error: expect.stringContaining('delivered') as string }])
  })

  test('before it was presented is refused when it is, without a call, and then known to be owed', async () => {
    await using shop = await openShop(echo)
    const { paymentHash } = shop.payment
    expect(await revoke(shop.gateway, paymentHash)).toMatchObject([200, { kind: 'done' }])
    const answer = await shop.mine()
    expect(told(answer)).toEqual([403, 'token_revoked', 'refundable', 'contact_seller', (await shop.row()).job.id])
    expect(shop.upstream.calls).toHaveLength(0)
    expect(shop.due()).toMatchObject([{ reason: 'revoked', paymentHash }])
  })

  test.for([
    ['whole results', []],
    ['streams', ['stream: true']],
  ] as const)(
    'while it is worked on gives the buyer nothing whole, so that the money can go back: %s',
    async ([, lines]) => {
      const [called, finish] = [makeGate(), makeGate()]
      await using shop = await openShop(async (_call, outgoing) => {
        outgoing.write('beginning, ')
        called.open()
        await finish.opened
        outgoing.end('end')
      }, lines)
      const waiting = openRequest(shop.gateway, paid(aRequest, shop.payment))
      await called.opened
      if (lines.length > 0) await (await waiting).atLeast(11)
      const { job } = await shop.row()
      await revoke(shop.gateway, job.id)
      // The run still goes on in this process; it counts for nothing.
      expect((await shop.mine()).json().code).toBe('token_revoked')
      expect((await send(shop.gateway, paid(other, shop.payment))).json().code).toBe('token_revoked')
      expect(await mark(shop.gateway, job.id)).toMatchObject([200, { kind: 'done' }])
      finish.open()
      const first = await waiting
      if (lines.length > 0) await expect(first.whole()).rejects.toThrow()
      else
        expect([first.status, JSON.parse((await first.whole()).toString())]).toMatchObject([410, { code: 'refunded' }])
      await idle(shop.gateway)
      expect(await shop.row()).toMatchObject({ state: 'refunded', job: { state: 'given_up', resultBytes: undefined } })
      expect((await shop.mine()).json().code).toBe('refunded')
    },
  )

  test('while its result is being read is not refunded until that has ended, and then not at all', async () => {
    const size = 8 * 2 ** 20
    await using shop = await openShop(answerWith(200, Buffer.alloc(size, 7)), [])
    const reading = await openRequest(shop.gateway, paid(aRequest, shop.payment))
    reading.pause()
    const { job } = await shop.row()
    expect(job.state).toBe('captured')
    await revoke(shop.gateway, job.id)
    expect(await mark(shop.gateway, job.id)).toEqual([
      409,
      { error: expect.stringContaining('being delivered') as string },
    ])
    expect(await reading.whole()).toHaveLength(size)
    await expect.poll(async () => (await shop.row()).job.firstDeliveredAtMs).toBeDefined()
    expect(await mark(shop.gateway, job.id)).toEqual([409, { error: expect.stringContaining('delivered') as string }])
    expect(shop.due()).toEqual([])
  })
})

describe('turnpike refunds and revoke', { timeout: 30_000 }, () => {
  test('list, open again and note, by the configuration of the gateway', async () => {
    await using shop = await openShop(answerWith(500), ['attempts: 1'], 'contact: refunds@example.com')
    const { gateway } = shop
    await shop.mine()
    const { job } = await shop.row()
    const file = join(gateway.dataDir, 'gateway.yaml')
    const place = `admin: { listen: ${new URL(gateway.adminUrl).host} }\ncontact: refunds@example.com\ndata: .`
    writeFileSync(file, `${place}\n${makeShop(shop.upstream.url)}`)
    const run = (...args: string[]) => turnpike([...args, '--config', file])

    const table = await run('refunds')
    expect(table.stdout).toMatch(
      new RegExp(`^${job.id}  make +7 +[0-9: -]+ +the service failed too often \\(upstream_failed\\) +open$`, 'm'),
    )
    expect(table.stdout).toContain('1 open, 7 sats')
    expect(JSON.parse((await run('refunds', '--json')).stdout)).toMatchObject({
      contact: 'refunds@example.com',
      refunds: [{ reference: job.id, sats: 7, reason: 'given_up' }],
    })

    expect(await run('refunds', 'reopen', job.id, '--for', '7d')).toMatchObject({ code: 0, stderr: '' })
    expect((await run('refunds')).stdout).toBe('Nothing is due for a refund.\n')
    expect((await shop.mine()).json().code).toBe('given_up')
    expect(await run('refunds', 'mark', job.id)).toMatchObject({ code: 2 })
    expect(await run('refunds', 'mark', job.id, '--note', '=paid, "by hand"')).toMatchObject({ code: 0 })
    expect((await run('refunds', '--csv')).stdout.trim().split('\n')).toHaveLength(1)
    expect((await run('refunds', '--csv', '--all')).stdout).toContain(`,"'=paid, ""by hand""",`)
    expect(await run('refunds', 'reopen', job.id)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('refunded on') as string,
    })
    expect(await run('revoke', 'ab'.repeat(16))).toMatchObject({ code: 5 })
    expect(await run('revoke', 'ab'.repeat(32))).toMatchObject({ code: 0 })
    expect(await run('revoke', 'x')).toMatchObject({ code: 2 })
  })

  test('need the gateway where they write, and say so; the list does not', async () => {
    const shop = await openShop(answerWith(500))
    await using upstream = shop.upstream
    await shop.mine()
    const { job } = await shop.row()
    const stopped = await shop.gateway.restart()
    await stopped[Symbol.asyncDispose]()
    const file = join(stopped.dataDir, 'gateway.yaml')
    writeFileSync(file, `admin: { listen: 127.0.0.1:1 }\ndata: .\n${makeShop(upstream.url)}`)
    expect((await turnpike(['refunds', '--config', file])).stdout).toContain(job.id)
    for (const args of [
      ['refunds', 'mark', job.id, '--note', 'x'],
      ['revoke', job.id],
    ]) {
      const { code, stderr } = await turnpike([...args, '--config', file])
      expect(code).toBe(3)
      expect(stderr).toMatch(/no gateway answers at http:\/\/127\.0\.0\.1:1\. .*turnpike serve/)
    }
  })
})

test('a result that comes after the row was pruned is kept like any other', async () => {
  await using shop = await openShop(inTurn(answerWith(503), answerWith(200, 'made')), ['result: { ttl: 1m }'])
  await shop.mine()
  shop.clock.advance(5 * 60_000)
  const { ledger } = shop.gateway.running.context
  await ledger.prune(shop.clock.nowMs(), shop.clock.monotonicMs())
  expect((await shop.row()).job.pruned).toBe(true)
  expect((await shop.mine()).text).toBe('made')
  const again = await shop.mine()
  expect([again.status, again.headers['l402-payment'], again.text]).toEqual([200, 'replayed', 'made'])
})
