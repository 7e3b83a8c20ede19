import { expect, test } from 'vitest'
import { openForReading } from '#src/ledger/sqlite/open.ts'
import { readRefunds } from '#src/ledger/sqlite/read-refunds.ts'
import { WalletError } from '#src/ports/wallet.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { ScriptedWallet } from '../support/scripted-wallet.ts'
import { makeShop } from '../support/shop.ts'
import { echo, openUpstream } from '../support/upstream.ts'

const sells = (upstream: string, lightning = '{}') => `
lightning: ${lightning}
services:
  POST /make: { name: make, upstream: "${upstream}", price: { flat: 7 } }
  POST /word: { name: word, upstream: "${upstream}", price: { per_char: { of: text, rate: 0.3 }, round_to: 1 msat } }
`

const request = { path: '/make', body: { prompt: 'a cat' } }
const soon = { timeout: 8_000, interval: 20 }

function ledgerRows(gateway: TestGateway, sql: string): unknown[] {
  const database = openForReading(gateway.dataDir)
  try {
    return database.prepare(sql).all()
  } finally {
    database.close()
  }
}

const walletLines = (gateway: TestGateway) =>
  gateway.log
    .map((line) => JSON.parse(line) as { event: string; msg: string })
    .filter(({ event }) => event !== 'request')

test('with every wallet down new buyers get 503 and a time, while paid tokens still redeem', async () => {
  await using upstream = await openUpstream()
  const [first, second] = [new ScriptedWallet('first'), new ScriptedWallet('second')]
  await using gateway = await openGateway({ config: sells(upstream.url), wallets: [first, second] })
  const payment = await payFor(gateway, request, first)
  for (const wallet of [first, second]) Object.assign(wallet, { creates: 'unavailable', looksUp: 'unavailable' })
  for (let buyer = 0; buyer < 12; buyer++) {
    const refused = await send(gateway, request)
    expect([refused.status, refused.json().code, refused.headers['l402-payment']]).toEqual([
      503,
      'wallet_unavailable',
      'not-charged',
    ])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(refused.headers['www-authenticate']).toBeUndefined()
  }
  expect((await send(gateway, paid(request, payment))).status).toBe(200)
  // Once for each change, not for each of the buyers.
  const told = walletLines(gateway).map(({ msg }) => msg)
  expect(told.filter((line) => line === 'the wallet is left alone for a while')).toHaveLength(2)
  expect(told.filter((line) => line.startsWith('no invoice can be made'))).toHaveLength(1)
})

test('the 402 shows, and the token covers, what the wallet that made the invoice asks for', async () => {
  await using upstream = await openUpstream()
  const fine = new ScriptedWallet('fine')
  const coarse = new ScriptedWallet('coarse', { unitMsat: 1_000n })
  await using gateway = await openGateway({ config: sells(upstream.url), wallets: [fine, coarse] })
  const word = { path: '/word', body: { text: 'seven' } }
  const exact = (await send(gateway, word)).json()
  expect(exact).toMatchObject({ amountMsat: 1_500, price: { lines: [{ msat: 1_500 }] } })
  fine.creates = 'unauthorized'
  const rounded = (await send(gateway, word)).json()
  expect(rounded).toMatchObject({ amountMsat: 2_000, priceSats: 2 })
  expect(rounded.price).toMatchObject({
    lines: [{ msat: 1_500 }, { label: 'rounded up to what the wallet can ask for', msat: 500 }],
  })
  expect(coarse.asked.map(({ amountMsat }) => amountMsat)).toEqual([2_000n])
  const quoted = (await send(gateway, { ...word, path: '/l402/quote/word' })).json()
  expect(quoted.amountMsat).toBe(2_000)
  const payment = await payFor(gateway, word, coarse)
  expect((await send(gateway, paid(word, payment))).status).toBe(200)
  expect(ledgerRows(gateway, 'SELECT wallet, price_msat FROM payment')).toEqual([
    { wallet: 'coarse', price_msat: 2_000 },
  ])
})

test('a price above what any wallet can ask for is refused for good', async () => {
  await using upstream = await openUpstream()
  const wallet = new ScriptedWallet('small', { maxMsat: 6_999n })
  await using gateway = await openGateway({ config: sells(upstream.url), wallets: [wallet] })
  const refused = await send(gateway, request)
  expect([refused.status, refused.json().code]).toEqual([400, 'invalid_request'])
  expect(wallet.asked).toHaveLength(0)
})

