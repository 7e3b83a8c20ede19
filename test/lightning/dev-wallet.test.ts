import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { encodeInvoice } from '#src/bolt11/encode.ts'
import { invoicesLibrary } from '../bolt11/oracles.ts'
import { deadline, makeDevSetting, makeRequest } from './dev-setting.ts'

const rejected = (message: string) => ({
  name: 'WalletError',
  code: 'rejected',
  message: expect.stringContaining(message),
})
const sha256 = (hex: string) => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex')

describe('an invoice of the development wallet', () => {
  test('is a signed regtest invoice for exactly what was asked', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const issued = await wallet.createInvoice(makeRequest({ amountMsat: 1n, description: 'L402 é ⚡' }), deadline())
    const nowSeconds = setting.clock.nowMs() / 1000
    expect(issued.bolt11).toMatch(/^lnbcrt10p1/)
    expect(issued).toMatchObject({ amountMsat: 1n, expiresAt: nowSeconds + 600 })
    expect(decodeInvoice(issued.bolt11, { signature: 'verify' })).toMatchObject({
      network: 'bcrt',
      amountMsat: 1n,
      description: 'L402 é ⚡',
      timestamp: nowSeconds,
      expirySeconds: 600,
      paymentHash: issued.paymentHash,
      features: [8, 14, 17],
    })
  })

  test('is read alike by npm invoices', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { bolt11, paymentHash } = await wallet.createInvoice(makeRequest({ description: 'tea' }), deadline())
    expect(invoicesLibrary.parsePaymentRequest({ request: bolt11 })).toMatchObject({
      id: paymentHash,
      mtokens: '7500001',
      network: 'regtest',
      description: 'tea',
    })
  })

  test('comes from one node, whatever is bought', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const issued = await Promise.all([1, 2, 3].map(() => wallet.createInvoice(makeRequest(), deadline())))
    const payees = issued.map(({ bolt11 }) => decodeInvoice(bolt11, { signature: 'verify' }).payee)
    expect(new Set(payees).size).toBe(1)
    expect(new Set(issued.map(({ paymentHash }) => paymentHash)).size).toBe(3)
  })

  test('has the same payment hash for the same key, amount and description, at any time', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const request = makeRequest()
    const first = await wallet.createInvoice(request, deadline())
    expect(await wallet.createInvoice(request, deadline())).toEqual(first)
    setting.clock.advance(60_000)
    const later = await wallet.createInvoice(request, deadline())
    expect(later).toMatchObject({ paymentHash: first.paymentHash, expiresAt: first.expiresAt + 60 })
  })

  test.for([
    ['key', { idempotencyKey: 'other' }],
    ['amount', { amountMsat: 1000n }],
    ['description', { description: 'other' }],
  ] as const)('has another payment hash with another %s', async ([, difference]) => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const request = makeRequest()
    const { paymentHash } = await wallet.createInvoice(request, deadline())
    const other = await wallet.createInvoice({ ...request, ...difference }, deadline())
    expect(other.paymentHash).not.toBe(paymentHash)
  })

  test('is unlike that of another wallet for the same request', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    await using stranger = setting.open(`${setting.file}-other`)
    const request = makeRequest()
    const [own, foreign] = await Promise.all([wallet, stranger].map((each) => each.createInvoice(request, deadline())))
    expect(own?.paymentHash).not.toBe(foreign?.paymentHash)
  })

  test.for([
    ['no amount', { amountMsat: 0n }, 'bad_amount'],
    ['an amount above all bitcoin', { amountMsat: 2_100_000_000_000_000_001n }, 'bad_amount'],
    ['a description above 639 bytes', { description: 'x'.repeat(640) }, 'rejected'],
    ['no time', { expirySeconds: 0 }, 'rejected'],
    ['half a second', { expirySeconds: 0.5 }, 'rejected'],
  ] as const)('is not made with %s', async ([, wrong, code]) => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    await expect(wallet.createInvoice(makeRequest(wrong), deadline())).rejects.toMatchObject({
      name: 'WalletError',
      code,
    })
  })
})

