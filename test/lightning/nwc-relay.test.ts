import { describe, expect, test, vi } from 'vitest'
import { openNwcWallet } from '#src/lightning/nwc/nwc-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { NostrRelay } from '../support/wallets/nostr-relay.ts'
import { deadline } from './dev-setting.ts'
import { listen, openShop, sats, soon } from './nwc-setting.ts'

describe('the relay', () => {
  test('may come back while nothing is sold, and notifications go on', async () => {
    await using shop = await openShop()
    const { fake, wallet } = shop
    await wallet.start(deadline())
    const told = listen(wallet, deadline())
    const issued = await wallet.createInvoice(sats(), deadline())
    await fake.relay.stop()
    await vi.waitFor(() => expect(fake.relay.subscriptions).toBe(0), soon)
    await fake.relay.start()
    await vi.waitFor(() => expect(fake.relay.subscriptions).toBe(1), soon)
    fake.settle(issued.paymentHash)
    await vi.waitFor(() => expect(told).toMatchObject([{ paymentHash: issued.paymentHash }]), soon)
  })

  test('that falls silent without a word is found by pings', async () => {
    await using shop = await openShop({}, { pingEveryMs: 100 })
    const { fake, wallet } = shop
    await wallet.start(deadline())
    fake.relay.killLink(true)
    fake.relay.killLink(false)
    expect(fake.relay.subscriptions).toBe(0)
    await vi.waitFor(() => expect(fake.relay.subscriptions).toBe(1), soon)
  })

  test('that only drops the answer fails the call at once', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.loseNextInvoice = true
    const begunMs = performance.now()
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject({ code: 'unavailable' })
    expect(performance.now() - begunMs).toBeLessThan(2_000)
  })

  test('that lets us in late gets nothing of a request that is over', async () => {
    await using shop = await openShop()
    await using second = await new NostrRelay().start()
    const uri = `${shop.fake.uri}&relay=${encodeURIComponent(second.url)}`
    await using wallet = openNwcWallet({ name: 'nwc', uri, clock: systemClock, unitMsat: 1n })
    const slow = second.slowDown()
    await wallet.start(deadline())
    await wallet.createInvoice(sats(), deadline())
    slow[Symbol.dispose]()
    await vi.waitFor(() => expect(second.subscriptions).toBe(1), soon)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(second.received.filter((message) => message.startsWith('["EVENT"'))).toEqual([])
  })

  test('that refuses requests is named, with the fix', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.relay.refusal = 'rate-limited: slow down'
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject({ code: 'rate_limited' })
    shop.fake.relay.refusal = 'auth-required: log in'
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^The relay localhost:\d+ .* make the connection anew with another relay\.$/),
    })
  })

  test('may send what is no event', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    for (const text of [
      '{',
      'null',
      '["EVENT","incoming",{"kind":"x"}]',
      '["EVENT","incoming",null]',
      '["NOTICE","hello"]',
    ]) {
      shop.fake.relay.sendRaw(text)
    }
    await shop.wallet.createInvoice(sats(), deadline())
  })

  test('that knows nothing of the wallet is told from one that cannot be reached', async () => {
    await using shop = await openShop()
    shop.fake.relay.forget()
    await expect(shop.wallet.start(AbortSignal.timeout(500))).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('has published nothing'),
    })
  })

  test('may be one of several, and the others may be down', async () => {
    await using shop = await openShop()
    const uri = shop.fake.uri.replace('relay=', 'relay=ws%3A%2F%2Flocalhost%3A1&relay=')
    await using wallet = openNwcWallet({ name: 'nwc', uri, clock: systemClock, unitMsat: 1n })
    await wallet.start(deadline())
    await wallet.createInvoice(sats(), deadline())
  })
})

describe('a call', () => {
  test('ends by its own bound where the caller has none', async () => {
    await using shop = await openShop({}, { requestTimeoutMs: 300 })
    await shop.wallet.start(deadline())
    shop.fake.instead = () => 'silence'
    const never = new AbortController().signal
    await expect(shop.wallet.createInvoice(sats(), never)).rejects.toMatchObject({ code: 'timeout' })
  })

  test('ends when the wallet is closed', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.instead = () => 'silence'
    const waiting = shop.wallet.createInvoice(sats(), deadline())
    await vi.waitFor(() => expect(shop.fake.asked).toContain('make_invoice'), soon)
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ code: 'unavailable' }),
      shop.wallet[Symbol.asyncDispose](),
    ])
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject({ code: 'unavailable' })
  })
})
