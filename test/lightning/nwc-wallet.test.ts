import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openNwcWallet } from '#src/lightning/nwc/nwc-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import type { WalletErrorCode } from '#src/ports/wallet.ts'
import { refuse } from '../support/wallets/fake-nwc.ts'
import { deadline } from './dev-setting.ts'
import { listen, openShop, sats, soon } from './nwc-setting.ts'

const consoleMethods = ['log', 'info', 'warn', 'error', 'debug'] as const

beforeEach(() => {
  for (const method of consoleMethods) vi.spyOn(console, method)
})

afterEach(() => {
  const printed = consoleMethods.flatMap((method) => vi.mocked(console[method]).mock.calls)
  vi.restoreAllMocks()
  if (printed.length > 0) throw new Error(`${printed.length} lines were printed`)
})

describe('the rights of a connection', () => {
  test('that may only receive give no warning', async () => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    expect(await shop.wallet.health(deadline())).toMatchObject({ ok: true, warnings: [] })
    expect(shop.wallet.capabilities).toMatchObject({
      network: 'bcrt',
      lookup: true,
      push: 'lossy',
      preimagePrivate: true,
    })
  })

  test.for([
    ['pay_invoice', 'This connection can also spend: make a receive-only one.'],
    ['multi_pay_keysend', 'This connection can also spend: make a receive-only one.'],
    ['create_connection', 'This connection can also make other connections: make a receive-only one.'],
  ])('with %s are warned about', async ([method = '', warning]) => {
    await using shop = await openShop({ methods: ['get_info', 'make_invoice', 'lookup_invoice', method] })
    await shop.wallet.start(deadline())
    expect(await shop.wallet.health(deadline())).toMatchObject({ ok: true, warnings: [warning] })
  })

  test('without make_invoice do not suffice to start', async () => {
    await using shop = await openShop({ methods: ['get_info', 'lookup_invoice'] })
    await expect(shop.wallet.start(deadline())).rejects.toMatchObject({
      code: 'unauthorized',
      message:
        'The wallet does not allow this connection to make_invoice; make one there that may receive, and give its connection string.',
    })
  })

  test('that are announced and then refused do not suffice either', async () => {
    await using shop = await openShop({}, { unitMsat: undefined })
    shop.fake.instead = (method) => (method === 'make_invoice' ? refuse('RESTRICTED') : undefined)
    await expect(shop.wallet.start(deadline())).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('need neither get_info nor lookup_invoice nor notifications', async () => {
    await using shop = await openShop({ methods: ['make_invoice'], notifications: [] })
    await shop.wallet.start(deadline())
    expect(shop.wallet.capabilities).toMatchObject({ network: undefined, lookup: false, push: 'none' })
    const issued = await shop.wallet.createInvoice(sats(), deadline())
    shop.fake.settle(issued.paymentHash)
    expect(await shop.wallet.lookup(issued, deadline())).toEqual({ state: 'unknown' })
    const { ok, warnings } = await shop.wallet.health(deadline())
    expect([ok, warnings.length]).toEqual([true, 2])
  })
})

describe('the unit', () => {
  test.for([
    ['a wallet that refuses fractions of a satoshi', true, 1000n],
    ['a wallet that takes them', false, 1n],
  ] as const)('of %s is found out', async ([, wholeSats, unitMsat]) => {
    await using shop = await openShop({ wholeSats }, { unitMsat: undefined })
    await shop.wallet.start(deadline())
    expect(shop.wallet.capabilities.unitMsat).toBe(unitMsat)
  })

  test('of a wallet that silently rounds is whole satoshi', async () => {
    await using shop = await openShop({}, { unitMsat: undefined })
    shop.fake.node.lie = { amountMsat: 1000n }
    await shop.wallet.start(deadline())
    expect(shop.wallet.capabilities.unitMsat).toBe(1000n)
  })

  test('is not tried out when it is given', async () => {
    await using shop = await openShop({ wholeSats: true }, { unitMsat: 1000n })
    await shop.wallet.start(deadline())
    expect(shop.fake.node.invoices.size).toBe(0)
    await expect(shop.wallet.createInvoice(sats(1500n), deadline())).rejects.toMatchObject({ code: 'bad_amount' })
    expect(shop.fake.asked).not.toContain('make_invoice')
  })
})

describe('older wallets', () => {
  test('that know NIP-04 only sell and tell of payments', async () => {
    await using shop = await openShop({ encryptions: ['nip04'] })
    const { fake, wallet } = shop
    await wallet.start(deadline())
    const told = listen(wallet, deadline())
    const issued = await wallet.createInvoice(sats(), deadline())
    fake.settle(issued.paymentHash)
    await vi.waitFor(() => expect(told).toMatchObject([{ paymentHash: issued.paymentHash }]), soon)
    expect((await wallet.health(deadline())).warnings).toEqual([
      'The wallet knows the old encryption NIP-04 only; update it.',
    ])
  })

  test('that have no state tell a payment by its time', async () => {
    await using shop = await openShop({ withoutState: true })
    await shop.wallet.start(deadline())
    const issued = await shop.wallet.createInvoice(sats(), deadline())
    expect(await shop.wallet.lookup(issued, deadline())).toEqual({ state: 'open' })
    shop.fake.settle(issued.paymentHash)
    expect(await shop.wallet.lookup(issued, deadline())).toMatchObject({ state: 'settled', receivedMsat: 21_000n })
  })

  test('that give the preimage of an unpaid invoice away have not been paid by that', async () => {
    await using shop = await openShop({ withoutState: true })
    await shop.wallet.start(deadline())
    const issued = await shop.wallet.createInvoice(sats(), deadline())
    const { preimage } = shop.fake.node.invoices.get(issued.paymentHash) ?? {}
    shop.fake.instead = () => ({ result: { payment_hash: issued.paymentHash, preimage, settled_at: 0 } })
    expect(await shop.wallet.lookup(issued, deadline())).toEqual({ state: 'open' })
  })
})

describe('the word of the wallet', () => {
  test('on another invoice does not settle this one', async () => {
    await using shop = await openShop()
    const { fake, wallet } = shop
    await wallet.start(deadline())
    const [wanted, other] = [
      await wallet.createInvoice(sats(), deadline()),
      await wallet.createInvoice(sats(), deadline()),
    ]
    fake.instead = () => ({ result: { state: 'settled', payment_hash: other.paymentHash, invoice: wanted.bolt11 } })
    await expect(wallet.lookup(wanted, deadline())).rejects.toMatchObject({ code: 'protocol' })
    fake.instead = () => ({ result: { state: 'settled' } })
    await expect(wallet.lookup(wanted, deadline())).rejects.toMatchObject({ code: 'protocol' })
  })

  test('in a notification counts only when a lookup says the same', async () => {
    await using shop = await openShop()
    const { fake, wallet } = shop
    await wallet.start(deadline())
    const told = listen(wallet, deadline())
    const [unpaid, paid] = [
      await wallet.createInvoice(sats(), deadline()),
      await wallet.createInvoice(sats(), deadline()),
    ]
    fake.notify('payment_received', { payment_hash: unpaid.paymentHash, state: 'settled', amount: 21_000 })
    fake.notify('payment_sent', { payment_hash: paid.paymentHash })
    fake.notify('payment_received', { payment_hash: 'short' })
    fake.notify('payment_received', null)
    fake.notifyRaw('nip44_v2', 'AAAAgarbage')
    fake.notifyRaw('nip04', 'no?iv=no')
    fake.settle(paid.paymentHash)
    await vi.waitFor(() => expect(told.length).toBeGreaterThan(0), soon)
    expect(told.map(({ paymentHash }) => paymentHash)).toEqual([paid.paymentHash])
  })

  test('counts only under its own signature', async () => {
    await using shop = await openShop()
    const { fake, wallet } = shop
    await wallet.start(deadline())
    const serve = fake.relay.onPublished
    fake.relay.onPublished = (event) => {
      fake.forgeReply(event, { result: { state: 'settled', payment_hash: 'ab'.repeat(32) } })
      serve(event)
    }
    expect(await wallet.lookup({ paymentHash: 'ab'.repeat(32), ref: '' }, deadline())).toEqual({ state: 'unknown' })
  })

  test.for<readonly [string, WalletErrorCode]>([
    ['UNAUTHORIZED', 'unauthorized'],
    ['RESTRICTED', 'unauthorized'],
    ['RATE_LIMITED', 'rate_limited'],
    ['QUOTA_EXCEEDED', 'rate_limited'],
    ['INTERNAL', 'unavailable'],
    ['OTHER', 'unavailable'],
    ['NOT_IMPLEMENTED', 'rejected'],
    ['UNSUPPORTED_ENCRYPTION', 'protocol'],
    ['A_NEW_ONE', 'rejected'],
  ])('%s becomes %s, without its own words', async ([code, expected]) => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.instead = () => refuse(code)
    const thrown = await shop.wallet.createInvoice(sats(), deadline()).catch((error: unknown) => error)
    expect(thrown).toMatchObject({ name: 'WalletError', code: expected })
    expect(String(thrown)).not.toContain('says the wallet')
  })

  test.for([
    ['no object', []],
    ['no invoice', { payment_hash: 'ab'.repeat(32), preimage: 'cd'.repeat(32) }],
    ['text for an invoice', { invoice: 'lnbcrt1nonsense', preimage: 'cd'.repeat(32) }],
    ['a fraction as amount', { invoice: 'lnbcrt1', amount: 0.5 }],
  ] as const)('that is %s sells nothing and is not quoted', async ([, result]) => {
    await using shop = await openShop()
    await shop.wallet.start(deadline())
    shop.fake.instead = () => ({ result })
    const thrown = await shop.wallet.createInvoice(sats(), deadline()).catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'protocol' })
    expect(String(thrown)).not.toMatch(/[0-9a-f]{64}|nonsense/)
  })
})

describe('a connection string', () => {
  const key = 'ab'.repeat(32)
  test.for([
    ['of another scheme', `https://${key}?relay=wss://r.example&secret=${key}`],
    ['without a key', `nostr+walletconnect://?relay=wss://r.example&secret=${key}`],
    ['without a secret', `nostr+walletconnect://${key}?relay=wss://r.example`],
    ['with half a secret', `nostr+walletconnect://${key}?relay=wss://r.example&secret=${key.slice(0, 40)}`],
    ['without a relay', `nostr+walletconnect://${key}?secret=${key}`],
    ['with a web page as relay', `nostr+walletconnect://${key}?relay=https://r.example&secret=${key}`],
  ])('%s is refused without quoting it', ([, uri = '']) => {
    expect(() => openNwcWallet({ name: 'nwc', uri, clock: systemClock })).toThrow(
      expect.objectContaining({ code: 'rejected', message: expect.not.stringContaining('abab') }),
    )
  })
})
