import { describe, expect, test } from 'vitest'
import { type Payment, payFor, type Sent, send } from '../support/buyer.ts'
import { attenuate, caveatsOf, strip } from '../support/clients-attenuate.ts'
import { sharedShop } from '../support/clients-shop.ts'
import { TestClock } from '../support/clock.ts'

const sells = (upstream: string) => `
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
`

const request: Sent = { path: '/make', body: { prompt: 'a cat' } }
const other: Sent = { path: '/make', body: { prompt: 'a dog' } }

const presenting = (sent: Sent, token: string, preimage: string): Sent => ({
  ...sent,
  headers: { authorization: `L402 ${token}:${preimage}` },
})

const clock = new TestClock()

const shop = sharedShop(sells, clock)

describe('a client that appends the preimage to the macaroon (lnget, Aperture)', () => {
  test('is served, and what it bought is one purchase with and without the caveat', async () => {
    const callsBefore = shop.upstream.calls.length
    const { token, preimage } = await payFor(shop.gateway, request)
    const longer = attenuate(token, [`preimage=${preimage}`])
    expect(longer).not.toBe(token)
    expect(caveatsOf(longer)).toEqual([...caveatsOf(token), `preimage=${preimage}`])

    const bought = await send(shop.gateway, presenting(request, longer, preimage))
    expect([bought.status, bought.headers['l402-payment']]).toEqual([200, 'spent'])
    const again = await send(shop.gateway, presenting(request, token, preimage))
    expect([again.status, again.headers['l402-payment'], again.text]).toEqual([200, 'replayed', bought.text])
    const twice = attenuate(longer, [`preimage=${preimage}`])
    expect((await send(shop.gateway, presenting(request, twice, preimage))).headers['l402-payment']).toBe('replayed')
    for (const each of [token, longer]) {
      const spent = await send(shop.gateway, presenting(other, each, preimage))
      expect([spent.status, spent.json().code]).toEqual([402, 'token_spent'])
    }
    expect(shop.upstream.calls.length - callsBefore).toBe(1)
  })

  test('is refused with the preimage of another payment in it, and the token alone still works', async () => {
    const callsBefore = shop.upstream.calls.length
    const payment = await payFor(shop.gateway, request)
    const stranger = await payFor(shop.gateway, request)
    const wrong = attenuate(payment.token, [`preimage=${stranger.preimage}`])
    const refused = await send(shop.gateway, presenting(request, wrong, payment.preimage))
    expect([refused.status, refused.json().code]).toEqual([402, 'token_refused'])
    const wrongBoth = await send(shop.gateway, presenting(request, wrong, stranger.preimage))
    expect([wrongBoth.status, wrongBoth.json().code]).toEqual([402, 'wrong_preimage'])
    expect(shop.upstream.calls).toHaveLength(callsBefore)
    expect((await send(shop.gateway, presenting(request, payment.token, payment.preimage))).status).toBe(200)
  })
})

describe('a token that was handed on with', () => {
  const nowSeconds = clock.nowMs() / 1000
  const rows: readonly (readonly [string, (payment: Payment) => string, number, string])[] = [
    ['an unknown caveat', ({ token }) => attenuate(token, ['foo=bar', 'singleuse']), 200, 'spent'],
    ['its own method', ({ token }) => attenuate(token, ['method=POST']), 200, 'spent'],
    ['an earlier expiry', ({ token }) => attenuate(token, [`make_valid_until=${nowSeconds + 60}`]), 200, 'spent'],
    ['the same services', ({ token }) => attenuate(token, ['services=make:0']), 200, 'spent'],
    ['64 caveats', ({ token }) => attenuate(token, Array<string>(56).fill('a=b')), 200, 'spent'],
    ['another method', ({ token }) => attenuate(token, ['method=GET']), 402, 'token_refused'],
    ['another path', ({ token }) => attenuate(token, ['path=/elsewhere']), 402, 'token_refused'],
    ['wider services', ({ token }) => attenuate(token, ['services=make:0,other:0']), 402, 'token_refused'],
    ['a later expiry', ({ token }) => attenuate(token, ['make_valid_until=9999999999']), 402, 'token_refused'],
    ['a past expiry', ({ token }) => attenuate(token, [`make_valid_until=${nowSeconds}`]), 402, 'token_expired'],
    ['a lower price', ({ token }) => attenuate(token, ['price_msat=1']), 402, 'token_refused'],
    ['65 caveats', ({ token }) => attenuate(token, Array<string>(57).fill('a=b')), 402, 'malformed_credential'],
    ['a caveat taken off', ({ token }) => strip(token), 402, 'unknown_token'],
    ['an added caveat taken off', ({ token }) => strip(attenuate(token, ['method=GET'])), 402, 'unknown_token'],
  ]
  test.for(rows)('%s', async ([, change, status, outcome]) => {
    const callsBefore = shop.upstream.calls.length
    const payment = await payFor(shop.gateway, request)
    const answer = await send(shop.gateway, presenting(request, change(payment), payment.preimage))
    const money = answer.headers['l402-payment']
    expect([answer.status, status === 200 ? money : answer.json().code]).toEqual([status, outcome])
    expect(shop.upstream.calls.length - callsBefore).toBe(status === 200 ? 1 : 0)
    // Whatever was done to a copy, the token itself is as good as before.
    const own = await send(shop.gateway, presenting(request, payment.token, payment.preimage))
    expect([own.status, own.headers['l402-payment']]).toEqual([200, status === 200 ? 'replayed' : 'spent'])
    expect(shop.upstream.calls.length - callsBefore).toBe(1)
  })
})
