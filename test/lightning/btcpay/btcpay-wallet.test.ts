import { describe, expect, test } from 'vitest'
import { type BtcpayWalletOptions, openBtcpayWallet } from '#src/lightning/btcpay/btcpay-wallet.ts'
import { judgePermissions } from '#src/lightning/btcpay/permissions.ts'
import { systemClock } from '#src/ports/clock.ts'
import type { Wallet } from '#src/ports/wallet.ts'
import { FakeBtcpay } from '../../support/wallets/fake-btcpay.ts'
import { makeRequest } from '../dev-setting.ts'

const soon = () => AbortSignal.timeout(5_000)
const create = 'btcpay.store.cancreatelightninginvoice'
const view = 'btcpay.store.canviewlightninginvoice'

const open = (fake: FakeBtcpay, options: Partial<BtcpayWalletOptions> = {}): Wallet =>
  openBtcpayWallet({
    name: 'main',
    url: fake.http.url,
    store: fake.store,
    token: fake.token,
    crypto: 'BTC',
    clock: systemClock,
    ...options,
  })

describe('BTCPay Server', () => {
  test('is asked in millisatoshi as text, with the key in a header', async () => {
    await using fake = await new FakeBtcpay().start()
    await using wallet = open(fake)
    const issued = await wallet.createInvoice(makeRequest({ amountMsat: 9_007_199_254_740_991n }), soon())
    expect(issued.amountMsat).toBe(9_007_199_254_740_991n)
    const [request] = fake.http.requests
    expect(request?.target).toBe(`/api/v1/stores/${fake.store}/lightning/BTC/invoices`)
    expect(request?.headers.authorization).toBe(`token ${fake.token}`)
    expect(JSON.parse(request?.body ?? '')).toEqual({
      amount: '9007199254740991',
      description: 'voice-clone',
      expiry: 600,
    })
  })

  test.each([true, false])(
    'finds an invoice by its own id, whether it tells the hash (%s) or not',
    async (tellsHash) => {
      await using fake = await new FakeBtcpay().start()
      fake.tellsHash = tellsHash
      await using wallet = open(fake)
      const issued = await wallet.createInvoice(makeRequest(), soon())
      expect(issued.ref).toBe('inv/1')
      expect(fake.node.invoices.has(issued.paymentHash)).toBe(true)
      await using later = open(fake)
      expect(await later.lookup(issued, soon())).toEqual({ state: 'open' })
      const preimage = fake.settle(issued.paymentHash)
      const paid = await later.lookup(issued, soon())
      expect(paid).toMatchObject({ state: 'settled', receivedMsat: 7_500_001n })
      expect(Object.values(paid).map(String).join()).not.toContain(preimage)
    },
  )

  test('is believed only about the invoice that was sold, for its ids are its own', async () => {
    await using fake = await new FakeBtcpay().start()
    await using wallet = open(fake)
    const paid = await wallet.createInvoice(makeRequest(), soon())
    const unpaid = await wallet.createInvoice(makeRequest(), soon())
    fake.settle(paid.paymentHash)
    const mixedUp = { paymentHash: unpaid.paymentHash, ref: paid.ref }
    await expect(wallet.lookup(mixedUp, soon())).rejects.toMatchObject({ code: 'protocol' })
  })

  test('finds by the hash alone what this process made', async () => {
    await using fake = await new FakeBtcpay().start()
    await using wallet = open(fake)
    const { paymentHash } = await wallet.createInvoice(makeRequest(), soon())
    expect(await wallet.lookup({ paymentHash, ref: paymentHash }, soon())).toEqual({ state: 'open' })
    await using later = open(fake)
    expect(await later.lookup({ paymentHash, ref: paymentHash }, soon())).toEqual({ state: 'unknown' })
  })

  test.each([
    ['a key without the right to make invoices', [view], 'unauthorized', create],
    ['a key without any right', [], 'unauthorized', view],
    ['a key for another store', [`${create}:other`, `${view}:other`], 'unauthorized', create],
  ] as const)('refuses %s at the start', async (_name, permissions, code, named) => {
    await using fake = await new FakeBtcpay().start()
    fake.permissions = permissions
    await using wallet = open(fake)
    await expect(wallet.start(soon())).rejects.toMatchObject({ code, message: expect.stringContaining(named) })
  })

  test('takes a key whose right to make holds that to see', async () => {
    await using fake = await new FakeBtcpay().start()
    fake.permissions = [create]
    await using wallet = open(fake)
    await wallet.start(soon())
    expect((await wallet.health(soon())).warnings).toEqual([])
  })

  test('warns of rights that are not needed, by name', async () => {
    await using fake = await new FakeBtcpay().start()
    fake.permissions = [create, view, 'btcpay.store.canuselightningnode', `unrestricted:${fake.store}`]
    await using wallet = open(fake)
    await wallet.start(soon())
    expect((await wallet.health(soon())).warnings).toEqual([
      expect.stringContaining('btcpay.store.canuselightningnode, unrestricted'),
    ])
  })

  test.each([
    ['unconfigured', 'rejected', 'no Lightning node'],
    ['unavailable', 'unavailable', 'HTTP 503'],
  ] as const)('whose node is %s does not start', async (nodeState, code, message) => {
    await using fake = await new FakeBtcpay().start()
    fake.nodeState = nodeState
    await using wallet = open(fake)
    await expect(wallet.start(soon())).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  test('with another store than its own does not start', async () => {
    await using fake = await new FakeBtcpay().start()
    fake.permissions = [create]
    await using wallet = open(fake, { store: 'another' })
    await expect(wallet.start(soon())).rejects.toMatchObject({
      code: 'rejected',
      message: expect.stringContaining('correct store'),
    })
  })

  test('whose node fails, in a 400, is unavailable', async () => {
    await using fake = await new FakeBtcpay().start()
    await using wallet = open(fake)
    fake.nodeState = 'failing'
    await expect(wallet.createInvoice(makeRequest(), soon())).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('is taken at the word of the operator about its network', async () => {
    await using fake = await new FakeBtcpay().start()
    await using wallet = open(fake, { network: 'bcrt' })
    await wallet.start(soon())
    expect(wallet.capabilities.network).toBe('bcrt')
  })
})

test('the permissions of a key are judged for one store', () => {
  expect(judgePermissions([`${create}:a`, `${view}:b`], 'a')).toEqual({ missing: [], excess: [] })
  expect(judgePermissions([`${view}:a`], 'a')).toEqual({ missing: [create], excess: [] })
  expect(judgePermissions(['unrestricted'], 'a')).toEqual({ missing: [], excess: ['unrestricted'] })
  expect(judgePermissions(['btcpay.server.cancreatelightninginvoiceinternalnode', create, view], 'a').excess).toEqual(
    [],
  )
})
