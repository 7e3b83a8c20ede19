import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  type LightningAddressWalletOptions,
  openLightningAddressWallet,
} from '#src/lightning/lightning-address/lightning-address-wallet.ts'
import type { Wallet, WalletErrorCode } from '#src/ports/wallet.ts'
import { TestClock } from '../support/clock.ts'
import { FakeLightningAddress, type FakeLightningAddressOptions } from '../support/wallets/fake-lightning-address.ts'
import { deadline, makeRequest } from './dev-setting.ts'

const sats = (amountMsat = 21_000n) => makeRequest({ amountMsat })

interface Shop extends AsyncDisposable {
  readonly fake: FakeLightningAddress
  readonly wallet: Wallet
  readonly clock: TestClock
}

async function openShop(
  options: Partial<FakeLightningAddressOptions> = {},
  settings: Partial<LightningAddressWalletOptions> = {},
): Promise<Shop> {
  const fake = await new FakeLightningAddress(options).start()
  const clock = new TestClock(Date.now())
  const { address } = fake
  const wallet = openLightningAddressWallet({ name: 'shop', address, clock, allowLoopback: true, ...settings })
  return {
    fake,
    wallet,
    clock,
    async [Symbol.asyncDispose]() {
      await wallet[Symbol.asyncDispose]()
      await fake[Symbol.asyncDispose]()
    },
  }
}

const fails = (code: WalletErrorCode, message = '') => ({
  name: 'WalletError',
  code,
  message: expect.stringContaining(message),
})

describe('at its start', () => {
  test('an address that tells of payments is looked up, and not taken at the preimage’s word', async () => {
    await using shop = await openShop({ maxSendable: 5_000_500 })
    await shop.wallet.start(deadline())
    expect(shop.wallet.capabilities).toEqual({
      unitMsat: 1n,
      maxMsat: 5_000_500n,
      network: 'bcrt',
      lookup: true,
      push: 'none',
      preimagePrivate: false,
    })
    expect(await shop.wallet.health(deadline())).toMatchObject({ ok: true, warnings: [] })
  })

  test('an address that does not is taken at the preimage’s word, with a warning', async () => {
    await using shop = await openShop({ verify: false })
    await shop.wallet.start(deadline())
    expect(shop.wallet.capabilities).toMatchObject({ lookup: false, preimagePrivate: true })
    const issued = await shop.wallet.createInvoice(sats(), deadline())
    expect(issued.ref).toBe(issued.paymentHash)
    expect(await shop.wallet.lookup(issued, deadline())).toEqual({ state: 'unknown' })
    expect((await shop.wallet.health(deadline())).warnings).toEqual([
      expect.stringContaining('LUD-21'),
      expect.stringContaining('trusted'),
    ])
  })

  test('an address that does not is refused where that is required', async () => {
    await using shop = await openShop({ verify: false }, { requireVerify: true })
    await expect(shop.wallet.start(deadline())).rejects.toMatchObject(fails('rejected', 'require_verify'))
  })

  test('whole satoshi are found out, and the largest amount is one', async () => {
    await using shop = await openShop({ wholeSats: true, maxSendable: 5_000_500 })
    await shop.wallet.start(deadline())
    expect(shop.wallet.capabilities).toMatchObject({ unitMsat: 1000n, maxMsat: 5_000_000n })
    await expect(shop.wallet.createInvoice(sats(1500n), deadline())).rejects.toMatchObject(fails('bad_amount'))
  })

  test('an address that nobody has is named', async () => {
    await using shop = await openShop()
    const address = shop.fake.address.replace('shop', 'nobody')
    await using wallet = openLightningAddressWallet({ name: 'x', address, clock: shop.clock, allowLoopback: true })
    await expect(wallet.start(deadline())).rejects.toMatchObject(fails('rejected', `no lightning address ${address}`))
  })

  test('the loopback is refused outside of tests', async () => {
    await using shop = await openShop({}, { allowLoopback: false })
    await expect(shop.wallet.start(deadline())).rejects.toMatchObject(fails('rejected', 'not on the public internet'))
    expect(shop.fake.http.requests).toEqual([])
  })

  test.for([
    ['another tag', { tag: 'withdrawRequest' }, 'protocol'],
    ['no callback', { callback: undefined }, 'protocol'],
    ['a private callback', { callback: 'https://10.0.0.1/pay' }, 'rejected'],
    ['a file as callback', { callback: 'file:///etc/passwd' }, 'rejected'],
    ['nothing that it takes', { minSendable: 2000, maxSendable: 1000 }, 'protocol'],
    ['a fraction as amount', { minSendable: 0.5 }, 'protocol'],
    ['an error of HTTP 200', { status: 'ERROR', reason: 'Account closed' }, 'rejected'],
  ] as const)('%s is refused', async ([, payRequest, code]) => {
    await using shop = await openShop()
    shop.fake.spoil = { payRequest }
    await expect(shop.wallet.start(deadline())).rejects.toMatchObject(fails(code))
  })
})

