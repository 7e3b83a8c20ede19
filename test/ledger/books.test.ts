import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backUpLedger, restoreLedger } from '#src/ledger/sqlite/copy.ts'
import { KeptInvoiceTable } from '#src/ledger/sqlite/kept-invoice-table.ts'
import { openForReading, openForWriting } from '#src/ledger/sqlite/open.ts'
import { type LedgerWithBooks, openSqliteLedger } from '#src/ledger/sqlite/sqlite-ledger.ts'
import type { BookedSettlement, KeptInvoice } from '#src/ports/books.ts'
import type { ClaimRequest } from '#src/ports/ledger.ts'
import { makeDirectory } from '../support/ledger/opened-ledger.ts'

interface TestBooks extends AsyncDisposable {
  readonly ledger: LedgerWithBooks
  rows(sql: string): unknown[]
  reopen(): Promise<TestBooks>
}

async function openBooks(existing?: string): Promise<TestBooks> {
  const directory = existing ?? mkdtempSync(join(tmpdir(), 'turnpike-books-'))
  const ledger = await openSqliteLedger({
    directory,
    onDeath(cause) {
      throw cause
    },
  })
  return {
    ledger,
    rows(sql) {
      const database = openForReading(directory)
      try {
        return database.prepare(sql).all()
      } finally {
        database.close()
      }
    },
    async reopen() {
      await ledger[Symbol.asyncDispose]()
      return await openBooks(directory)
    },
    async [Symbol.asyncDispose]() {
      await ledger[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const now = Date.UTC(2027, 0, 1)
const newHash = () => randomBytes(32).toString('hex')

const settlementOf = (paymentHash: string, changes: Partial<BookedSettlement> = {}): BookedSettlement => {
  return { paymentHash, receivedMsat: 7_000n, settledAtMs: now, sold: undefined, ...changes }
}

const claimOf = (paymentHash: string, changes: Partial<ClaimRequest> = {}): ClaimRequest => ({
  paymentHash,
  tokenId: '11'.repeat(32),
  service: 'make',
  rev: '0123456789abcdef',
  wallet: 'unknown',
  priceMsat: 7_000n,
  quote: '[]',
  mintedExpiry: now / 1000 + 86_400,
  requestHash: '22'.repeat(32),
  jobId: randomBytes(16).toString('hex'),
  salt: randomBytes(16),
  nowMs: now + 5,
  resultTtlMs: 60_000,
  takeover: true,
  ...changes,
})

test('a payment and its settlement agree on the wallet, whichever is written first', async () => {
  await using books = await openBooks()
  const { ledger } = books
  await ledger.books.noteWallets([{ name: 'main', kind: 'lnd' }], now)
  const hashes = Array.from({ length: 40 }, newHash)
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.boolean(), async (claimFirst, together) => {
      const paymentHash = hashes.pop() ?? newHash()
      const steps = [
        () => ledger.claim(claimOf(paymentHash)),
        () => ledger.books.recordSettlements('main', [settlementOf(paymentHash, { receivedMsat: 7_001n })], undefined),
      ]
      if (!claimFirst) steps.reverse()
      if (together) await Promise.all(steps.map((step) => step()))
      else for (const step of steps) await step()
      const payment = await ledger.read(paymentHash)
      expect(payment?.wallet).toBe('main')
      const where = `WHERE payment_hash = x'${paymentHash}'`
      expect(books.rows(`SELECT service, price_msat, redeemed_at, received_msat FROM settlement ${where}`)).toEqual([
        { service: 'make', price_msat: 7_000, redeemed_at: now + 5, received_msat: 7_001 },
      ])
      expect(books.rows(`SELECT received_msat FROM payment WHERE hash = x'${paymentHash}'`)).toEqual([
        { received_msat: 7_001 },
      ])
    }),
    { numRuns: 12 },
  )
})

test('a settlement is recorded once, however often and by whomever it is told', async () => {
  await using books = await openBooks()
  const { ledger } = books
  await ledger.books.noteWallets(
    [
      { name: 'a', kind: 'lnd' },
      { name: 'b', kind: 'lnd' },
    ],
    now,
  )
  const [one, two] = [newHash(), newHash()]
  expect(await ledger.books.recordSettlements('a', [settlementOf(one), settlementOf(one)], '1')).toEqual([one])
  expect(await ledger.books.recordSettlements('a', [settlementOf(one), settlementOf(two)], '2')).toEqual([two])
  expect(await ledger.books.recordSettlements('b', [settlementOf(one)], '9')).toEqual([])
  expect(books.rows('SELECT wallet, count(*) AS n FROM settlement GROUP BY wallet')).toEqual([{ wallet: 'a', n: 2 }])
  expect(await ledger.books.settledWith(one)).toBe('a')
  expect(await ledger.books.settledWith(newHash())).toBeUndefined()
})

test('the cursor is written with the rows before it, or not at all', async () => {
  await using books = await openBooks()
  const { ledger } = books
  await ledger.books.noteWallets([{ name: 'main', kind: 'lnd' }], now)
  await ledger.books.recordSettlements('main', [settlementOf(newHash())], '1')
  const group = [settlementOf(newHash()), settlementOf('abcd')]
  await expect(ledger.books.recordSettlements('main', group, '3')).rejects.toMatchObject({ name: 'LedgerError' })
  expect(books.rows('SELECT cursor, (SELECT count(*) FROM settlement) AS n FROM wallet')).toEqual([
    { cursor: '1', n: 1 },
  ])
})

test('cursors are there after a restart; a wallet of another kind begins anew', async () => {
  const before = await openBooks()
  await before.ledger.books.noteWallets(
    [
      { name: 'main', kind: 'lnd' },
      { name: 'spare', kind: 'dev' },
    ],
    now,
  )
  await before.ledger.books.recordSettlements('main', [settlementOf(newHash())], '17')
  await before.ledger.books.recordSettlements('spare', [settlementOf(newHash())], '4')
  await using books = await before.reopen()
  const known = await books.ledger.books.noteWallets(
    [
      { name: 'main', kind: 'lnd' },
      { name: 'spare', kind: 'cln' },
    ],
    now + 1,
  )
  expect(known.map(({ name, kind, cursor }) => [name, kind, cursor])).toEqual([
    ['main', 'lnd', '17'],
    ['spare', 'cln', undefined],
  ])
})

test('only presented payments that no wallet confirmed are unconfirmed', async () => {
  await using books = await openBooks()
  const { ledger } = books
  await ledger.books.noteWallets([{ name: 'main', kind: 'lnd' }], now)
  const hashes = Array.from({ length: 5 }, newHash)
  for (const hash of hashes) await ledger.claim(claimOf(hash))
  await ledger.books.recordSettlements('main', [settlementOf(hashes[1] ?? ''), settlementOf(newHash())], undefined)
  const [first, ...others] = await ledger.books.unconfirmed(0, 100)
  expect([first, ...others].map((each) => each?.paymentHash)).toEqual(hashes.filter((_, index) => index !== 1))
  const rest = await ledger.books.unconfirmed(first?.number ?? 0, 2)
  expect(rest.map(({ paymentHash }) => paymentHash)).toEqual(hashes.slice(2, 4))
})

test('what the ledger forgets stays in the books, confirmed or not', async () => {
  await using books = await openBooks()
  const { ledger } = books
  await ledger.books.noteWallets([{ name: 'main', kind: 'lnd' }], now)
  const [confirmed, late, silent] = [newHash(), newHash(), newHash()]
  await ledger.books.recordSettlements('main', [settlementOf(confirmed)], undefined)
  for (const paymentHash of [confirmed, late, silent]) {
    await ledger.claim(claimOf(paymentHash, { mintedExpiry: now / 1000 + 60 }))
    await ledger.capture({
      paymentHash,
      epoch: 1,
      frames: [],
      resultBytes: 0,
      nowMs: now + 10,
      keepUntilMs: now + 1_000,
    })
  }
  await ledger.prune(now, 0)
  while ((await ledger.prune(now + 3_600_000, 3_600_000)) > 0);
  expect(books.rows('SELECT * FROM payment')).toEqual([])
  await ledger.books.recordSettlements('main', [settlementOf(late, { receivedMsat: 6_999n })], undefined)
  const rows =
    'SELECT hex(payment_hash) AS hash, wallet, confirmed, received_msat, service, price_msat, redeemed_at FROM settlement'
  const common = { service: 'make', price_msat: 7_000, redeemed_at: now + 5 }
  const hashOf = (hash: string) => ({ hash: hash.toUpperCase() })
  expect(books.rows(rows)).toEqual([
    { ...hashOf(confirmed), ...common, wallet: 'main', confirmed: 1, received_msat: 7_000 },
    { ...hashOf(late), ...common, wallet: 'main', confirmed: 1, received_msat: 6_999 },
    { ...hashOf(silent), ...common, wallet: 'unknown', confirmed: 0, received_msat: null },
  ])
})

describe('invoices that are kept for the next process', () => {
  const keep = (paymentHash: string, changes: Partial<KeptInvoice> = {}): KeptInvoice => ({
    paymentHash,
    wallet: 'main',
    ref: `verify/${paymentHash}`,
    service: 'make',
    priceMsat: 7_000n,
    expiresAtMs: now + 600_000,
    placeUntilMs: now + 500_000,
    neededUntilMs: now + 86_400_000,
    ...changes,
  })

  test('are kept once, found by their hash however old, and taken over while they may be paid', async () => {
    const before = await openBooks()
    const [old, first, second, third] = [newHash(), newHash(), newHash(), newHash()]
    const kept = [
      keep(third, { expiresAtMs: now + 3_000 }),
      keep(old, { expiresAtMs: now - 1 }),
      keep(first, { expiresAtMs: now + 1_000 }),
      keep(second, { expiresAtMs: now + 2_000 }),
    ]
    await before.ledger.books.keepInvoices(kept.slice(0, 2))
    await before.ledger.books.keepInvoices([...kept.slice(2), keep(old, { ref: 'another' })])
    await using books = await before.reopen()
    const hashes = async (limit: number) =>
      (await books.ledger.books.keptInvoices(now, limit)).map(({ paymentHash }) => paymentHash)
    expect(await hashes(10)).toEqual([first, second, third])
    expect(await hashes(2)).toEqual([second, third])
    expect(await books.ledger.books.keptInvoice(old)).toEqual(kept[1])
    expect(await books.ledger.books.keptInvoice(newHash())).toBeUndefined()
  })

  test('are forgotten when they are in the books, or their token is over', async () => {
    await using books = await openBooks()
    const { ledger } = books
    const [paid, over, living] = [newHash(), newHash(), newHash()]
    await ledger.books.keepInvoices([keep(paid), keep(over, { neededUntilMs: now + 1_000 }), keep(living)])
    await ledger.books.recordSettlements('main', [settlementOf(paid)], undefined)
    expect(await ledger.books.keptInvoice(paid)).toBeUndefined()
    await ledger.prune(now, 0)
    await ledger.prune(now + 999, 999)
    expect(await ledger.books.keptInvoice(over)).toBeDefined()
    expect(await ledger.prune(now + 1_000, 1_000)).toBe(1)
    expect(await ledger.books.keptInvoice(over)).toBeUndefined()
    expect(await ledger.books.keptInvoice(living)).toEqual(keep(living))
  })

  test.for(['in place', 'from a backup'])('are taken over from a ledger of the format before, %s', async (where) => {
    const directory = mkdtempSync(join(tmpdir(), 'turnpike-books-'))
    const old = new Database(join(directory, 'ledger.sqlite'))
    const migrations = new URL('../../src/ledger/sqlite/migrations/', import.meta.url)
    for (const name of ['0001-init.sql', '0002-books.sql']) old.exec(readFileSync(new URL(name, migrations), 'utf8'))
    old.pragma('user_version = 2')
    const hash = newHash()
    old
      .prepare("INSERT INTO kept_invoice VALUES (?, 'main', 'verify/1', 'make', 7000, ?)")
      .run(Buffer.from(hash, 'hex'), now + 5_000)
    old.prepare("INSERT INTO meta (key, value) VALUES ('ledger_id', 'old')").run()
    old.close()
    using backup = makeDirectory()
    using restored = makeDirectory()
    if (where === 'from a backup') {
      backUpLedger(directory, join(backup.path, 'ledger.sqlite'), now)
      restoreLedger(backup.path, restored.path, { withhold: true, generation: 1, nowMs: now })
    }
    await using books = await openBooks(where === 'in place' ? directory : restored.path)
    const times = { expiresAtMs: now + 5_000, placeUntilMs: now + 5_000, neededUntilMs: now + 5_000 + 366 * 86_400_000 }
    expect(await books.ledger.books.keptInvoice(hash)).toEqual(keep(hash, { ref: 'verify/1', ...times }))
  })

  test('are never more than so many: those whose tokens end first go first', () => {
    using directory = makeDirectory()
    const database = openForWriting(directory.path)
    const table = new KeptInvoiceTable(database, 5)
    const hashes = Array.from({ length: 12 }, () => newHash())
    table.add(hashes.map((hash, index) => keep(hash, { neededUntilMs: now + 100 - index })))
    const left = () => hashes.map((hash) => table.find(hash) !== undefined)
    expect([table.prune(now, 3), table.prune(now, 3), table.prune(now, 3), table.prune(now, 3)]).toEqual([3, 3, 1, 0])
    expect(left()).toEqual([...Array<boolean>(5).fill(true), ...Array<boolean>(7).fill(false)])
    database.close()
  })
})
