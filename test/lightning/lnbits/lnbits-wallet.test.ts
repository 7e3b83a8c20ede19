import { describe, expect, test } from 'vitest'
import { type LnbitsWalletOptions, openLnbitsWallet } from '#src/lightning/lnbits/lnbits-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import type { Wallet } from '#src/ports/wallet.ts'
import { FakeLnbits } from '../../support/wallets/fake-lnbits.ts'
import { makeRequest } from '../dev-setting.ts'

const soon = () => AbortSignal.timeout(5_000)
const sats = (overrides: Parameters<typeof makeRequest>[0] = {}) => makeRequest({ amountMsat: 21_000n, ...overrides })

const open = (fake: FakeLnbits, options: Partial<LnbitsWalletOptions> = {}): Wallet =>
  openLnbitsWallet({ name: 'main', url: fake.http.url, key: fake.invoiceKey, clock: systemClock, ...options })

describe('LNbits', () => {
  test('is no keeper of preimages: nothing counts without a lookup, and none is passed on', async () => {
    await using fake = await new FakeLnbits().start()
    await using wallet = open(fake)
    expect(wallet.capabilities).toMatchObject({ preimagePrivate: false, lookup: true, push: 'none', unitMsat: 1000n })
    const issued = await wallet.createInvoice(sats(), soon())
    const preimage = fake.node.invoices.get(issued.paymentHash)?.preimage ?? ''
    const unpaid = await wallet.lookup(issued, soon())
    expect(unpaid).toEqual({ state: 'open' })
    fake.settle(issued.paymentHash)
    const paid = await wallet.lookup(issued, soon())
    expect(paid).toEqual({ state: 'settled', receivedMsat: 21_000n })
    for (const told of [issued, unpaid, paid]) expect(Object.values(told).map(String).join()).not.toContain(preimage)
  })

  test('is asked with the key in a header, and never for a payment of ours', async () => {
    await using fake = await new FakeLnbits().start()
    await using wallet = open(fake)
    await wallet.createInvoice(sats({ idempotencyKey: 'key 1' }), soon())
    const [request] = fake.http.requests
    expect(request?.headers['x-api-key']).toBe(fake.invoiceKey)
    expect(request?.target).not.toContain(fake.invoiceKey)
    expect(JSON.parse(request?.body ?? '')).toEqual({
      out: false,
      amount: 21,
      unit: 'sat',
      memo: 'voice-clone',
      expiry: 600,
      extra: { turnpike: 'key 1' },
    })
  })

  test('answers a key that is not good like no key: that counts as refused, not as paid', async () => {
    await using fake = await new FakeLnbits().start()
    await using wallet = open(fake)
    const issued = await wallet.createInvoice(sats(), soon())
    fake.settle(issued.paymentHash)
    await using wrong = open(fake, { key: '00'.repeat(16) })
    await expect(wrong.lookup(issued, soon())).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test.each([401, 404])('that answers an unknown key with %i refuses the key', async (status) => {
    await using fake = await new FakeLnbits().start()
    fake.unknownKeyStatus = status
    await using wrong = open(fake, { key: '00'.repeat(16) })
    const refusal = { code: 'unauthorized', message: expect.stringContaining('Invoice/read key') }
    await expect(wrong.start(soon())).rejects.toMatchObject(refusal)
    await expect(wrong.createInvoice(sats(), soon())).rejects.toMatchObject(refusal)
  })

  test('does not pass its own payment to somebody else off as income', async () => {
    await using fake = await new FakeLnbits().start()
    await using wallet = open(fake)
    const issued = await wallet.createInvoice(sats(), soon())
    fake.settle(issued.paymentHash)
    fake.paidOut.set(issued.paymentHash, 'somebody')
    expect(await wallet.lookup(issued, soon())).toEqual({ state: 'unknown' })
  })

  test('is believed only about the payment that it was asked for', async () => {
    await using fake = await new FakeLnbits().start()
    await using wallet = open(fake)
    const issued = await wallet.createInvoice(sats(), soon())
    const body = { paid: true, details: { payment_hash: '11'.repeat(32), amount: 21_000 } }
    fake.http.fail({ kind: 'status', status: 200, body }, 1)
    await expect(wallet.lookup(issued, soon())).rejects.toMatchObject({ code: 'protocol' })
  })

  test('of an old version is understood', async () => {
    await using fake = await new FakeLnbits().start()
    fake.old = true
    await using wallet = open(fake)
    const issued = await wallet.createInvoice(sats(), soon())
    expect(issued).toMatchObject({ amountMsat: 21_000n, bolt11: expect.stringMatching(/^lnbcrt210n1/) })
  })

  test('keeps no second invoice for a reply that was lost, and is searched only then', async () => {
    await using fake = await new FakeLnbits().start()
    await using wallet = open(fake)
    const request = sats()
    const searches = () => fake.http.requests.filter(({ target }) => target.includes('/paginated')).length
    fake.http.fail({ kind: 'lose_reply' }, 1)
    await expect(wallet.createInvoice(request, soon())).rejects.toMatchObject({ code: 'unavailable' })
    expect(searches()).toBe(0)
    const { paymentHash } = await wallet.createInvoice(request, soon())
    expect(searches()).toBe(1)
    expect([...fake.node.invoices.keys()]).toEqual([paymentHash])
    fake.settle(paymentHash)
    expect((await wallet.createInvoice(request, soon())).paymentHash).not.toBe(paymentHash)
  })

  test('warns of the admin key, and always of the preimages', async () => {
    await using fake = await new FakeLnbits().start()
    await using right = open(fake)
    await right.start(soon())
    expect((await right.health(soon())).warnings).toEqual([expect.stringContaining('preimage')])
    await using admin = open(fake, { key: fake.adminKey })
    await admin.start(soon())
    expect((await admin.health(soon())).warnings).toEqual([
      expect.stringContaining('preimage'),
      expect.stringContaining('admin key'),
    ])
  })

  test('on another network than expected is refused', async () => {
    await using fake = await new FakeLnbits().start()
    fake.makeInvoice(5)
    await using wallet = open(fake, { network: 'bc' })
    await expect(wallet.start(soon())).rejects.toMatchObject({ code: 'rejected' })
  })

  test('tells its network by an invoice of before, and without any is taken at its word', async () => {
    await using fake = await new FakeLnbits().start()
    await using unknown = open(fake)
    await unknown.start(soon())
    expect(unknown.capabilities.network).toBeUndefined()
    fake.makeInvoice(5)
    await using known = open(fake)
    await known.start(soon())
    expect(known.capabilities.network).toBe('bcrt')
  })

  test('whose funding source is down is unavailable', async () => {
    await using fake = await new FakeLnbits().start()
    await using wallet = open(fake)
    fake.http.fail({ kind: 'status', status: 520, body: { detail: 'Server error' } }, 1)
    await expect(wallet.createInvoice(sats(), soon())).rejects.toMatchObject({ code: 'unavailable' })
  })
})
