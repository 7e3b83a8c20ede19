import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClnRpc } from '#src/lightning/cln/cln-rpc.ts'
import { type ClnWalletOptions, openClnWallet } from '#src/lightning/cln/cln-wallet.ts'
import { lastPayIndex } from '#src/lightning/cln/settlements.ts'
import { systemClock } from '#src/ports/clock.ts'
import type { Settlement, Wallet } from '#src/ports/wallet.ts'
import { FakeCln } from '../../support/wallets/fake-cln.ts'
import { authorities } from '../../support/wallets/tls-files.ts'
import { makeRequest } from '../dev-setting.ts'

const soon = () => AbortSignal.timeout(5_000)

const open = (fake: FakeCln, options: Partial<ClnWalletOptions> = {}): Wallet =>
  openClnWallet({
    name: 'main',
    url: fake.http.url,
    rune: fake.rune,
    ca: authorities().right,
    clock: systemClock,
    ...options,
  })

async function take(wallet: Wallet, cursor: string | undefined, count: number): Promise<Settlement[]> {
  const told: Settlement[] = []
  for await (const settlement of wallet.settlements?.(cursor, soon()) ?? []) {
    told.push(settlement)
    if (told.length === count) break
  }
  return told
}

const payOne = async (fake: FakeCln, wallet: Wallet) => {
  const { paymentHash } = await wallet.createInvoice(makeRequest(), soon())
  fake.settle(paymentHash)
  return paymentHash
}

describe('Core Lightning', () => {
  test('is asked over clnrest with the rune, and needs no right but the three', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    await wallet.start(soon())
    const issued = await wallet.createInvoice(makeRequest({ idempotencyKey: 'key 1' }), soon())
    await wallet.lookup(issued, soon())
    expect((await wallet.health(soon())).warnings).toEqual([])
    const used = new Set(fake.http.requests.map(({ target }) => target))
    // `pay`, without an invoice, is the question whether the rune may do more.
    expect([...used].sort()).toEqual(['/v1/invoice', '/v1/listinvoices', '/v1/pay', '/v1/waitanyinvoice'])
    const asked = fake.http.requests.find(({ target }) => target === '/v1/invoice')
    expect(asked?.headers.rune).toBe(fake.rune)
    expect(JSON.parse(asked?.body ?? '')).toEqual({
      amount_msat: 7_500_001,
      label: 'turnpike/key 1',
      description: 'voice-clone',
      expiry: 600,
    })
    expect(fake.http.requests.find(({ target }) => target === '/v1/pay')?.body).toBe('{}')
  })

  test('is taken by its address with the certificate that names it `cln`', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake, { url: fake.http.url.replace('localhost', fake.http.address) })
    await wallet.start(soon())
  })

  test('gives the same invoice for the same key, after a restart of ours too', async () => {
    await using fake = await new FakeCln().start()
    await using before = open(fake)
    await using after = open(fake)
    const request = makeRequest()
    fake.http.fail({ kind: 'lose_reply' }, 1)
    await expect(before.createInvoice(request, soon())).rejects.toMatchObject({ code: 'unavailable' })
    const issued = await after.createInvoice(request, soon())
    expect([...fake.node.invoices.keys()]).toEqual([issued.paymentHash])
    expect(await before.createInvoice(request, soon())).toEqual(issued)
  })

  test('sells an invoice again neither for another amount nor after it was paid', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    const request = makeRequest()
    const { paymentHash } = await wallet.createInvoice(request, soon())
    const other = wallet.createInvoice({ ...request, amountMsat: 1n }, soon())
    await expect(other).rejects.toMatchObject({ code: 'rejected' })
    fake.settle(paymentHash)
    await expect(wallet.createInvoice(request, soon())).rejects.toMatchObject({ code: 'rejected' })
  })

  test('is not unauthorised when the rune has no calls left, but limited', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    fake.runes.set(fake.rune, { methods: undefined, callsLeft: 0 })
    await expect(wallet.createInvoice(makeRequest(), soon())).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterMs: 60_000,
    })
  })

  test('is unauthorised when the rune may not do what is needed, with the command that makes a right one', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    fake.runes.set(fake.rune, { methods: ['getinfo'], callsLeft: 100 })
    await expect(wallet.start(soon())).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining(
        `lightning-cli createrune restrictions='[["method=invoice","method=listinvoices","method=waitanyinvoice"],["rate=600"]]'`,
      ),
    })
  })

  test('warns of a rune that may do everything', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake, { rune: fake.fullRune })
    await wallet.start(soon())
    expect((await wallet.health(soon())).warnings).toEqual([expect.stringContaining('can spend')])
  })

  test.each(['warning_capacity', 'warning_offline', 'warning_deadends'])('passes on its %s', async (warning) => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    fake.warnings = { [warning]: 'Insufficient incoming capacity to pay invoice' }
    await wallet.createInvoice(makeRequest(), soon())
    expect((await wallet.health(soon())).warnings).toEqual([expect.stringContaining('inbound liquidity')])
    fake.warnings = {}
    await wallet.createInvoice(makeRequest(), soon())
    expect((await wallet.health(soon())).warnings).toEqual([])
  })

  test('on another network than expected is refused', async () => {
    await using fake = await new FakeCln().start()
    fake.node.make({ amountMsat: 1n, description: 'an earlier one', expirySeconds: 600 })
    await using wallet = open(fake, { network: 'bc' })
    await expect(wallet.start(soon())).rejects.toMatchObject({ code: 'rejected' })
  })

  test('tells its network by an invoice of before, and without any is taken at its word', async () => {
    await using fake = await new FakeCln().start()
    await using unknown = open(fake)
    await unknown.start(soon())
    expect(unknown.capabilities.network).toBeUndefined()
    await unknown.createInvoice(makeRequest(), soon())
    await using known = open(fake)
    await known.start(soon())
    expect(known.capabilities.network).toBe('bcrt')
    fake.listsByIndex = false
    await using configured = open(fake, { network: 'tbs' })
    await configured.start(soon())
    expect(configured.capabilities.network).toBe('tbs')
  })

  test('that is still starting is unavailable, not broken', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    const body = { code: -2, message: 'Still starting up' }
    fake.http.fail({ kind: 'status', status: 500, body }, 1)
    await expect(wallet.createInvoice(makeRequest(), soon())).rejects.toMatchObject({ code: 'unavailable' })
    const other = { code: -32602, message: 'description too long' }
    fake.http.fail({ kind: 'status', status: 500, body: other }, 1)
    await expect(wallet.createInvoice(makeRequest(), soon())).rejects.toMatchObject({ code: 'rejected' })
  })

  test('is believed only about the invoice that it was asked for', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    const issued = await wallet.createInvoice(makeRequest(), soon())
    const paid = { label: 'x', payment_hash: '11'.repeat(32), status: 'paid', amount_received_msat: 1, paid_at: 1 }
    fake.http.fail({ kind: 'status', status: 201, body: { invoices: [paid] } }, 1)
    await expect(wallet.lookup(issued, soon())).rejects.toMatchObject({ code: 'protocol' })
  })

  test('never has its preimage passed on', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    await wallet.start(soon())
    const issued = await wallet.createInvoice(makeRequest(), soon())
    const preimage = fake.settle(issued.paymentHash)
    const [settlement] = await take(wallet, '0', 1)
    for (const told of [await wallet.lookup(issued, soon()), settlement ?? {}]) {
      expect(Object.values(told).map(String).join()).not.toContain(preimage)
    }
  })
})

