import { expect, test } from 'vitest'
import { systemClock } from '#src/ports/clock.ts'
import { LedgerError } from '#src/ports/ledger.ts'
import { WalletError } from '#src/ports/wallet.ts'
import { MemoryBooks, openDesk } from '../support/cash-desk.ts'
import { TestClock } from '../support/clock.ts'
import { ScriptedWallet } from '../support/scripted-wallet.ts'

const soon = { timeout: 8_000, interval: 20 }
const slow = 15_000

test('a payment is in the books, with what it was for, and told of once', async () => {
  const wallet = new ScriptedWallet('main')
  await using desk = await openDesk([wallet], { clock: systemClock })
  const { paymentHash, bolt11 } = await desk.issue(5_000n)
  await wallet.pay(bolt11)
  await expect
    .poll(() => desk.books.settled.get(paymentHash), soon)
    .toMatchObject({
      wallet: 'main',
      receivedMsat: 5_000n,
      sold: { service: 'make', priceMsat: 5_000n },
    })
  expect(desk.events.told.filter((each) => each === 'main settled 5000')).toHaveLength(1)
})

test('a challenge that nobody pays writes nothing', async () => {
  const wallet = new ScriptedWallet('main')
  await using desk = await openDesk([wallet], { clock: systemClock })
  for (let challenge = 0; challenge < 200; challenge++) await desk.issue()
  expect(desk.books.writes).toBe(0)
})

test('payments made while nobody listened are found after a restart, and those before it are not told again', async () => {
  const wallet = new ScriptedWallet('main')
  const books = new MemoryBooks()
  const before = await openDesk([wallet], { clock: systemClock, books })
  const [heard, missed] = [await before.issue(), await before.issue()]
  await wallet.pay(heard.bolt11)
  await expect.poll(() => books.settled.size, soon).toBe(1)
  await before[Symbol.asyncDispose]()
  await wallet.pay(missed.bolt11)
  const resumed: (string | undefined)[] = []
  const whole = wallet.settlements.bind(wallet)
  wallet.settlements = (cursor, signal) => {
    resumed.push(cursor)
    return whole(cursor, signal)
  }

  await using after = await openDesk([wallet], { clock: systemClock, books })
  await expect.poll(() => books.settled.has(missed.paymentHash), soon).toBe(true)
  expect(after.events.told.filter((each) => each.includes('settled'))).toEqual(['main settled 1000'])
  expect(books.wallets.get('main')?.cursor).toBe('2')
  expect(resumed).toEqual(['1'])
})

test(
  'while the books cannot be written nothing is lost and the cursor stays',
  async () => {
    const wallet = new ScriptedWallet('main')
    const books = new MemoryBooks()
    await using desk = await openDesk([wallet], { clock: systemClock, books })
    books.trouble = new LedgerError('full', 'no room')
    const issued = [await desk.issue(), await desk.issue()]
    for (const { bolt11 } of issued) await wallet.pay(bolt11)
    await expect.poll(() => desk.events.told.includes('trouble with books'), soon).toBe(true)
    expect(books.wallets.get('main')?.cursor).toBeUndefined()
    books.trouble = undefined
    await expect.poll(() => books.settled.size, soon).toBe(2)
    expect(books.wallets.get('main')?.cursor).toBe('2')
  },
  slow,
)

test(
  'a stream that breaks is resumed after the last settlement that was taken',
  async () => {
    const wallet = new ScriptedWallet('main')
    const cursors: (string | undefined)[] = []
    const whole = wallet.settlements.bind(wallet)
    wallet.settlements = async function* (cursor, signal) {
      cursors.push(cursor)
      for await (const settlement of whole(cursor, signal)) {
        yield settlement
        throw new WalletError('unavailable', 'The connection broke.')
      }
    }
    await using desk = await openDesk([wallet], { clock: systemClock })
    for (let sale = 0; sale < 3; sale++) await wallet.pay((await desk.issue()).bolt11)
    await expect.poll(() => desk.books.settled.size, soon).toBe(3)
    await expect.poll(() => cursors, soon).toEqual([undefined, '1', '2', '3'])
    expect(desk.events.told.filter((each) => each.includes('settled'))).toHaveLength(3)
  },
  slow,
)