test('after a restart the ledger still learns which wallet took a payment, and of payments missed meanwhile', async () => {
  await using upstream = await openUpstream()
  const [first, second] = [new ScriptedWallet('first'), new ScriptedWallet('second')]
  const before = await openGateway({ config: sells(upstream.url), wallets: [first, second] })
  first.creates = 'rejected'
  const challenged = (await send(before, request)).json()
  const restarting = before.restart()
  // Paid while no gateway runs.
  const preimage = await second.pay(challenged.invoice)
  await using gateway = await restarting
  const authorization = { authorization: `L402 ${challenged.token}:${preimage}` }
  expect((await send(gateway, { ...request, headers: authorization })).status).toBe(200)
  await expect
    .poll(() => ledgerRows(gateway, 'SELECT wallet, received_msat FROM payment'), soon)
    .toEqual([{ wallet: 'second', received_msat: 7_000 }])
  expect(ledgerRows(gateway, 'SELECT wallet, service FROM settlement')).toEqual([{ wallet: 'second', service: 'make' }])
})

test('a flood of challenges leaves no row in the ledger', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sells(upstream.url) })
  await send(gateway, request)
  const tables = (ledgerRows(gateway, "SELECT name FROM sqlite_schema WHERE type = 'table'") as { name: string }[])
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('sqlite_'))
  // Written by the first round of pruning, soon after the start.
  const pruned = () => ledgerRows(gateway, "SELECT 1 FROM meta WHERE key = 'prune_clock'")
  await expect.poll(pruned, soon).toHaveLength(1)
  const count = () => tables.map((name) => [name, ledgerRows(gateway, `SELECT count(*) AS n FROM ${name}`)])
  const before = count()
  expect(tables).toContain('settlement')
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(Array.from({ length: 25 }, () => send(gateway, request)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([402]))
  }
  expect(count()).toEqual(before)
  const metrics = await gateway.running.telemetry.metrics.registry.metrics()
  expect(metrics).toContain('turnpike_open_invoices{wallet="dev"} 501')
}, 30_000)

test('beyond the most open invoices nothing is sold until one is paid', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sells(upstream.url, '{ max_open_invoices: 3 }') })
  const { invoice } = (await send(gateway, request)).json()
  for (let buyer = 0; buyer < 2; buyer++) expect((await send(gateway, request)).status).toBe(402)
  const refused = await send(gateway, request)
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '60'])
  await gateway.wallet.pay(invoice)
  await expect.poll(async () => (await send(gateway, request)).status, soon).toBe(402)
  expect((await send(gateway, request)).status).toBe(503)
})

test('where settlement has to be known, a paid token waits for a slow wallet and is charged once', async () => {
  await using upstream = await openUpstream()
  const wallet = new ScriptedWallet('main', { push: 'none' })
  await using gateway = await openGateway({
    config: sells(upstream.url, '{ require_settled: true }'),
    wallets: [wallet],
  })
  const payment = await payFor(gateway, request, wallet)
  wallet.looksUp = 'blind'
  setTimeout(() => (wallet.looksUp = 'well'), 500)
  expect((await send(gateway, paid(request, payment))).status).toBe(200)
  expect(upstream.calls).toHaveLength(1)
})

test('a payment that the wallet does not know of gets 503, never 402, nothing runs, and it works later', async () => {
  await using upstream = await openUpstream()
  const wallet = new ScriptedWallet('main', { push: 'none', preimagePrivate: false })
  await using gateway = await openGateway({ config: sells(upstream.url), wallets: [wallet] })
  const payment = await payFor(gateway, request, wallet)
  for (const looksUp of ['blind', 'unavailable'] as const) {
    wallet.looksUp = looksUp
    const racing = await Promise.all(Array.from({ length: 30 }, () => send(gateway, paid(request, payment))))
    for (const answer of racing) {
      expect([answer.status, answer.json().code]).toEqual([503, 'settlement_pending'])
      expect(answer.json().payment).toMatchObject({ status: 'unspent', action: 'retry_same_token' })
      expect(answer.headers['retry-after']).toBe('2')
      expect(answer.headers['www-authenticate']).toBeUndefined()
    }
  }
  expect(upstream.calls).toHaveLength(0)
  expect(ledgerRows(gateway, 'SELECT * FROM payment')).toEqual([])
  wallet.looksUp = 'well'
  await expect.poll(async () => (await send(gateway, paid(request, payment))).status, soon).toBe(200)
  expect(upstream.calls).toHaveLength(1)
  // A claim that stands needs the wallet's word no more.
  wallet.looksUp = 'unavailable'
  expect((await send(gateway, paid(request, payment))).headers['l402-payment']).toBe('replayed')
}, 20_000)

test('a preimage that somebody read from an unpaid invoice buys nothing', async () => {
  await using upstream = await openUpstream()
  const wallet = new ScriptedWallet('leaky', { preimagePrivate: false })
  await using gateway = await openGateway({ config: sells(upstream.url), wallets: [wallet] })
  const { invoice, token } = (await send(gateway, request)).json()
  wallet.streams = false
  wallet.looksUp = 'blind'
  const preimage = await wallet.pay(invoice)
  const stolen = await send(gateway, { ...request, headers: { authorization: `L402 ${token}:${preimage}` } })
  expect(stolen.status).toBe(503)
  expect(upstream.calls).toHaveLength(0)
})

