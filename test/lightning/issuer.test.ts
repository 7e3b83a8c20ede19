import { expect, test, vi } from 'vitest'
import { type IssuedInvoice, WalletError } from '#src/ports/wallet.ts'
import { openDesk } from '../support/cash-desk.ts'
import { TestClock } from '../support/clock.ts'
import { ScriptedWallet } from '../support/scripted-wallet.ts'

const twoWallets = (clock: TestClock) =>
  [new ScriptedWallet('first', { clock }), new ScriptedWallet('second', { clock })] as const

/** Why no invoice was made. */
async function refusal(issuing: Promise<unknown>): Promise<WalletError> {
  const thrown = await issuing.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(thrown instanceof WalletError)) throw new Error(`no WalletError but ${String(thrown)}`)
  return thrown
}

test('the first wallet is asked while it can, then the next one, then the first again', async () => {
  const clock = new TestClock()
  const [first, second] = twoWallets(clock)
  await using desk = await openDesk([first, second], { clock })
  expect((await desk.issue()).wallet).toBe('first')
  first.creates = 'unavailable'
  for (let sale = 0; sale < 10; sale++) expect((await desk.issue()).wallet).toBe('second')
  // Asked until it had failed three times in a row, and not again.
  expect(first.asked).toHaveLength(1 + 3)
  first.creates = 'well'
  expect((await desk.issue()).wallet).toBe('second')
  clock.advance(6_000)
  expect((await desk.issue()).wallet).toBe('first')
  expect(desk.events.told.filter((each) => each.startsWith('first'))).toEqual([
    'first ready',
    'first paused',
    'first resumed',
  ])
})

test('a call that failed on the way is made once more under the same key', async () => {
  const clock = new TestClock()
  const wallet = new ScriptedWallet('only', { clock })
  await using desk = await openDesk([wallet], { clock })
  let calls = 0
  wallet.creates = (_request, made) => {
    if (++calls === 1) throw new WalletError('unavailable', 'The connection broke.')
    return made
  }
  await desk.issue()
  expect(wallet.asked.map(({ idempotencyKey }) => idempotencyKey)).toEqual(
    Array(2).fill(wallet.asked[0]?.idempotencyKey),
  )
  expect(desk.events.told).not.toContain('stopped')
})

test('a wallet that says no is not asked the same twice', async () => {
  const clock = new TestClock()
  const [first, second] = twoWallets(clock)
  await using desk = await openDesk([first, second], { clock })
  first.creates = 'rejected'
  expect((await desk.issue()).wallet).toBe('second')
  expect(first.asked).toHaveLength(1)
})

test('when none can, the answer says when to come back, and stopping is told once', async () => {
  const clock = new TestClock()
  const [first, second] = twoWallets(clock)
  await using desk = await openDesk([first, second], { clock })
  first.creates = 'unavailable'
  second.creates = 'unauthorized'
  for (let sale = 0; sale < 20; sale++) {
    const { code, retryAfterMs } = await refusal(desk.issue())
    expect(code).toBe('unavailable')
    expect(retryAfterMs).toBeGreaterThanOrEqual(1_000)
    expect(retryAfterMs).toBeLessThanOrEqual(60_000)
  }
  expect(second.asked).toHaveLength(1)
  expect(desk.events.told.filter((each) => each === 'stopped')).toHaveLength(1)
  first.creates = 'well'
  clock.advance(120_000)
  await desk.issue()
  expect(desk.events.told.slice(-2)).toEqual(['first resumed', 'selling'])
})

test('of those who come when the pause is over, one tries and the others go on', async () => {
  const clock = new TestClock()
  const [first, second] = twoWallets(clock)
  await using desk = await openDesk([first, second], { clock })
  first.creates = 'unauthorized'
  await desk.issue()
  clock.advance(6_000)
  first.creates = 'hangs'
  const issued = await Promise.all(Array.from({ length: 20 }, () => desk.issue()))
  expect(new Set(issued.map(({ wallet }) => wallet))).toEqual(new Set(['second']))
  expect(first.asked).toHaveLength(2)
})