test.for(['none', 'lossy'] as const)(
  'payments are found by looking, when the wallet does not tell: push %s',
  { timeout: slow },
  async (push) => {
    const clock = new TestClock()
    const wallet = new ScriptedWallet('main', { clock, push })
    wallet.streams = false
    await using desk = await openDesk([wallet], { clock })
    const [paid, unpaid] = [await desk.issue(), await desk.issue()]
    await wallet.pay(paid.bolt11)
    clock.advance(16_000)
    await expect.poll(() => desk.books.settled.has(paid.paymentHash), soon).toBe(true)
    expect(desk.books.settled.has(unpaid.paymentHash)).toBe(false)
    expect(desk.desk.openInvoices().get('main')).toBe(1)
  },
)

test('what a wallet merely hints at counts only when a lookup says the same', async () => {
  const wallet = new ScriptedWallet('main', { push: 'lossy' })
  wallet.looksUp = 'blind'
  await using desk = await openDesk([wallet], { clock: systemClock })
  await new Promise((resolve) => setTimeout(resolve, 50))
  const { bolt11, paymentHash } = await desk.issue()
  await wallet.pay(bolt11)
  await expect.poll(() => wallet.lookedUp.includes(paymentHash), soon).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(desk.books.settled.size).toBe(0)
  expect(desk.desk.openInvoices().get('main')).toBe(1)
})

test(
  'a flood of open invoices is no flood of lookups',
  async () => {
    const clock = new TestClock()
    const wallet = new ScriptedWallet('main', { clock, push: 'none' })
    await using desk = await openDesk([wallet], { clock })
    for (let challenge = 0; challenge < 300; challenge++) await desk.issue()
    clock.advance(5_000)
    await new Promise((resolve) => setTimeout(resolve, 2_200))
    expect(wallet.lookedUp.length).toBeGreaterThanOrEqual(5)
    expect(wallet.lookedUp.length).toBeLessThanOrEqual(15)
  },
  slow,
)

test(
  'a payment redeemed by its preimage after a restart is put to the wallet that took it',
  async () => {
    const clock = new TestClock()
    const [first, second] = [
      new ScriptedWallet('first', { clock, push: 'none' }),
      new ScriptedWallet('second', { clock, push: 'none' }),
    ]
    const books = new MemoryBooks()
    const before = await openDesk([first, second], { clock, books })
    first.creates = 'rejected'
    const { bolt11, paymentHash } = await before.issue()
    expect(before.desk.issuer.walletOf(paymentHash)).toBe('second')
    await before[Symbol.asyncDispose]()
    // The process before did not end in order.
    books.kept = []
    await second.pay(bolt11)

    await using after = await openDesk([first, second], { clock, books })
    expect(after.desk.issuer.walletOf(paymentHash)).toBe('unknown')
    books.presented.push({ number: 1, paymentHash, wallet: 'unknown' })
    await expect
      .poll(() => {
        clock.advance(1_000)
        return books.settled.get(paymentHash)?.wallet
      }, soon)
      .toBe('second')
  },
  slow,
)

test(
  'a redeemed payment that no wallet has received is told of',
  async () => {
    const clock = new TestClock()
    const wallet = new ScriptedWallet('main', { clock, push: 'none' })
    const books = new MemoryBooks()
    books.presented.push({ number: 1, paymentHash: 'ab'.repeat(32), wallet: 'main' })
    await using desk = await openDesk([wallet], { clock, books })
    await expect
      .poll(() => {
        clock.advance(30_000)
        return desk.events.told.filter((each) => each === 'main missing')
      }, soon)
      .toHaveLength(1)
  },
  slow,
)

test('with one wallet ever, every payment is known to be its', async () => {
  const wallet = new ScriptedWallet('main')
  const books = new MemoryBooks()
  await using desk = await openDesk([wallet], { clock: systemClock, books })
  expect(desk.desk.issuer.walletOf('ab'.repeat(32))).toBe('main')
  await using other = await openDesk([new ScriptedWallet('new')], { clock: systemClock, books })
  expect(other.desk.issuer.walletOf('ab'.repeat(32))).toBe('unknown')
})