describe('paying', () => {
  test('gives the preimage of the payment hash', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { bolt11, paymentHash } = await wallet.createInvoice(makeRequest(), deadline())
    const preimage = await wallet.pay(bolt11, deadline())
    expect(preimage).toMatch(/^[0-9a-f]{64}$/)
    expect(sha256(preimage)).toBe(paymentHash)
  })

  test('takes an invoice in upper case, as QR codes have it', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { bolt11, paymentHash } = await wallet.createInvoice(makeRequest(), deadline())
    expect(sha256(await wallet.pay(bolt11.toUpperCase(), deadline()))).toBe(paymentHash)
  })

  test('is refused the second time', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { bolt11 } = await wallet.createInvoice(makeRequest(), deadline())
    await wallet.pay(bolt11, deadline())
    await expect(wallet.pay(bolt11, deadline())).rejects.toMatchObject(rejected('paid before'))
    setting.clock.advance(3_600_000)
    await expect(wallet.pay(bolt11, deadline())).rejects.toMatchObject(rejected('paid before'))
  })

  test('succeeds once of many at the same time', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { bolt11 } = await wallet.createInvoice(makeRequest(), deadline())
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => wallet.pay(bolt11, deadline())))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('is refused for a second invoice with the hash of a paid one', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const request = makeRequest()
    const first = await wallet.createInvoice(request, deadline())
    setting.clock.advance(1000)
    const second = await wallet.createInvoice(request, deadline())
    await wallet.pay(first.bolt11, deadline())
    await expect(wallet.pay(second.bolt11, deadline())).rejects.toMatchObject(rejected('paid before'))
  })

  test('is refused from the second at which the invoice expires', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { bolt11 } = await wallet.createInvoice(makeRequest({ expirySeconds: 60 }), deadline())
    setting.clock.advance(60_000)
    await expect(wallet.pay(bolt11, deadline())).rejects.toMatchObject(rejected('expired at 2030-01-01T00:01:00.000Z'))
    setting.clock.advance(-1)
    await expect(wallet.pay(bolt11, deadline())).resolves.toMatch(/^[0-9a-f]{64}$/)
  })

  test('is refused for an invoice of another development wallet', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    await using stranger = setting.open(`${setting.file}-other`)
    const { bolt11 } = await stranger.createInvoice(makeRequest(), deadline())
    await expect(wallet.pay(bolt11, deadline())).rejects.toMatchObject(rejected('only invoices that it made itself'))
  })

  test('is refused for an own invoice that somebody signed anew, cheaper', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { bolt11 } = await wallet.createInvoice(makeRequest(), deadline())
    const { paymentHash, paymentSecret, timestamp } = decodeInvoice(bolt11, { signature: 'skip' })
    const forged = encodeInvoice(
      { network: 'bcrt', amountMsat: 1n, description: '', paymentHash, paymentSecret, timestamp, expirySeconds: 600 },
      Uint8Array.from({ length: 32 }, () => 1),
    )
    await expect(wallet.pay(forged, deadline())).rejects.toMatchObject(rejected('only invoices that it made itself'))
  })

  test.for(['', 'hello', 'lnbcrt1'])('is refused for %j, which is no invoice', async (text) => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    await expect(wallet.pay(text, deadline())).rejects.toMatchObject(rejected('not an invoice'))
  })

  test('is refused for a mistyped invoice, without quoting it', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { bolt11 } = await wallet.createInvoice(makeRequest(), deadline())
    const mistyped = `${bolt11.slice(0, 100)}${bolt11[100] === 'q' ? 'p' : 'q'}${bolt11.slice(101)}`
    const refusal = await wallet.pay(mistyped, deadline()).catch((thrown: unknown) => thrown)
    expect(refusal).toMatchObject(rejected('mistyped or cut'))
    expect(JSON.stringify(refusal, ['message', 'stack', 'cause'])).not.toContain(bolt11.slice(20, 60))
  })
})

