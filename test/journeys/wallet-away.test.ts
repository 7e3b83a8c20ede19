import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { openForReading } from '#src/ledger/sqlite/open.ts'
import type { LedgerWithBooks } from '#src/ledger/sqlite/sqlite-ledger.ts'
import { LedgerError } from '#src/ports/ledger.ts'
import { type Payment, paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { makeDirectory } from '../support/ledger/opened-ledger.ts'
import { ScriptedWallet } from '../support/scripted-wallet.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

vi.setConfig({ testTimeout: 30_000 })

const minute = 60_000
const hour = 60 * minute

/** A wallet that finds an invoice by what it gave along with it and by nothing else, and whose word is asked for. */
async function openSetting(lightning = '') {
  const clock = new TestClock(Date.now())
  const wallet = new ScriptedWallet('elsewhere', { clock, push: 'none', needsRef: true })
  const upstream = await openUpstream()
  const config = `lightning: { require_settled: true${lightning} }\nl402: { token_ttl: 24h }\n${makeShop(upstream.url)}`
  const gateway = await openGateway({ config, clock, wallets: [wallet] })
  return {
    clock,
    wallet,
    upstream,
    config,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

const redeem = (gateway: Pick<TestGateway, 'url'>, payment: Payment) => send(gateway, paid(aRequest, payment))

/** As the gateway does every minute, until there is nothing to do. */
async function prune({ running }: TestGateway, clock: TestClock): Promise<void> {
  while ((await running.context.ledger.prune(clock.nowMs(), clock.monotonicMs())) > 0);
}

function keptRows({ dataDir }: Pick<TestGateway, 'dataDir'>): number {
  const database = openForReading(dataDir)
  try {
    return database.prepare<[], { n: number }>('SELECT count(*) AS n FROM kept_invoice').get()?.n ?? 0
  } finally {
    database.close()
  }
}

/** What stands on the disk now is all that a killed process leaves. */
function leftByKill({ dataDir }: TestGateway): ReturnType<typeof makeDirectory> {
  const left = makeDirectory()
  cpSync(dataDir, left.path, { recursive: true })
  for (const file of ['ledger.lock', 'ledger.sqlite-shm']) rmSync(join(left.path, file), { force: true })
  return left
}

describe('a buyer who paid in time while the wallet could not be asked', () => {
  test('is served when it answers again, however long after the invoice has expired', async () => {
    await using setting = await openSetting()
    const { clock, wallet, upstream, gateway } = setting
    wallet.looksUp = 'unavailable'
    const [early, late] = [await payFor(gateway, aRequest, wallet), await payFor(gateway, aRequest, wallet)]
    clock.advance(45 * minute)
    // Others come and go, so that what is forgotten is forgotten.
    await send(gateway, aRequest)
    await prune(gateway, clock)
    const waits = await redeem(gateway, early)
    expect([waits.status, waits.json().code, waits.headers['l402-payment']]).toEqual([
      503,
      'settlement_pending',
      'unspent',
    ])
    wallet.looksUp = 'well'
    clock.advance(2_000)
    const answer = await redeem(gateway, early)
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
    clock.advance(23 * hour)
    await prune(gateway, clock)
    expect((await redeem(gateway, late)).status).toBe(200)
    expect(upstream.calls).toHaveLength(2)
  })

  test('is served after a restart, and after a process that was killed the moment it had sold', async () => {
    await using setting = await openSetting()
    const { clock, wallet, config, gateway } = setting
    wallet.looksUp = 'unavailable'
    const payment = await payFor(gateway, aRequest, wallet)
    using killed = leftByKill(gateway)
    clock.advance(30 * minute)
    await using restarted = await gateway.restart()
    clock.advance(30 * minute)
    await send(restarted, aRequest)
    wallet.looksUp = 'well'
    expect((await redeem(restarted, payment)).status).toBe(200)
    await using next = await openGateway({ config, clock, wallets: [wallet], dataDir: killed.path })
    expect((await redeem(next, payment)).status).toBe(200)
  })
})

test('a buyer whose wallet’s word is asked for because of another wallet is served after a kill', async () => {
  const clock = new TestClock(Date.now())
  const elsewhere = { clock, push: 'none', needsRef: true } as const
  const wallet = new ScriptedWallet('private', { ...elsewhere, preimagePrivate: true })
  const wallets = [wallet, new ScriptedWallet('known', { ...elsewhere, preimagePrivate: false })]
  await using upstream = await openUpstream()
  const config = makeShop(upstream.url)
  await using gateway = await openGateway({ config, clock, wallets })
  const payment = await payFor(gateway, aRequest, wallet)
  using killed = leftByKill(gateway)
  await using next = await openGateway({ config, clock, wallets, dataDir: killed.path })
  expect((await redeem(next, payment)).status).toBe(200)
})

describe('an invoice that nobody paid', () => {
  test('is not asked for again when it has expired, unless its buyer comes', async () => {
    await using setting = await openSetting()
    const { clock, wallet, gateway } = setting
    wallet.looksUp = 'blind'
    const payment = await payFor(gateway, aRequest, wallet)
    for (let other = 0; other < 20; other++) await send(gateway, aRequest)
    clock.advance(12 * minute)
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    const asked = wallet.lookedUp.length
    clock.advance(hour)
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(wallet.lookedUp).toHaveLength(asked)
    expect((await redeem(gateway, payment)).status).toBe(503)
    expect(new Set(wallet.lookedUp.slice(asked))).toEqual(new Set([payment.paymentHash]))
  })

  test('takes no place when it has expired, also after a restart, and is forgotten with its token', async () => {
    await using setting = await openSetting(', max_open_invoices: 3')
    const { clock, wallet, gateway } = setting
    // Its invoices can be paid for a day, and take their place for the ten minutes that were asked for.
    wallet.expirySeconds = 24 * 3600
    const fill = async (from: TestGateway) => {
      for (let sale = 0; sale < 3; sale++) expect((await send(from, aRequest)).status).toBe(402)
      expect((await send(from, aRequest)).status).toBe(503)
    }
    await fill(gateway)
    clock.advance(11 * minute)
    await fill(gateway)
    expect(keptRows(gateway)).toBe(6)
    await using restarted = await gateway.restart()
    expect((await send(restarted, aRequest)).status).toBe(503)
    clock.advance(11 * minute)
    await fill(restarted)
    expect(keptRows(restarted)).toBe(9)
    await prune(restarted, clock)
    expect(keptRows(restarted)).toBe(9)
    clock.advance(49 * hour)
    await prune(restarted, clock)
    expect(keptRows(restarted)).toBe(0)
  })
})

test('a payment that the wallet has told of is kept no longer', async () => {
  await using setting = await openSetting()
  const { wallet, gateway } = setting
  const payment = await payFor(gateway, aRequest, wallet)
  expect(keptRows(gateway)).toBe(1)
  expect((await redeem(gateway, payment)).status).toBe(200)
  await expect.poll(() => keptRows(gateway)).toBe(0)
})

test('nothing is sold while what a wallet needs cannot be kept', async () => {
  await using setting = await openSetting()
  const { wallet, gateway } = setting
  const { books } = gateway.running.context.ledger as LedgerWithBooks
  using keep = vi.spyOn(books, 'keepInvoices').mockRejectedValueOnce(new LedgerError('full', 'the disk is full'))
  const refused = await send(gateway, aRequest)
  expect([refused.status, refused.json().code, refused.headers['l402-payment']]).toEqual([
    503,
    'ledger_unavailable',
    'not-charged',
  ])
  expect([wallet.asked.length, keep.mock.calls.length]).toEqual([1, 1])
  expect((await send(gateway, aRequest)).status).toBe(402)
})
