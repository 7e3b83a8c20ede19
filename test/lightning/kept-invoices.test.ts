import { expect, test } from 'vitest'
import { systemClock } from '#src/ports/clock.ts'
import { MemoryBooks, openDesk } from '../support/cash-desk.ts'
import { TestClock } from '../support/clock.ts'
import { ScriptedWallet } from '../support/scripted-wallet.ts'

const soon = { timeout: 5_000, interval: 10 }

test('what a wallet needs to find an invoice again outlives an ordered restart', async () => {
  const clock = new TestClock()
  const wallet = new ScriptedWallet('main', { clock, push: 'none', needsRef: true })
  const books = new MemoryBooks()
  const before = await openDesk([wallet], { clock, books, requireSettled: true })
  const [paid, expired] = [await before.issue(), await before.issue(1_000n, 60)]
  expect(books.kept).toHaveLength(2)
  await before[Symbol.asyncDispose]()
  expect(books.kept).toHaveLength(2)
  await wallet.pay(paid.bolt11)

  clock.advance(120_000)
  await using after = await openDesk([wallet], { clock, books, requireSettled: true })
  const { settlement } = after.desk
  expect(await settlement.confirm(paid.paymentHash)).toEqual({ kind: 'settled' })
  await expect.poll(() => books.settled.get(paid.paymentHash), soon).toMatchObject({ sold: { service: 'make' } })
  expect(after.desk.issuer.walletOf(expired.paymentHash)).toBe('main')
  expect(after.desk.openInvoices().get('main') ?? 0).toBe(0)
})

test('a process that is killed does not take with it what a paid buyer needs', async () => {
  const wallet = new ScriptedWallet('main', { push: 'none', needsRef: true })
  const books = new MemoryBooks()
  await using killed = await openDesk([wallet], { clock: systemClock, books, requireSettled: true })
  const { bolt11, paymentHash } = await killed.issue()

  // What the killed one writes from here on reaches nobody.
  const found = new MemoryBooks()
  found.kept = books.kept
  await using after = await openDesk([wallet], { clock: systemClock, books: found, requireSettled: true })
  await wallet.pay(bolt11)
  expect(await after.desk.settlement.confirm(paymentHash)).toEqual({ kind: 'settled' })
})

test.for([
  ['a preimage is proof enough', { needsRef: true }, { requireSettled: false }],
  ['the payment hash is all it takes', { needsRef: false }, { requireSettled: true }],
] as const)('challenges write nothing where %s', async ([, what, settings]) => {
  const books = new MemoryBooks()
  const wallet = new ScriptedWallet('main', { push: 'none', ...what })
  await using desk = await openDesk([wallet], { clock: systemClock, books, ...settings })
  for (let challenge = 0; challenge < 5; challenge++) await desk.issue()
  expect(books.kept).toEqual([])
})