describe('the settlements of Core Lightning', () => {
  test('are told once each, in order, from any cursor', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    const hashes: string[] = []
    for (let count = 0; count < 5; count++) hashes.push(await payOne(fake, wallet))
    const all = await take(wallet, '0', 5)
    expect(all.map(({ paymentHash }) => paymentHash)).toEqual(hashes)
    expect(all).toMatchObject([{ receivedMsat: 7_500_001n, cursor: '1' }, {}, {}, {}, { cursor: '5' }])
    const rest = await take(wallet, all[2]?.cursor, 2)
    expect(rest.map(({ paymentHash }) => paymentHash)).toEqual(hashes.slice(3))
  })

  test('survive the time-outs of the wait, which come as HTTP 500', async () => {
    await using fake = await new FakeCln().start()
    fake.longestWaitMs = 30
    await using wallet = open(fake)
    const told = take(wallet, '0', 1)
    const waits = () => fake.http.requests.filter(({ target }) => target === '/v1/waitanyinvoice').length
    await expect.poll(waits).toBeGreaterThan(3)
    const paymentHash = await payOne(fake, wallet)
    expect(await told).toMatchObject([{ paymentHash }])
  })

  test('without a cursor begin with what is paid after the start, and miss nothing from then on', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    await payOne(fake, wallet)
    await payOne(fake, wallet)
    await wallet.start(soon())
    const paymentHash = await payOne(fake, wallet)
    expect(await take(wallet, undefined, 1)).toMatchObject([{ paymentHash, cursor: '3' }])
  })

  test('the last of many is found in few calls', async () => {
    await using fake = await new FakeCln().start()
    await using rpc = new ClnRpc({ url: fake.http.url, rune: fake.rune, ca: authorities().right, clock: systemClock })
    await using wallet = open(fake)
    expect(await lastPayIndex(rpc, soon())).toBe(0)
    await payOne(fake, wallet)
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 5 }), fc.nat({ max: 1_000_000 }), async (more, offset) => {
        fake.payIndexOffset = offset
        for (let count = 0; count < more; count++) await payOne(fake, wallet)
        const before = fake.http.requests.length
        expect(await lastPayIndex(rpc, soon())).toBe(fake.node.settledInvoices().length + offset)
        expect(fake.http.requests.length - before).toBeLessThan(50)
      }),
      { numRuns: 10 },
    )
  })

  test('that do not move on are a fault, not an endless loop', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    await payOne(fake, wallet)
    const stuck = { payment_hash: '11'.repeat(32), status: 'paid', pay_index: 1, amount_received_msat: 1, paid_at: 1 }
    fake.http.fail({ kind: 'status', status: 201, body: stuck })
    await expect(take(wallet, '0', 3)).rejects.toMatchObject({ code: 'protocol' })
  })

  test('from a place that was never given out are refused', async () => {
    await using fake = await new FakeCln().start()
    await using wallet = open(fake)
    for (const cursor of ['', '-1', '1.5', 'x']) {
      await expect(take(wallet, cursor, 1)).rejects.toMatchObject({ code: 'protocol' })
    }
  })

  test('end with the signal, and with the wallet', async () => {
    await using fake = await new FakeCln().start()
    const wallet = open(fake)
    const over = new AbortController()
    const first = wallet.settlements?.(undefined, over.signal)[Symbol.asyncIterator]().next()
    const second = take(wallet, undefined, 1)
    await expect.poll(() => fake.http.requests.length).toBe(2)
    over.abort()
    expect(await first).toEqual({ done: true, value: undefined })
    await wallet[Symbol.asyncDispose]()
    expect(await second).toEqual([])
    await expect.poll(() => fake.http.openSockets).toBe(0)
  })
})
