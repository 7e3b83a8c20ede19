import { describe, expect, test } from 'vitest'
import { answerWith, inTurn, makeGate } from '../support/answers.ts'
import { paid, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { heldStates, holdsIn, sellsHeld } from '../support/held-shop.ts'
import { sendAsync } from '../support/jobs.ts'
import { openRequest } from '../support/open-request.ts'
import { mark, openOwing, other, reopen, revoke, told } from '../support/owing.ts'
import { aRequest, idle } from '../support/shop.ts'
import { echo, openUpstream } from '../support/upstream.ts'

describe('a payment that is revoked', () => {
  test('gives nothing any more: the money is owed where no result was delivered', async () => {
    await using shop = await openOwing(inTurn(answerWith(503), echo))
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
    await using shop = await openOwing(echo)
    await shop.mine()
    await expect.poll(async () => (await shop.row()).job.firstDeliveredAtMs).toBeDefined()
    const { job } = await shop.row()
    await revoke(shop.gateway, job.id)
    expect(told(await shop.mine())).toEqual([403, 'token_revoked', 'spent', 'none', job.id])
    expect(shop.due()).toEqual([])
    expect(await mark(shop.gateway, job.id)).toEqual([409, { error: expect.stringContaining('delivered') as string }])
  })

  test('before it was presented is refused when it is, without a call, and then known to be owed', async () => {
    await using shop = await openOwing(echo)
    const { paymentHash } = shop.payment
    expect(await revoke(shop.gateway, paymentHash)).toMatchObject([200, { kind: 'done' }])
    const answer = await shop.mine()
    expect(told(answer)).toEqual([403, 'token_revoked', 'refundable', 'contact_seller', (await shop.row()).job.id])
    expect(shop.upstream.calls).toHaveLength(0)
    expect(shop.due()).toMatchObject([{ reason: 'revoked', paymentHash }])
  })

  test('before it was presented is let go where it is to be held, and nothing is worked for it', async () => {
    await using upstream = await openUpstream()
    await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
    const { invoice, paymentHash } = (await send(gateway, aRequest)).json()
    expect(await revoke(gateway, paymentHash)).toMatchObject([200, { kind: 'done' }])
    await expect(gateway.wallet.pay(invoice)).rejects.toThrow('nothing is charged')
    await expect.poll(() => holdsIn(gateway).offers()).toEqual([])
    expect([await heldStates(gateway, paymentHash), upstream.calls.length]).toEqual([
      [undefined, undefined, 'cancelled'],
      0,
    ])
  })

  test.for([
    ['whole results', []],
    ['streams', ['stream: true']],
  ] as const)(
    'while it is worked on gives the buyer nothing whole, so that the money can go back: %s',
    async ([, lines]) => {
      const [called, finish] = [makeGate(), makeGate()]
      await using shop = await openOwing(async (_call, outgoing) => {
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

  test.for(['its request', 'its job'])(
    'while %s is being answered is not refunded until that has ended, and then not at all',
    async (place) => {
      const size = 8 * 2 ** 20
      await using shop = await openOwing(answerWith(200, Buffer.alloc(size, 7)), [])
      const { authorization: headers } = shop.payment
      const asked = paid(aRequest, shop.payment)
      const job = place === 'its job' && (await sendAsync(shop.gateway, aRequest, shop.payment))
      await idle(shop.gateway)
      const reading = await openRequest(shop.gateway, job === false ? asked : { path: `${job}/result`, headers })
      reading.pause()
      const { id, state } = (await shop.row()).job
      expect(state).toBe('captured')
      await revoke(shop.gateway, id)
      expect(await mark(shop.gateway, id)).toEqual([
        409,
        { error: expect.stringContaining('being delivered') as string },
      ])
      expect(await reading.whole()).toHaveLength(size)
      await expect.poll(async () => (await shop.row()).job.firstDeliveredAtMs).toBeDefined()
      expect(await mark(shop.gateway, id)).toEqual([409, { error: expect.stringContaining('delivered') as string }])
      expect(shop.due()).toEqual([])
    },
  )
})
