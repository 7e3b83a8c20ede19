import { describe, expect, test } from 'vitest'
import { paid, payFor, send } from '../support/buyer.ts'
import { imageServer, picture } from '../support/stand-ins.ts'
import { expectNoCredential, openShop, sats } from '../support/stand-ins-shop.ts'

describe('image-server.yaml', () => {
  const open = openShop('image-server.yaml', 'http://127.0.0.1:9002', imageServer)

  test('a link is bought, and the server gets the query that was priced', async () => {
    const shop = open()
    const request = { path: '/images/oil?prompt=a+cat%2C+asleep&steps=30' }
    const payment = await payFor(shop.gateway, request)
    expect(payment.amountMsat).toBe(30_000)
    const answer = await send(shop.gateway, paid(request, payment))
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'image/png'])
    expect(answer.bytes).toEqual(picture)
    expect(shop.upstream.calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /render/oil?prompt=a%20cat%2C%20asleep&steps=30&size=512',
    ])
    expectNoCredential(shop.upstream.calls[0])
  })

  test.each([
    ['/images/ink?prompt=a', 10],
    ['/images/ink?prompt=a&steps=1', 5],
    ['/images/ink?prompt=a&steps=21', 15],
    ['/images/oil?prompt=a&size=1024&steps=50', 200],
    ['/images/oil?steps=7&prompt=a', 10],
  ])('%s costs %i sats', async (path, price) => {
    const shop = open()
    expect(await sats(shop.gateway, { path })).toBe(price)
  })

  test.each([
    ['a style without a row', '/images/chalk?prompt=a', 400],
    ['a parameter that is not known', '/images/oil?prompt=a&upscale=4', 400],
    ['a parameter given twice', '/images/oil?prompt=a&steps=1&steps=50', 400],
    ['more steps than are sold', '/images/oil?prompt=a&steps=51', 400],
    ['no prompt', '/images/oil', 400],
    ['another path', '/images/oil/large?prompt=a', 404],
  ])('%s is refused, and no invoice is made', async (_what, path, status) => {
    const shop = open()
    expect((await send(shop.gateway, { path })).status).toBe(status)
    expect(shop.gateway.wallet.asked).toEqual([])
  })

  test('the gallery is free', async () => {
    const shop = open()
    expect((await send(shop.gateway, { path: '/gallery/2026/cat.png?v=2' })).bytes).toEqual(picture)
    expect(shop.upstream.calls[0]?.url).toBe('/gallery/2026/cat.png?v=2')
  })
})
