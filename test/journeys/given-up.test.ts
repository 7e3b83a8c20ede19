import { describe, expect, test } from 'vitest'
import { answerWith } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway } from '../support/gateway.ts'
import { aRequest, makeShop, rowIn } from '../support/shop.ts'
import { echo, openUpstream } from '../support/upstream.ts'

/** A gateway whose upstream has failed a payment as often as it may. */
async function openGivenUp(lines: string, contact = '') {
  const clock = new TestClock(Date.now())
  const upstream = await openUpstream(answerWith(500))
  const gateway = await openGateway({ config: `${contact}\n${makeShop(upstream.url, lines)}`, clock })
  const payment = await payFor(gateway, aRequest)
  const codes: string[] = []
  while (codes.at(-1) !== 'given_up') {
    if (codes.length > 20) throw new Error('it is never given up')
    const answer = await send(gateway, paid(aRequest, payment))
    codes.push(answer.json().code)
    clock.advance(60_000)
  }
  return {
    clock,
    upstream,
    gateway,
    payment,
    codes,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

describe('a payment whose upstream failed too often', () => {
  test.for([
    ['three times unless told otherwise', '', 3],
    ['as often as it is told', 'attempts: 5', 5],
    ['once', 'attempts: 1', 1],
  ] as const)('is given up: %s', async ([, lines, attempts]) => {
    await using made = await openGivenUp(lines)
    const { upstream, gateway, payment, codes } = made
    expect(codes).toEqual([...Array.from({ length: attempts - 1 }, () => 'upstream_failed'), 'given_up'])
    expect(upstream.calls).toHaveLength(attempts)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'given_up', attempts } })
  })

  test('is due for a refund, under a reference that the seller knows', async () => {
    await using made = await openGivenUp('attempts: 1', 'contact: refunds@example.com')
    const { upstream, gateway, payment } = made
    upstream.answer = echo
    const answer = await send(gateway, paid(aRequest, payment))
    const row = await rowIn(gateway, payment)
    expect([answer.status, answer.headers['l402-payment']]).toEqual([502, 'refundable'])
    expect(answer.json()).toMatchObject({
      code: 'given_up',
      contact: 'refunds@example.com',
      payment: { status: 'refundable', action: 'contact_seller', reference: row?.job.id },
    })
    expect(answer.headers['retry-after']).toBeUndefined()
    expect(upstream.calls).toHaveLength(1)
    expect(gateway.log.filter((line) => line.includes('"given_up":true') && line.includes('"error"'))).toHaveLength(1)
  })

  test('is free for one other request', async () => {
    await using made = await openGivenUp('attempts: 1')
    const { upstream, gateway, payment } = made
    upstream.answer = echo
    const other = { ...aRequest, body: { prompt: 'a dog' } }
    const answer = await send(gateway, paid(other, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
    const first = await send(gateway, paid(aRequest, payment))
    expect([first.status, first.json().code]).toEqual([402, 'token_spent'])
  })

  test('has the attempts of the other request counted anew, and is given up for good after them', async () => {
    await using made = await openGivenUp('attempts: 2')
    const { clock, upstream, gateway, payment } = made
    const other = paid({ ...aRequest, body: { prompt: 'a dog' } }, payment)
    const codes: string[] = []
    for (let times = 0; times < 3; times++) {
      codes.push((await send(gateway, other)).json().code)
      clock.advance(60_000)
    }
    expect(codes).toEqual(['upstream_failed', 'given_up', 'given_up'])
    expect(upstream.calls).toHaveLength(4)
    const third = await send(gateway, paid({ ...aRequest, body: { prompt: 'a bird' } }, payment))
    expect([third.status, third.json().code]).toEqual([402, 'token_for_other_request'])
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'given_up', rebound: true } })
  })

  test('after everything is over is still remembered as owed', async () => {
    await using made = await openGivenUp('attempts: 1')
    const { clock, gateway, payment } = made
    clock.advance(40 * 24 * 3_600_000)
    const { ledger } = gateway.running.context
    while ((await ledger.prune(clock.nowMs(), clock.monotonicMs())) > 0);
    for (const request of [aRequest, { ...aRequest, body: { prompt: 'a dog' } }]) {
      const answer = await send(gateway, paid(request, payment))
      expect([answer.status, answer.headers['l402-payment']]).toEqual([410, 'refundable'])
      expect(answer.json()).toMatchObject({ code: 'refund_due', payment: { action: 'contact_seller' } })
    }
  })
})
