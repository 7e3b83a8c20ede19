import { describe, expect, test } from 'vitest'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { chatServer } from '../support/stand-ins.ts'
import { expectNoCredential, openShop, sats } from '../support/stand-ins-shop.ts'

describe('openai-chat.yaml', () => {
  const open = openShop('openai-chat.yaml', 'https://api.openai.com', chatServer, {
    environment: { OPENAI_KEY: 'sk-of-the-operator' },
  })
  const headers = { host: 'api.example.com' }
  const completion = (body: object): Sent => ({ path: '/v1/chat/completions', headers, body })
  const messages = [{ role: 'user', content: 'How high is the Eiffel tower?' }]
  const short = completion({ model: 'gpt-4o-mini', messages })

  test('an answer is bought with the operator’s key and the defaults filled in', async () => {
    const shop = open()
    const payment = await payFor(shop.gateway, short)
    expect(payment.amountMsat).toBe(2000)
    const answer = await send(shop.gateway, paid(short, payment))
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('You said: How high is the Eiffel tower?')
    const [call, ...more] = shop.upstream.calls
    expect(more).toEqual([])
    expect(call).toMatchObject({ method: 'POST', url: '/v1/chat/completions' })
    expect(call?.headers).toMatchObject({
      authorization: 'Bearer sk-of-the-operator',
      host: `127.0.0.1:${shop.upstream.port}`,
      'content-type': 'application/json',
    })
    expect(JSON.parse(String(call?.body))).toEqual({
      model: 'gpt-4o-mini',
      messages,
      max_tokens: 500,
      stream: false,
    })
    expectNoCredential(call)
  })

  test.each([
    ['the least', { model: 'gpt-4o-mini', messages }, 2],
    ['the longest answer', { model: 'gpt-4o-mini', messages, max_tokens: 4096 }, 9],
    ['the large model', { model: 'gpt-4o', messages, max_tokens: 2000 }, 67],
    ['a long prompt', { model: 'gpt-4o', messages: [{ role: 'user', content: 'x'.repeat(2500) }], max_tokens: 30 }, 11],
    [
      'a very long prompt',
      { model: 'gpt-4o', messages: Array.from({ length: 4 }, () => ({ role: 'user', content: 'x'.repeat(60_000) })) },
      977,
    ],
  ])('%s has its price', async (_what, body, price) => {
    const shop = open()
    expect(await sats(shop.gateway, completion(body))).toBe(price)
  })

  test.each([
    ['several answers for the price of one', { model: 'gpt-4o', messages, n: 2 }],
    ['a field that the price does not know', { model: 'gpt-4o', messages, best_of: 4 }],
    ['a model that is not sold', { model: 'o1', messages }],
    ['a longer answer than is sold', { model: 'gpt-4o', messages, max_tokens: 4097 }],
  ])('%s: refused, and no invoice is made', async (_what, body) => {
    const shop = open()
    expect((await send(shop.gateway, completion(body))).status).toBe(400)
    expect(shop.gateway.wallet.asked).toEqual([])
  })

  test('a buyer’s own key is neither used nor needed', async () => {
    const shop = open()
    const models = await send(shop.gateway, {
      path: '/v1/models',
      headers: { ...headers, authorization: 'Bearer sk-of-the-buyer' },
    })
    expect(models.json()).toMatchObject({ object: 'list' })
    expect(shop.upstream.calls[0]?.headers.authorization).toBe('Bearer sk-of-the-operator')
  })

  test('a streamed answer comes whole', async () => {
    const shop = open()
    const request = completion({ model: 'gpt-4o-mini', messages, stream: true })
    const answer = await send(shop.gateway, paid(request, await payFor(shop.gateway, request)))
    expect(answer.headers['content-type']).toBe('text/event-stream')
    expect(answer.text).toMatch(/^data: \{"delta":"You"\}\n\n.*data: \[DONE\]\n\n$/s)
  })

  test('nothing is sold under another host', async () => {
    const shop = open()
    expect((await send(shop.gateway, { ...short, headers: { host: 'other.example.com' } })).status).toBe(404)
  })
})