test('a wallet that hangs leaves the next one time to answer', async () => {
  const clock = new TestClock()
  const [first, second] = twoWallets(clock)
  await using desk = await openDesk([first, second], { clock, timeoutMs: 400 })
  first.creates = 'hangs'
  const begunMs = performance.now()
  expect((await desk.issue()).wallet).toBe('second')
  expect(performance.now() - begunMs).toBeLessThan(390)
})

test.for([
  ['another amount', (made) => ({ ...made, amountMsat: made.amountMsat - 1n })],
  ['another payment hash', (made) => ({ ...made, paymentHash: 'ab'.repeat(32) })],
  ['no invoice at all', (made) => ({ ...made, bolt11: 'lnbcrt1qqqq' })],
] satisfies [string, (made: Awaited<ReturnType<ScriptedWallet['createInvoice']>>) => typeof made][])(
  'a wallet that answers with %s sells nothing; the next one does',
  async ([, lie]) => {
    const clock = new TestClock()
    const [first, second] = twoWallets(clock)
    await using desk = await openDesk([first, second], { clock })
    first.creates = (_request, made) => lie(made)
    expect((await desk.issue()).wallet).toBe('second')
    expect(first.asked).toHaveLength(1)
  },
)

test('one invoice is not sold twice, though the wallet gives it out twice', async () => {
  const clock = new TestClock()
  const [first, second] = twoWallets(clock)
  await using desk = await openDesk([first, second], { clock })
  const { wallet: _wallet, development: _development, ...before } = await desk.issue()
  first.creates = () => before
  expect((await desk.issue()).wallet).toBe('second')
})

test('one invoice is not sold twice, though it is given out again while it is being kept', async () => {
  const clock = new TestClock()
  const [first, second] = ['first', 'second'].map(
    (name) => new ScriptedWallet(name, { clock, push: 'none', needsRef: true }),
  ) as [ScriptedWallet, ScriptedWallet]
  await using desk = await openDesk([first, second], { clock, requireSettled: true })
  let cached: IssuedInvoice | undefined
  first.creates = (_request, made) => (cached ??= made)
  const written = Promise.withResolvers<undefined>()
  using keeping = vi.spyOn(desk.books, 'keepInvoices').mockImplementation(() => written.promise)
  const orders = [desk.issue(), desk.issue()]
  await expect.poll(() => keeping.mock.calls.length).toBe(2)
  written.resolve(undefined)
  expect((await Promise.all(orders)).map(({ wallet }) => wallet).toSorted()).toEqual(['first', 'second'])
})

test('no wallet is asked for more than its provider allows in any minute', async () => {
  const clock = new TestClock()
  const [first, second] = [
    new ScriptedWallet('first', { clock, mintPerMinute: 5 }),
    new ScriptedWallet('second', { clock }),
  ]
  await using desk = await openDesk([first, second], { clock })
  const makers = async (sales: number) => {
    const issued: string[] = []
    for (let sale = 0; sale < sales; sale++) issued.push((await desk.issue()).wallet)
    return issued.filter((wallet) => wallet === 'first').length
  }
  clock.advance(50_000)
  expect(await makers(8)).toBe(5)
  clock.advance(30_000)
  expect(await makers(8)).toBe(0)
  clock.advance(30_000)
  expect(await makers(8)).toBe(5)
})

test('the configured budget replaces what the wallet says of itself', async () => {
  const clock = new TestClock()
  const wallet = new ScriptedWallet('only', { clock, mintPerMinute: 5 })
  await using desk = await openDesk([wallet], { clock, mintPerMinute: 2 })
  await desk.issue()
  await desk.issue()
  expect((await refusal(desk.issue())).retryAfterMs).toBe(60_000)
  expect(wallet.asked).toHaveLength(2)
})

