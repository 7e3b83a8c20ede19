import { describe, expect, test } from 'vitest'
import { WalletError, type WalletErrorCode } from '#src/ports/wallet.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway } from '../support/gateway.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

const other = { ...aRequest, body: { prompt: 'a dog' } }

describe('while the wallet is down', () => {
  const failures: readonly (readonly [WalletErrorCode, number | undefined, readonly [number, number]])[] = [
    // One failure does not stop the wallet from being asked again; a certain one does, for a while.
    ['unavailable', undefined, [1, 1]],
    ['timeout', undefined, [1, 1]],
    ['unauthorized', undefined, [4, 7]],
    ['rate_limited', 3_000, [4, 7]],
    ['protocol', 1, [1, 1]],
  ]

  test.for(failures)(
    '(%s) nothing is sold, and what was paid is still redeemed',
    async ([code, retryAfterMs, [least, most]]) => {
      const clock = new TestClock(Date.now())
      await using upstream = await openUpstream()
      await using gateway = await openGateway({ config: makeShop(upstream.url), clock })
      const [unused, used] = [await payFor(gateway, aRequest), await payFor(gateway, other)]
      await send(gateway, paid(other, used))
      gateway.wallet.instead = () =>
        Promise.reject(
          new WalletError(code, 'secret words of the wallet', retryAfterMs === undefined ? {} : { retryAfterMs }),
        )

      const challenge = await send(gateway, aRequest)
      expect([challenge.status, challenge.headers['l402-payment']]).toEqual([503, 'not-charged'])
      const retryAfter = Number(challenge.headers['retry-after'])
      expect(retryAfter).toBeGreaterThanOrEqual(least)
      expect(retryAfter).toBeLessThanOrEqual(most)
      expect(challenge.headers['www-authenticate']).toBeUndefined()
      expect(challenge.json()).toMatchObject({ code: 'wallet_unavailable', payment: { action: 'none' } })
      expect(challenge.text).not.toContain('secret')

      const first = await send(gateway, paid(aRequest, unused))
      expect([first.status, first.headers['l402-payment']]).toEqual([200, 'spent'])
      const replay = await send(gateway, paid(other, used))
      expect([replay.status, replay.headers['l402-payment']]).toEqual([200, 'replayed'])
      expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200)

      gateway.wallet.instead = undefined
      clock.advance(10_000)
      expect((await send(gateway, aRequest)).status).toBe(402)
    },
  )

  test('a token that covers nothing any more is no reason to say that it is unspent', async () => {
    await using upstream = await openUpstream()
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    await send(gateway, paid(aRequest, payment))
    gateway.wallet.instead = () => Promise.reject(new WalletError('unavailable', ''))
    const answer = await send(gateway, paid(other, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([503, 'not-charged'])
  })

  test('an invoice that is not what was asked for never reaches a buyer', async () => {
    await using upstream = await openUpstream()
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const honest = await send(gateway, aRequest)
    const { invoice, paymentHash } = honest.json()
    const expiresAt = Math.floor(Date.now() / 1000) + 600
    gateway.wallet.instead = () =>
      Promise.resolve({
        bolt11: invoice,
        paymentHash: 'ab'.repeat(32),
        amountMsat: 7_000n,
        expiresAt,
        ref: paymentHash,
      })
    const answer = await send(gateway, aRequest)
    expect([answer.status, answer.json().code]).toEqual([503, 'wallet_unavailable'])
    expect(answer.headers['www-authenticate']).toBeUndefined()
  })
})

test('a wallet that does not answer in time is a wallet that is down', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream()
  const config = `lightning: { timeout: 100ms }\n${makeShop(upstream.url)}`
  await using gateway = await openGateway({ config, clock })
  gateway.wallet.instead = (_request, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  const answer = await send(gateway, aRequest)
  expect([answer.status, answer.json().code]).toEqual([503, 'wallet_unavailable'])
})