test('a gateway does not start when its only wallet cannot', async () => {
  const wallet = new ScriptedWallet('main')
  wallet.starts = 'unauthorized'
  await expect(openGateway({ config: sells('http://127.0.0.1:9'), wallets: [wallet] })).rejects.toThrow(WalletError)
})

test('what was taken before stays taken, though settlement has to be known from now on', async () => {
  await using upstream = await openUpstream()
  const wallet = new ScriptedWallet('main', { push: 'none' })
  const before = await openGateway({ config: sells(upstream.url), wallets: [wallet] })
  wallet.looksUp = 'unavailable'
  const payment = await payFor(before, request, wallet)
  expect((await send(before, paid(request, payment))).status).toBe(200)
  await using gateway = await before.restart({ config: sells(upstream.url, '{ require_settled: true }') })
  const again = await send(gateway, paid(request, payment))
  expect([again.status, again.headers['l402-payment']]).toEqual([200, 'replayed'])
}, 20_000)

test('a process that leaves work behind still hands over which invoices are open', { timeout: 30_000 }, async () => {
  await using upstream = await openUpstream()
  const wallet = new ScriptedWallet('elsewhere', { push: 'none', needsRef: true })
  const config = `shutdown: { grace: 200ms }\n${sells(upstream.url, '{ require_settled: true }')}`
  const before = await openGateway({ config, wallets: [wallet] })
  const { invoice, token } = (await send(before, request)).json()
  const other = { ...request, body: { prompt: 'a dog' } }
  const working = await payFor(before, other, wallet)
  upstream.answer = () => undefined
  const given = send(before, paid(other, working)).catch(() => 'cut off')
  await expect.poll(() => upstream.calls.length, soon).toBe(1)
  await using gateway = await before.restart()
  await given
  upstream.answer = echo
  const preimage = await wallet.pay(invoice)
  const mine = () => send(gateway, { ...request, headers: { authorization: `L402 ${token}:${preimage}` } })
  await expect.poll(async () => (await mine()).status, soon).toBe(200)
})

test('metrics tell of each wallet', async () => {
  await using upstream = await openUpstream()
  const [first, second] = [new ScriptedWallet('first'), new ScriptedWallet('second')]
  await using gateway = await openGateway({ config: sells(upstream.url), wallets: [first, second] })
  const payment = await payFor(gateway, request, first)
  await send(gateway, paid(request, payment))
  first.creates = 'unauthorized'
  await send(gateway, request)
  const read = () => gateway.running.telemetry.metrics.registry.metrics()
  await expect.poll(read, soon).toContain('turnpike_settled_total{wallet="first"} 1')
  const metrics = await read()
  for (const line of [
    'turnpike_settled_sats_total{wallet="first"} 7',
    'turnpike_wallet_up{wallet="first"} 0',
    'turnpike_wallet_up{wallet="second"} 1',
    'turnpike_open_invoices{wallet="second"} 1',
    'turnpike_wallet_call_duration_seconds_count{wallet="first",operation="create",outcome="ok"} 1',
    'turnpike_wallet_call_duration_seconds_count{wallet="first",operation="create",outcome="unauthorized"} 1',
  ])
    expect(metrics).toContain(line)
  expect(metrics).not.toContain('turnpike_open_invoices{wallet="first"}')
})

test('a payment that no wallet has received is neither owed back nor good later, when what was sold is gone', async () => {
  await using upstream = await openUpstream()
  const wallet = new ScriptedWallet('strict')
  Object.assign(wallet, { looksUp: 'blind', streams: false })
  const keyed = `
lightning: { require_settled: true }
services:
  POST /make: { name: make, upstream: { url: "${upstream.url}", headers: { X-Key: "\${KEY}" } }, price: { flat: 7 } }
`
  const withKey = { config: keyed, environment: { KEY: 'a key' } }
  const first = await openGateway({ ...withKey, wallets: [wallet] })
  const payment = await payFor(first, request, wallet)
  const second = await first.restart({
    config: `lightning: { require_settled: true }\n${makeShop(upstream.url).replaceAll('make', 'elsewhere')}`,
    environment: {},
  })
  const unseen = await send(second, paid(request, payment))
  expect([unseen.status, unseen.json().code]).toEqual([503, 'settlement_pending'])
  expect(readRefunds(second.dataDir, Date.now())).toEqual([])
  await using third = await second.restart(withKey)
  expect((await send(third, paid(request, payment))).json().code).toBe('settlement_pending')
  expect(upstream.calls).toHaveLength(0)
  wallet.looksUp = 'well'
  await expect.poll(async () => (await send(third, paid(request, payment))).status, soon).toBe(200)
})
