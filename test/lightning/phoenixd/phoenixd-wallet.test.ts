import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { WalletHttp } from '#src/lightning/http/wallet-http.ts'
import { cutDescription } from '#src/lightning/phoenixd/description.ts'
import { paymentHints } from '#src/lightning/phoenixd/payment-hints.ts'
import { openPhoenixdWallet, type PhoenixdWalletOptions } from '#src/lightning/phoenixd/phoenixd-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import type { Settlement, Wallet } from '#src/ports/wallet.ts'
import { FakeHttp } from '../../support/wallets/fake-http.ts'
import { FakeNode } from '../../support/wallets/fake-node.ts'
import { FakePhoenixd } from '../../support/wallets/fake-phoenixd.ts'
import { makeRequest } from '../dev-setting.ts'

const soon = () => AbortSignal.timeout(5_000)
const sats = (overrides: Parameters<typeof makeRequest>[0] = {}) => makeRequest({ amountMsat: 21_000n, ...overrides })

const open = (fake: FakePhoenixd, options: Partial<PhoenixdWalletOptions> = {}): Wallet =>
  openPhoenixdWallet({
    name: 'main',
    url: fake.http.url,
    password: fake.limitedPassword,
    clock: systemClock,
    ...options,
  })

/** What the wallet tells until the signal ends it. */
async function listen(wallet: Wallet, signal: AbortSignal, told: Settlement[]): Promise<void> {
  for await (const settlement of wallet.settlements?.(undefined, signal) ?? []) told.push(settlement)
}

describe('phoenixd', () => {
  test('is asked in form encoding, with an empty user name', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    await wallet.createInvoice(sats({ description: 'a & b = é', idempotencyKey: 'key 1' }), soon())
    const [request] = fake.http.requests
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded')
    expect(Buffer.from(request?.headers.authorization?.slice(6) ?? '', 'base64').toString()).toBe(
      `:${fake.limitedPassword}`,
    )
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      amountSat: '21',
      description: 'a & b = é',
      expirySeconds: '600',
      externalId: 'key 1',
    })
  })

  test('is not asked at all for a fraction of a satoshi', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    for (const amountMsat of [1n, 999n, 1001n, 0n, -1000n]) {
      await expect(wallet.createInvoice(sats({ amountMsat }), soon())).rejects.toMatchObject({ code: 'bad_amount' })
    }
    expect(fake.http.requests).toEqual([])
  })

  test('gets no longer a description than it takes', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    const { bolt11 } = await wallet.createInvoice(sats({ description: '⚡️🎙'.repeat(60) }), soon())
    const { description = '' } = decodeInvoice(bolt11, { signature: 'skip' })
    expect(description.length).toBeGreaterThan(120)
    expect(description.length).toBeLessThanOrEqual(128)
    expect(description.isWellFormed()).toBe(true)
    expect(description.endsWith('…')).toBe(true)
    expect(cutDescription('x'.repeat(128))).toBe('x'.repeat(128))
  })

  test.each([
    ['bc', 'bc'],
    ['tb', 'tb'],
    ['bcrt', 'bcrt'],
  ] as const)('tells the network %s', async (network, expected) => {
    await using fake = await new FakePhoenixd(new FakeNode(network)).start()
    await using wallet = open(fake)
    await wallet.start(soon())
    expect(wallet.capabilities.network).toBe(expected)
  })

  test('on another network than expected is refused', async () => {
    await using fake = await new FakePhoenixd(new FakeNode('tb')).start()
    await using wallet = open(fake, { network: 'bc' })
    await expect(wallet.start(soon())).rejects.toMatchObject({
      code: 'rejected',
      message: 'phoenixd is on testnet, but mainnet is expected; name the right wallet, or set its network to testnet.',
    })
  })

  test('on a network that nobody knows is refused', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    fake.http.fail({ kind: 'status', status: 200, body: { chain: 'liquid', channels: [] } })
    await expect(wallet.start(soon())).rejects.toMatchObject({ code: 'protocol' })
  })

  test('is paid when it says so, whatever the fees left of the payment', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    const issued = await wallet.createInvoice(sats(), soon())
    fake.liquidityFeeSat = 21
    fake.settle(issued.paymentHash)
    expect(await wallet.lookup(issued, soon())).toMatchObject({ state: 'settled', receivedMsat: 0n })
  })

  test('is believed only about the payment that it was asked for', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    const paid = await wallet.createInvoice(sats(), soon())
    const unpaid = await wallet.createInvoice(sats(), soon())
    fake.settle(paid.paymentHash)
    const payment = { paymentHash: paid.paymentHash, isPaid: true, receivedSat: 21 }
    fake.http.fail({ kind: 'status', status: 200, body: payment }, 1)
    await expect(wallet.lookup(unpaid, soon())).rejects.toMatchObject({ code: 'protocol' })
  })

  test('never has its preimage passed on, which it tells of unpaid invoices too', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    const issued = await wallet.createInvoice(sats(), soon())
    const preimage = fake.node.invoices.get(issued.paymentHash)?.preimage ?? ''
    const unpaid = await wallet.lookup(issued, soon())
    fake.settle(issued.paymentHash)
    const paid = await wallet.lookup(issued, soon())
    for (const told of [issued, unpaid, paid]) expect(Object.values(told).map(String).join()).not.toContain(preimage)
  })

  test('keeps no second invoice for a reply that was lost, but a new one once the first is paid', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    const request = sats()
    fake.http.fail({ kind: 'lose_reply' }, 1)
    await expect(wallet.createInvoice(request, soon())).rejects.toMatchObject({ code: 'unavailable' })
    const { paymentHash } = await wallet.createInvoice(request, soon())
    expect([...fake.node.invoices.keys()]).toEqual([paymentHash])
    fake.settle(paymentHash)
    expect((await wallet.createInvoice(request, soon())).paymentHash).not.toBe(paymentHash)
  })

  test('is searched only for a key that was tried before', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    for (let count = 0; count < 3; count++) await wallet.createInvoice(sats(), soon())
    expect(fake.http.requests.map(({ method, target }) => `${method} ${target}`)).toEqual(
      Array.from({ length: 3 }, () => 'POST /createinvoice'),
    )
  })

  test('another amount under the same key is another invoice', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    const request = sats()
    const first = await wallet.createInvoice(request, soon())
    const second = await wallet.createInvoice({ ...request, amountMsat: 22_000n }, soon())
    expect(second.paymentHash).not.toBe(first.paymentHash)
    expect(second.amountMsat).toBe(22_000n)
  })
})

