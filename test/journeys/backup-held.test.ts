import { cpSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { backUpLedger, restoreLedger } from '#src/ledger/sqlite/copy.ts'
import { readRefunds } from '#src/ledger/sqlite/read-refunds.ts'
import { WalletError } from '#src/ports/wallet.ts'
import { makeGate } from '../support/answers.ts'
import { paid, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { beginToPay } from '../support/held.ts'
import { heldStates, sellsHeld } from '../support/held-shop.ts'
import { makeDirectory } from '../support/ledger/opened-ledger.ts'
import { aRequest, idle } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

const isLedger = (file: string): boolean => file.includes('ledger.')

/** A gateway whose ledger is lost and restored from a backup; its wallet, like a node elsewhere, knows everything since. */
async function openSetting(hold: string) {
  const root = makeDirectory()
  const [called, finish] = [makeGate(), makeGate()]
  const upstream = await openUpstream(async (_call, outgoing) => {
    called.open()
    await finish.opened
    outgoing.end(`result ${upstream.calls.length}`)
  })
  const dataDir = join(root.path, 'data')
  const copy = join(root.path, 'copy')
  const options = { config: sellsHeld(upstream.url, { hold }), dataDir }
  let gateway = await openGateway(options)
  return {
    upstream,
    called,
    finish,
    dataDir,
    get gateway(): TestGateway {
      return gateway
    },
    backUp() {
      cpSync(dataDir, copy, { recursive: true, filter: (file) => !isLedger(file) })
      backUpLedger(dataDir, join(copy, 'ledger.sqlite'), Date.now())
    },
    async loseAndRestore() {
      await gateway[Symbol.asyncDispose]()
      renameSync(dataDir, `${dataDir}.lost`)
      cpSync(`${dataDir}.lost`, dataDir, { recursive: true, filter: (file) => !isLedger(file) })
      restoreLedger(copy, dataDir, { withhold: true, generation: 1, nowMs: Date.now() })
      gateway = await openGateway(options)
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
      root[Symbol.dispose]()
    },
  }
}

test.for([
  ['it was worked for', '20m'],
  ['patience had taken it', '200ms'],
] as const)(
  'a held payment whose result was delivered after a backup, made when %s, gets no second result and is owed',
  { timeout: 40_000 },
  async ([, hold]) => {
    await using setting = await openSetting(hold)
    const { upstream, called, finish, dataDir } = setting
    const held = await beginToPay(setting.gateway, aRequest)
    await called.opened
    if (hold === '200ms') await held.paying
    setting.backUp()
    finish.open()
    const ended = await held.paying
    if (!('paid' in ended)) throw new Error(ended.refused)
    expect((await send(setting.gateway, paid(aRequest, ended.paid))).text).toBe('result 1')
    await idle(setting.gateway)
    await setting.loseAndRestore()
    const over = ['settled', 'given_up', 'settled']
    await expect.poll(() => heldStates(setting.gateway, held.paymentHash), { timeout: 10_000 }).toEqual(over)
    expect((await send(setting.gateway, paid(aRequest, ended.paid))).json().code).toBe('refund_due')
    expect(upstream.calls).toHaveLength(1)
    expect(readRefunds(dataDir, Date.now())).toMatchObject([{ reason: 'restored' }])
  },
)

test('an offer in a backup whose result was delivered since gets no second one', { timeout: 40_000 }, async () => {
  await using setting = await openSetting('20m')
  const { upstream, finish } = setting
  finish.open()
  const { invoice, token, paymentHash } = (await send(setting.gateway, aRequest)).json()
  setting.backUp()
  const preimage = await setting.gateway.wallet.pay(invoice)
  const again = { ...aRequest, headers: { authorization: `L402 ${token}:${preimage}` } }
  expect((await send(setting.gateway, again)).text).toBe('result 1')
  await setting.loseAndRestore()
  const over = ['settled', 'given_up', 'settled']
  await expect.poll(() => heldStates(setting.gateway, paymentHash), { timeout: 10_000 }).toEqual(over)
  expect((await send(setting.gateway, again)).json().code).toBe('refund_due')
  expect(upstream.calls).toHaveLength(1)
})

test('a payment that is still held after a restore is let go', { timeout: 40_000 }, async () => {
  await using setting = await openSetting('20m')
  const held = await beginToPay(setting.gateway, aRequest)
  await setting.called.opened
  setting.backUp()
  // As if the process had gone with its ledger: nothing of the wallet is decided.
  setting.gateway.wallet.beforeTelling = () => Promise.reject(new WalletError('timeout', 'it does not answer'))
  setting.finish.open()
  await idle(setting.gateway)
  await setting.loseAndRestore()
  const over = ['cancelled', 'given_up', 'cancelled']
  await expect.poll(() => heldStates(setting.gateway, held.paymentHash), { timeout: 10_000 }).toEqual(over)
  expect(setting.upstream.calls).toHaveLength(1)
})