describe('looking up', () => {
  test('an invoice finds it open, then settled with what was received and when', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const issued = await wallet.createInvoice(makeRequest(), deadline())
    expect(await wallet.lookup(issued, deadline())).toEqual({ state: 'open' })
    setting.clock.advance(1234)
    await wallet.pay(issued.bolt11, deadline())
    expect(await wallet.lookup(issued, deadline())).toStrictEqual({
      state: 'settled',
      receivedMsat: 7_500_001n,
      settledAtMs: setting.clock.nowMs(),
    })
  })

  test('an invoice that nobody paid in time finds it expired', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const issued = await wallet.createInvoice(makeRequest(), deadline())
    setting.clock.advance(600_000)
    expect(await wallet.lookup(issued, deadline())).toEqual({ state: 'expired' })
  })

  test('the bare hash is enough for a paid invoice and leaves an unpaid one unknown', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { bolt11, paymentHash } = await wallet.createInvoice(makeRequest(), deadline())
    const bare = { paymentHash, ref: paymentHash }
    expect(await wallet.lookup(bare, deadline())).toEqual({ state: 'unknown' })
    await wallet.pay(bolt11, deadline())
    expect(await wallet.lookup(bare, deadline())).toMatchObject({ state: 'settled' })
  })

  test('an invoice of another wallet, or with the reference of another invoice, finds it unknown', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    await using stranger = setting.open(`${setting.file}-other`)
    const foreign = await stranger.createInvoice(makeRequest(), deadline())
    const own = await wallet.createInvoice(makeRequest(), deadline())
    expect(await wallet.lookup(foreign, deadline())).toEqual({ state: 'unknown' })
    expect(await wallet.lookup({ ...own, paymentHash: foreign.paymentHash }, deadline())).toEqual({ state: 'unknown' })
  })
})

describe('the development wallet', () => {
  test('is well, and says that its money is not real', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    await wallet.start(deadline())
    expect(await wallet.health(deadline())).toEqual({
      ok: true,
      latencyMs: 0,
      detail: 'The development wallet takes no real money.',
      warnings: [],
    })
  })

  test('says what it can do', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    expect(wallet).toMatchObject({
      name: 'dev',
      kind: 'dev',
      capabilities: { unitMsat: 1n, network: 'bcrt', lookup: true, push: 'resumable', preimagePrivate: true },
    })
  })

  test('answers no call whose time is over', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const over = AbortSignal.abort()
    const issued = await wallet.createInvoice(makeRequest(), deadline())
    const timeout = { name: 'WalletError', code: 'timeout' }
    await expect(wallet.createInvoice(makeRequest(), over)).rejects.toMatchObject(timeout)
    await expect(wallet.lookup(issued, over)).rejects.toMatchObject(timeout)
    await expect(wallet.pay(issued.bolt11, over)).rejects.toMatchObject(timeout)
    expect(await wallet.lookup(issued, deadline())).toEqual({ state: 'open' })
  })

  test('answers nothing once it is closed, which may be done twice', async () => {
    await using setting = await makeDevSetting()
    const wallet = setting.open()
    const issued = await wallet.createInvoice(makeRequest(), deadline())
    await wallet[Symbol.asyncDispose]()
    await wallet[Symbol.asyncDispose]()
    const unavailable = { name: 'WalletError', code: 'unavailable' }
    await expect(wallet.createInvoice(makeRequest(), deadline())).rejects.toMatchObject(unavailable)
    await expect(wallet.pay(issued.bolt11, deadline())).rejects.toMatchObject(unavailable)
    await expect(wallet.lookup(issued, deadline())).rejects.toMatchObject(unavailable)
    expect(await wallet.health(deadline())).toMatchObject({ ok: false, detail: 'The development wallet is closed.' })
  })
})