describe('the health of phoenixd', () => {
  const warningsOf = async (fake: FakePhoenixd, password = fake.limitedPassword) => {
    await using wallet = open(fake, { password })
    await wallet.start(soon())
    const health = await wallet.health(soon())
    expect(health.ok).toBe(true)
    return health.warnings
  }

  test('has nothing to warn of when all is well', async () => {
    await using fake = await new FakePhoenixd().start()
    expect(await warningsOf(fake)).toEqual([])
  })

  test('warns of the password that can spend, found without paying anything', async () => {
    await using fake = await new FakePhoenixd().start()
    expect(await warningsOf(fake, fake.fullPassword)).toEqual([
      expect.stringContaining('use http-password-limited-access'),
    ])
    const probes = fake.http.requests.filter(({ target }) => target.startsWith('/pay'))
    expect(probes.every(({ target, body }) => target === '/payinvoice' && body === '')).toBe(true)
  })

  test('warns where there is no channel yet, and where nothing can come in', async () => {
    await using fake = await new FakePhoenixd().start()
    const [channel] = fake.channels
    fake.channels = []
    expect(await warningsOf(fake)).toEqual([expect.stringContaining('fee credit')])
    fake.channels = channel ? [{ ...channel, inboundLiquiditySat: 0 }] : []
    expect(await warningsOf(fake)).toEqual([expect.stringContaining('no inbound liquidity')])
  })
})

describe('the websocket of phoenixd', () => {
  test('is opened with the password in a header, not as a subprotocol', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    const told: Settlement[] = []
    const over = new AbortController()
    const listening = listen(wallet, over.signal, told)
    await expect.poll(() => fake.listeners).toBe(1)
    const { paymentHash } = await wallet.createInvoice(sats(), soon())
    fake.settle(paymentHash)
    await expect.poll(() => told).toMatchObject([{ paymentHash, receivedMsat: 21_000n }])
    over.abort()
    await listening
    await expect.poll(() => fake.listeners).toBe(0)
  })

  test('is not believed: what it says must be found paid', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    const told: Settlement[] = []
    const over = new AbortController()
    const listening = listen(wallet, over.signal, told)
    await expect.poll(() => fake.listeners).toBe(1)
    const unpaid = await wallet.createInvoice(sats(), soon())
    const paid = await wallet.createInvoice(sats(), soon())
    const event = { type: 'payment_received', timestamp: 1, amountSat: 21 }
    fake.announce({ ...event, paymentHash: unpaid.paymentHash })
    fake.announce({ ...event, paymentHash: '00'.repeat(32) })
    fake.announce({ ...event, paymentHash: 'not a hash' })
    fake.announce({ type: 'channel_opened' })
    fake.announce('nonsense {')
    fake.settle(paid.paymentHash)
    await expect.poll(() => told.map(({ paymentHash }) => paymentHash)).toEqual([paid.paymentHash])
    over.abort()
    await listening
  })

  test('ends when phoenixd stops, and says so when it cannot be opened', async () => {
    await using fake = await new FakePhoenixd().start()
    await using wallet = open(fake)
    const listening = listen(wallet, soon(), [])
    await expect.poll(() => fake.listeners).toBe(1)
    await fake.stop()
    await listening
    await expect(listen(wallet, soon(), [])).rejects.toMatchObject({ code: 'unavailable' })
    await fake.start()
    await using wrong = open(fake, { password: '00'.repeat(32) })
    await expect(listen(wrong, soon(), [])).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('lives as long as phoenixd pings, and ends when the pings do', async () => {
    await using fake = await new FakePhoenixd().start()
    fake.pingEveryMs = 40
    await using http = new WalletHttp({
      service: 'phoenixd',
      url: fake.http.url,
      headers: { authorization: `Basic ${Buffer.from(`:${fake.limitedPassword}`).toString('base64')}` },
    })
    let ended = false
    const following = (async () => {
      for await (const hash of paymentHints(http, soon(), { silenceMs: 200 })) expect.fail(hash)
      ended = true
    })()
    await expect.poll(() => fake.listeners).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(ended).toBe(false)
    fake.stopPinging()
    await following
    expect(ended).toBe(true)
  })

  test('is cut when the wallet is closed, even if phoenixd does not answer the farewell', async () => {
    await using server = await new FakeHttp({
      handle: () => ({ status: 404 }),
      upgrade(request, socket) {
        const accepted = `${request.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
        const accept = createHash('sha1').update(accepted).digest('base64')
        const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
        socket.write(`${head.join('\r\n')}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
        socket.resume().once('end', () => socket.destroy())
      },
    }).start()
    const wallet = openPhoenixdWallet({ name: 'main', url: server.url, password: 'any', clock: systemClock })
    const listening = listen(wallet, soon(), [])
    await expect.poll(() => server.openSockets).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await wallet[Symbol.asyncDispose]()
    await listening
    await expect.poll(() => server.openSockets, { timeout: 500 }).toBe(0)
  })
})
