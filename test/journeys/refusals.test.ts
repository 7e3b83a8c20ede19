import { describe, expect, test } from 'vitest'
import { answerWith, inTurn } from '../support/answers.ts'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway } from '../support/gateway.ts'
import { rowIn } from '../support/shop.ts'
import { type Answer, echo, openUpstream } from '../support/upstream.ts'

const config = (upstream: string) => `
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { per_char: { of: prompt, rate: 1 } }
    result: { ttl: 1h }
  POST /other: { name: other, upstream: "${upstream}", price: { flat: 1 } }
`
const request = (prompt: string): Sent => ({ path: '/make', body: { prompt } })

const refusal = answerWith(422, '{"reason":"a prompt that the model refuses"}', {
  'content-type': 'application/json',
  'x-why': 'policy',
})

/** A gateway and a payment for `cat!` whose request the upstream has refused. */
async function openRefused(answer: Answer) {
  const clock = new TestClock(Date.now())
  const upstream = await openUpstream(answer)
  const gateway = await openGateway({ config: config(upstream.url), clock })
  const payment = await payFor(gateway, request('cat!'))
  const refused = await send(gateway, paid(request('cat!'), payment))
  return {
    clock,
    upstream,
    gateway,
    payment,
    refused,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

describe('a request that the upstream refuses', () => {
  test('gets the refusal as it is, and the payment is free for another request', async () => {
    await using made = await openRefused(refusal)
    const { refused, gateway, payment } = made
    expect([refused.status, refused.headers['l402-payment']]).toEqual([422, 'unspent'])
    expect(refused.text).toBe('{"reason":"a prompt that the model refuses"}')
    expect(refused.headers).toMatchObject({ 'content-type': 'application/json', 'x-why': 'policy' })
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'refused', attempts: 0 } })
  })

  test('gets the same refusal again without another call, after a restart too', async () => {
    await using made = await openRefused(refusal)
    const { refused, gateway, upstream, payment } = made
    for (let times = 0; times < 2; times++) {
      const again = await send(gateway, paid(request('cat!'), payment))
      expect([again.status, again.text, again.headers['l402-payment']]).toEqual([422, refused.text, 'unspent'])
    }
    await using restarted = await gateway.restart()
    const later = await send(restarted, paid(request('cat!'), payment))
    expect([later.status, later.text]).toEqual([422, refused.text])
    expect(upstream.calls).toHaveLength(1)
  })

  test('of two mebibytes is kept whole', async () => {
    const large = Buffer.alloc(2 * 2 ** 20, 'no ')
    await using made = await openRefused(answerWith(422, large))
    expect(made.refused.bytes.equals(large)).toBe(true)
    const again = await send(made.gateway, paid(request('cat!'), made.payment))
    expect(again.bytes.equals(large)).toBe(true)
  })
})

describe('a payment whose request was refused', () => {
  test.for([
    ['the same price', 'dog!'],
    ['a lower price', 'dog'],
  ] as const)('pays for another request at %s', async ([, prompt]) => {
    await using made = await openRefused(inTurn(refusal, echo))
    const { gateway, upstream, payment } = made
    const answer = await send(gateway, paid(request(prompt), payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
    expect(answer.json().body).toBe(JSON.stringify({ prompt }))
    const replay = await send(gateway, paid(request(prompt), payment))
    expect(replay.headers['l402-payment']).toBe('replayed')
    expect(upstream.calls).toHaveLength(2)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { rebound: true, state: 'captured' } })
    const first = await send(gateway, paid(request('cat!'), payment))
    expect([first.status, first.json().code]).toEqual([402, 'token_spent'])
  })

  test('does not pay for a dearer request, and stays free for a fair one', async () => {
    await using made = await openRefused(inTurn(refusal, echo))
    const { gateway, upstream, payment } = made
    const dearer = await send(gateway, paid(request('eagle'), payment))
    expect([dearer.status, dearer.headers['l402-payment']]).toEqual([402, 'required'])
    expect(dearer.json()).toMatchObject({ code: 'price_above_paid', amountMsat: 5_000 })
    expect(upstream.calls).toHaveLength(1)
    const fair = await send(gateway, paid(request('bird'), payment))
    expect([fair.status, fair.headers['l402-payment']]).toEqual([200, 'spent'])
  })

  test('does not pay at another service', async () => {
    await using made = await openRefused(inTurn(refusal, echo))
    const answer = await send(made.gateway, paid({ path: '/other', body: { prompt: 'a' } }, made.payment))
    expect([answer.status, answer.json().code]).toEqual([402, 'wrong_service'])
    expect(made.upstream.calls).toHaveLength(1)
  })

  test('does not pay for a request that the service does not take, and says why', async () => {
    await using made = await openRefused(inTurn(refusal, echo))
    const answer = await send(made.gateway, paid({ path: '/make', body: { prompt: 3 } }, made.payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([400, 'unspent'])
    expect(made.upstream.calls).toHaveLength(1)
  })

  test('pays for one other request of many that come at once', async () => {
    await using made = await openRefused(inTurn(refusal, echo))
    const { gateway, upstream, payment } = made
    const prompts = ['dog1', 'dog2', 'dog3', 'dog4', 'dog5', 'dog6', 'dog7', 'dog8']
    const answers = await Promise.all(prompts.map((prompt) => send(gateway, paid(request(prompt), payment))))
    const paidFor = answers.filter(({ status }) => status === 200)
    expect(paidFor).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 402)).toHaveLength(7)
    expect(upstream.calls).toHaveLength(2)
  })

  test('that is refused a second time is due for a refund and pays for nothing more', async () => {
    await using made = await openRefused(refusal)
    const { gateway, upstream, payment } = made
    const second = await send(gateway, paid(request('dog!'), payment))
    expect([second.status, second.headers['l402-payment']]).toEqual([422, 'refundable'])
    const again = await send(gateway, paid(request('dog!'), payment))
    expect([again.status, again.headers['l402-payment']]).toEqual([422, 'refundable'])
    const third = await send(gateway, paid(request('bird'), payment))
    expect([third.status, third.json().code]).toEqual([402, 'token_for_other_request'])
    expect(upstream.calls).toHaveLength(2)
  })

  test('and that nobody used while it was kept is owed', async () => {
    await using made = await openRefused(refusal)
    const { clock, gateway, payment } = made
    clock.advance(25 * 3_600_000)
    for (const prompt of ['cat!', 'dog!']) {
      const answer = await send(gateway, paid(request(prompt), payment))
      expect([answer.status, answer.json().code, answer.headers['l402-payment']]).toEqual([
        410,
        'refund_due',
        'refundable',
      ])
    }
  })
})