describe('an invoice', () => {
  test('keeps the query of the callback and is found by its verify URL after a restart', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    const issued = await shop.wallet.createInvoice(sats(), deadline())
    expect(issued).toMatchObject({ amountMsat: 21_000n, ref: expect.stringContaining(`/verify/${issued.paymentHash}`) })
    const settings = { name: 'shop', address: shop.fake.address, clock: shop.clock, allowLoopback: true }
    await using later = openLightningAddressWallet(settings)
    expect(await later.lookup(issued, deadline())).toEqual({ state: 'open' })
    shop.fake.settle(issued.paymentHash)
    expect(await later.lookup(issued, deadline())).toEqual({ state: 'settled' })
  })

  test.for([
    ['over another amount', { amountMsat: 20_000n }],
    ['that has expired', { expirySeconds: 1 }],
    ['for another network', { network: 'bc' }],
  ] as const)('%s is refused', async ([, lie]) => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.node.lie = lie
    if ('expirySeconds' in lie) shop.clock.advance(2_000)
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject(fails('protocol'))
  })

  test('for another description is refused', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.metadata = '[["text/plain","Somebody else"]]'
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject(fails('protocol', 'description'))
  })

  test('with a plain description is taken only where the operator says so', async () => {
    for (const acceptPlainDescription of [false, true]) {
      await using shop = await openShop({}, { acceptPlainDescription })
      shop.fake.metadata = '[["text/plain","Tea"]]'
      shop.fake.node.hashesDescriptions = false
      const outcome = await shop.wallet.start(deadline()).then(
        () => 'started',
        ({ code }: { code: string }) => code,
      )
      expect(outcome).toBe(acceptPlainDescription ? 'started' : 'protocol')
    }
  })

  test('is not sold twice, whoever cached the answer', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    const { bolt11 } = await shop.wallet.createInvoice(sats(), deadline())
    shop.fake.repeats = bolt11
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject(fails('protocol', 'before'))
  })

  test.for([
    ['below the least', 9_000n],
    ['above the most', 101_000n],
  ] as const)('%s that is taken is not asked for', async ([, amountMsat]) => {
    await using shop = await openShop({ minSendable: 10_000, maxSendable: 100_000 })
    await shop.wallet.start(deadline())
    const before = shop.fake.calls('callback')
    await expect(shop.wallet.createInvoice(sats(amountMsat), deadline())).rejects.toMatchObject(fails('bad_amount'))
    expect(shop.fake.calls('callback')).toBe(before)
  })

  test('that is refused says why, without what could be a secret', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.spoil = { invoice: { status: 'ERROR', reason: `No route\nfor ${'ab'.repeat(32)}` } }
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject(
      fails('rejected', 'refuses an invoice (“No route for …”).'),
    )
  })

  test.for([
    ['without a verify URL', undefined],
    ['with one at somebody else’s', 'https://elsewhere.example/verify/1'],
  ])('%s is not sold where tokens wait for the word of the provider', async ([, verify]) => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.spoil = { invoice: { verify } }
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject(fails('protocol', 'paid'))
  })

  test('of before a restart is asked about by its hash alone', async () => {
    await using shop = await openShop()
    const { paymentHash } = shop.fake.node.make({
      amountMsat: 1n,
      description: shop.fake.metadata,
      expirySeconds: 600,
    })
    await shop.wallet.start(deadline())
    expect(await shop.wallet.lookup({ paymentHash, ref: paymentHash }, deadline())).toEqual({ state: 'open' })
    shop.fake.settle(paymentHash)
    expect(await shop.wallet.lookup({ paymentHash, ref: paymentHash }, deadline())).toEqual({ state: 'settled' })
  })

  test('whose verify URL does not hold its hash leaves nobody waiting for an answer that cannot come', async () => {
    await using shop = await openShop()
    shop.fake.spoil = { invoice: { verify: `${shop.fake.http.url}/verify/17` } }
    await shop.wallet.start(deadline())
    expect(shop.wallet.capabilities).toMatchObject({ lookup: true, preimagePrivate: true })
    const paymentHash = 'ab'.repeat(32)
    expect(await shop.wallet.lookup({ paymentHash, ref: paymentHash }, deadline())).toEqual({ state: 'unknown' })
    expect((await shop.wallet.health(deadline())).warnings).toEqual([expect.stringContaining('trusted')])
  })
})