test('open invoices are bounded; a payment or the expiry frees a place', async () => {
  const clock = new TestClock()
  const wallet = new ScriptedWallet('only', { clock })
  await using desk = await openDesk([wallet], { clock, maxOpenInvoices: 3 })
  const [oldest] = [await desk.issue(), await desk.issue(), await desk.issue()]
  expect((await refusal(desk.issue())).retryAfterMs).toBe(60_000)
  expect(wallet.asked).toHaveLength(3)
  expect(desk.desk.openInvoices()).toEqual(new Map([['only', 3]]))

  await wallet.pay(oldest.bolt11)
  await expect.poll(() => desk.desk.openInvoices().get('only')).toBe(2)
  await desk.issue()
  await refusal(desk.issue())

  clock.advance(600_000)
  for (let sale = 0; sale < 3; sale++) await desk.issue()
  await refusal(desk.issue())
})

test('failures and races take no place for good', async () => {
  const clock = new TestClock()
  const wallet = new ScriptedWallet('only', { clock })
  await using desk = await openDesk([wallet], { clock, maxOpenInvoices: 3 })
  wallet.creates = 'bad_amount'
  for (let sale = 0; sale < 10; sale++) await refusal(desk.issue())
  wallet.creates = 'well'
  const racing = await Promise.allSettled(Array.from({ length: 10 }, () => desk.issue()))
  expect(racing.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
})

test('the amount is rounded up to the unit of the wallet that takes it', async () => {
  const clock = new TestClock()
  const fine = new ScriptedWallet('fine', { clock })
  const coarse = new ScriptedWallet('coarse', { clock, unitMsat: 1_000n })
  await using desk = await openDesk([fine, coarse], { clock })
  expect(desk.desk.issuer.unitMsat).toBe(1n)
  expect((await desk.issue(1_001n)).amountMsat).toBe(1_001n)
  fine.creates = 'unauthorized'
  expect(await desk.issue(1_001n)).toMatchObject({ wallet: 'coarse', amountMsat: 2_000n })
  expect(await desk.issue(2_000n)).toMatchObject({ wallet: 'coarse', amountMsat: 2_000n })
  expect(desk.desk.issuer.unitMsat).toBe(1_000n)
})

test('an amount that a wallet cannot ask for goes to the next; one that none can is refused for good', async () => {
  const clock = new TestClock()
  const small = new ScriptedWallet('small', { clock, unitMsat: 1_000n, maxMsat: 5_000n })
  const large = new ScriptedWallet('large', { clock, maxMsat: 9_500n })
  await using desk = await openDesk([small, large], { clock })
  expect((await desk.issue(5_000n)).wallet).toBe('small')
  expect((await desk.issue(5_001n)).wallet).toBe('large')
  const { code, retryAfterMs } = await refusal(desk.issue(9_501n))
  expect([code, retryAfterMs]).toEqual(['bad_amount', undefined])
  expect(desk.events.told).not.toContain('stopped')
})

test('a wallet that cannot start is told of once and tried again, while another sells', async () => {
  const clock = new TestClock()
  const [first, second] = twoWallets(clock)
  first.starts = 'unavailable'
  await using desk = await openDesk([first, second], { clock })
  for (let sale = 0; sale < 5; sale++) expect((await desk.issue()).wallet).toBe('second')
  expect(first.asked).toHaveLength(0)
  first.starts = 'well'
  await expect.poll(async () => (await desk.issue()).wallet, { timeout: 10_000, interval: 200 }).toBe('first')
  expect(desk.events.told.filter((each) => each.startsWith('first'))).toEqual(
    ['first not_started', 'first ready', 'first followed'].slice(
      0,
      desk.events.told.includes('first followed') ? 3 : 2,
    ),
  )
}, 15_000)

test('when no wallet can start, the reason is that of the first', async () => {
  const clock = new TestClock()
  const [first, second] = twoWallets(clock)
  first.starts = 'unauthorized'
  second.starts = 'unavailable'
  expect((await refusal(openDesk([first, second], { clock }))).message).toBe('first cannot start.')
})

test.for([
  [{ preimagePrivate: false }, false],
  [{}, true],
] as const)(
  'a wallet that cannot tell what has settled is refused where that has to be known: %j',
  async ([capabilities, requireSettled]) => {
    const clock = new TestClock()
    const wallet = new ScriptedWallet('only', { clock, lookup: false, push: 'none', ...capabilities })
    expect((await refusal(openDesk([wallet], { clock, requireSettled }))).code).toBe('rejected')
  },
)