test('the wait for a wallet that is slow to know ends when it knows', async () => {
  const wallet = new ScriptedWallet('main', { push: 'none' })
  await using desk = await openDesk([wallet], { clock: systemClock, requireSettled: true })
  const { bolt11, paymentHash } = await desk.issue()
  await wallet.pay(bolt11)
  wallet.looksUp = 'blind'
  setTimeout(() => (wallet.looksUp = 'well'), 600)
  const begunMs = performance.now()
  expect(await desk.desk.settlement.confirm(paymentHash)).toEqual({ kind: 'settled' })
  expect(performance.now() - begunMs).toBeGreaterThan(500)
  expect(performance.now() - begunMs).toBeLessThan(2_100)
})

test('the wait ends when the stream tells, though lookups know nothing', async () => {
  const wallet = new ScriptedWallet('main')
  wallet.looksUp = 'blind'
  wallet.streams = false
  await using desk = await openDesk([wallet], { clock: systemClock, requireSettled: true })
  const { bolt11, paymentHash } = await desk.issue()
  await wallet.pay(bolt11)
  setTimeout(() => {
    wallet.streams = true
    wallet.nudge()
  }, 300)
  expect(await desk.desk.settlement.confirm(paymentHash)).toEqual({ kind: 'settled' })
})

test('a wallet that does not know in time leaves the payment pending, and many who ask are one question', {
  timeout: slow,
}, async () => {
  const wallet = new ScriptedWallet('main', { push: 'none' })
  await using desk = await openDesk([wallet], { clock: systemClock, requireSettled: true })
  const { paymentHash } = await desk.issue()
  const { settlement } = desk.desk
  const begunMs = performance.now()
  expect(await settlement.confirm(paymentHash)).toEqual({
    kind: 'pending',
    retryAfterMs: 2_000,
  })
  expect(performance.now() - begunMs).toBeLessThan(3_000)
  const lookups = wallet.lookedUp.length
  for (let asked = 0; asked < 50; asked++) await settlement.confirm(paymentHash)
  expect(wallet.lookedUp.length).toBe(lookups)
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  const answers = await Promise.all(Array.from({ length: 50 }, () => settlement.confirm(paymentHash)))
  expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['pending']))
  expect(wallet.lookedUp.length).toBeLessThan(lookups + 8)
})

test('a preimage is enough unless somebody else may know it', async () => {
  const [own, shared] = [new ScriptedWallet('own'), new ScriptedWallet('shared', { preimagePrivate: false })]
  await using desk = await openDesk([own, shared], { clock: systemClock })
  const first = await desk.issue()
  own.creates = 'rejected'
  const second = await desk.issue()
  const { settlement } = desk.desk
  expect(settlement.required(first.paymentHash)).toBe(false)
  expect(settlement.required(second.paymentHash)).toBe(true)
  // Made before a restart: it could be the shared one's.
  expect(settlement.required('ab'.repeat(32))).toBe(true)
})

test('a payment that the wallet tells of again and again is one payment', async () => {
  const wallet = new ScriptedWallet('main')
  const whole = wallet.settlements.bind(wallet)
  wallet.settlements = async function* (cursor, signal) {
    for await (const settlement of whole(cursor, signal)) yield* [settlement, settlement, settlement]
  }
  await using desk = await openDesk([wallet], { clock: systemClock })
  for (let sale = 0; sale < 3; sale++) await wallet.pay((await desk.issue()).bolt11)
  await expect.poll(() => desk.books.wallets.get('main')?.cursor, soon).toBe('3')
  expect(desk.events.told.filter((each) => each.includes('settled'))).toHaveLength(3)
})

test('a stream is relied on only once there is a place to resume it at', { timeout: slow }, async () => {
  const clock = new TestClock()
  const wallet = new ScriptedWallet('main', { clock })
  wallet.streams = false
  const books = new MemoryBooks()
  await using desk = await openDesk([wallet], { clock, books })
  const [first, second] = [await desk.issue(), await desk.issue()]
  await wallet.pay(first.bolt11)
  clock.advance(16_000)
  await expect.poll(() => books.settled.has(first.paymentHash), soon).toBe(true)

  wallet.streams = true
  wallet.nudge()
  await expect.poll(() => books.wallets.get('main')?.cursor, soon).toBe('1')
  const lookups = wallet.lookedUp.length
  clock.advance(60_000)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect(wallet.lookedUp).toHaveLength(lookups)
  expect(desk.desk.openInvoices().get('main')).toBe(1)
  expect(books.settled.has(second.paymentHash)).toBe(false)
})