describe('whether it is paid', () => {
  const preimage = '11'.repeat(32)
  const paymentHash = createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')

  test.for([
    ['another invoice', { settled: true, pr: undefined, preimage: '22'.repeat(32) }],
    ['no yes or no', { settled: 'true' }],
  ] as const)('is not answered by %s', async ([, verify]) => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    const issued = await shop.wallet.createInvoice(sats(), deadline())
    shop.fake.spoil = { verify }
    await expect(shop.wallet.lookup(issued, deadline())).rejects.toMatchObject(fails('protocol'))
  })

  test('is not answered by another invoice’s verify URL', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    const paid = await shop.wallet.createInvoice(sats(), deadline())
    shop.fake.settle(paid.paymentHash)
    shop.fake.spoil = { verify: { preimage: null } }
    await expect(shop.wallet.lookup({ paymentHash, ref: paid.ref }, deadline())).rejects.toMatchObject(
      fails('protocol'),
    )
  })

  test('is never asked at a URL that is not on the public internet', async () => {
    await using shop = await openShop({}, { allowLoopback: false })
    for (const ref of [`http://localhost:1/verify`, 'https://10.0.0.1/verify', 'file:///etc/passwd']) {
      await expect(shop.wallet.lookup({ paymentHash, ref }, deadline())).rejects.toMatchObject(fails('rejected'))
    }
  })

  test('a provider that shows preimages of unpaid invoices is reported', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    const issued = await shop.wallet.createInvoice(sats(), deadline())
    shop.fake.spoil = { verify: { preimage: shop.fake.node.invoices.get(issued.paymentHash)?.preimage } }
    expect(await shop.wallet.lookup(issued, deadline())).toEqual({ state: 'open' })
    expect((await shop.wallet.health(deadline())).warnings).toEqual([expect.stringContaining('shows the preimage')])
  })
})

describe('its calls', () => {
  test('read what the address takes once in ten minutes', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    for (let sale = 0; sale < 3; sale++) await shop.wallet.createInvoice(sats(), deadline())
    expect(shop.fake.calls('lnurlp')).toBe(1)
    shop.clock.advance(10 * 60_000)
    await shop.wallet.createInvoice(sats(), deadline())
    expect(shop.fake.calls('lnurlp')).toBe(2)
  })

  test('rest after a 429 for as long as it asks', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.http.fail({ kind: 'status', status: 429, headers: { 'retry-after': '30' } })
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterMs: 30_000,
    })
    shop.fake.http.fail(undefined)
    const before = shop.fake.http.requests.length
    shop.clock.advance(20_000)
    await expect(shop.wallet.createInvoice(sats(), deadline())).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterMs: 10_000,
    })
    expect(shop.fake.http.requests.length).toBe(before)
    shop.clock.advance(10_000)
    await shop.wallet.createInvoice(sats(), deadline())
  })

  test('end when the wallet is closed', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.http.fail({ kind: 'hang' })
    const waiting = shop.wallet.createInvoice(sats(), deadline())
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ name: 'WalletError' }),
      shop.wallet[Symbol.asyncDispose](),
    ])
  })
})
