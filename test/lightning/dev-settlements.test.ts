import { describe, expect, test } from 'vitest'
import type { PayingWallet, Settlement } from '#src/ports/wallet.ts'
import { deadline, makeDevSetting, makeRequest } from './dev-setting.ts'

const settlementsOf = (wallet: PayingWallet, cursor: string | undefined, signal: AbortSignal) => {
  const settlements = wallet.settlements?.(cursor, signal)
  if (!settlements) throw new Error('the development wallet tells settlements')
  return settlements
}

/** The next `count` settlements; ends the stream. */
async function take(wallet: PayingWallet, cursor: string | undefined, count: number): Promise<Settlement[]> {
  const taken: Settlement[] = []
  if (count === 0) return taken
  for await (const settlement of settlementsOf(wallet, cursor, deadline())) {
    taken.push(settlement)
    if (taken.length === count) break
  }
  return taken
}

async function payOne(wallet: PayingWallet): Promise<string> {
  const { bolt11, paymentHash } = await wallet.createInvoice(makeRequest(), deadline())
  await wallet.pay(bolt11, deadline())
  return paymentHash
}

async function payMany(wallet: PayingWallet, count: number): Promise<string[]> {
  const hashes: string[] = []
  for (let paid = 0; paid < count; paid++) hashes.push(await payOne(wallet))
  return hashes
}

describe('the settlements of the development wallet', () => {
  test('come from the first payment on, in order, with amount and time', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const hashes = await payMany(wallet, 3)
    const settlements = await take(wallet, undefined, 3)
    expect(settlements.map(({ paymentHash }) => paymentHash)).toEqual(hashes)
    expect(settlements[0]).toMatchObject({ receivedMsat: 7_500_001n, settledAtMs: setting.clock.nowMs() })
  })

  test('resume after any cursor, also after a restart', async () => {
    await using setting = await makeDevSetting()
    const before = setting.open()
    const hashes = await payMany(before, 4)
    const cursors = (await take(before, undefined, 4)).map(({ cursor }) => cursor)
    await before[Symbol.asyncDispose]()

    await using after = setting.open()
    for (const [index, cursor] of cursors.entries()) {
      const rest = await take(after, cursor, hashes.length - index - 1)
      expect(rest.map(({ paymentHash }) => paymentHash)).toEqual(hashes.slice(index + 1))
    }
  })

  test('arrive while the stream waits', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const arriving = take(wallet, undefined, 2)
    const hashes = await payMany(wallet, 2)
    expect((await arriving).map(({ paymentHash }) => paymentHash)).toEqual(hashes)
  })

  test('reach every stream', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const streams = Array.from({ length: 12 }, () => take(wallet, undefined, 1))
    const paymentHash = await payOne(wallet)
    for (const settlements of await Promise.all(streams)) expect(settlements).toMatchObject([{ paymentHash }])
  })

  test('are all told when they are more than are read at once', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const hashes = await payMany(wallet, 230)
    const settlements = await take(wallet, undefined, 230)
    expect(settlements.map(({ paymentHash }) => paymentHash)).toEqual(hashes)
  })

  test('end when the signal aborts: before, while waiting, and between two', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const aborted = settlementsOf(wallet, undefined, AbortSignal.abort())[Symbol.asyncIterator]()
    expect(await aborted.next()).toEqual({ done: true, value: undefined })

    const whileWaiting = new AbortController()
    const waiting = settlementsOf(wallet, undefined, whileWaiting.signal)[Symbol.asyncIterator]().next()
    whileWaiting.abort()
    expect(await waiting).toEqual({ done: true, value: undefined })

    await payMany(wallet, 2)
    const between = new AbortController()
    const stream = settlementsOf(wallet, undefined, between.signal)[Symbol.asyncIterator]()
    expect((await stream.next()).done).toBe(false)
    between.abort()
    expect((await stream.next()).done).toBe(true)
  })

  test('end when the wallet is closed', async () => {
    await using setting = await makeDevSetting()
    const wallet = setting.open()
    const waiting = settlementsOf(wallet, undefined, deadline())[Symbol.asyncIterator]().next()
    await wallet[Symbol.asyncDispose]()
    expect(await waiting).toEqual({ done: true, value: undefined })
  })

  test.for(['', 'abc', '-1', '1.5', '9'.repeat(30)])(
    'are refused from the cursor %j, which is none',
    async (cursor) => {
      await using setting = await makeDevSetting()
      await using wallet = setting.open()
      await expect(take(wallet, cursor, 1)).rejects.toMatchObject({ name: 'WalletError', code: 'protocol' })
    },
  )
})
