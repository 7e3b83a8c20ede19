import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { expect, test, vi } from 'vitest'
import { holdPreimage } from '#src/l402/hold-preimage.ts'
import type { HoldState } from '#src/ports/hold-wallet.ts'
import { LedgerError } from '#src/ports/ledger.ts'
import { WalletError } from '#src/ports/wallet.ts'
import { answerWith } from '../../support/answers.ts'
import { paid, send } from '../../support/buyer.ts'
import { openGateway, type TestGateway } from '../../support/gateway.ts'
import { requestNumber } from '../../support/guards.ts'
import { beginToPay } from '../../support/held.ts'
import { heldStates, holdsIn, sellsHeld } from '../../support/held-shop.ts'
import { openUpstream } from '../../support/upstream.ts'

vi.setConfig({ testTimeout: 40_000 })
const soon = { timeout: 15_000 }
const request = requestNumber(1)
const within = () => AbortSignal.timeout(20_000)

/** What the seller could tell of a payment that the buyer must not be able to use. */
async function preimageOf(gateway: TestGateway, paymentHash: string): Promise<string> {
  const offers = await holdsIn(gateway).offers()
  const undecided = await holdsIn(gateway).undecided()
  const found = [...offers, ...undecided].find((each) => each.paymentHash === paymentHash)
  if (!found) throw new Error('nothing is known of this payment')
  return holdPreimage(gateway.running.context.gateway.keys.minting.secret, found.tokenId).preimage
}

test('a wallet that tells of acceptance twice, and before it is so, begins the work once and when it is so', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  gateway.wallet.tellsFirst = ['accepted', 'settled', 'open', 'accepted']
  const { invoice, paymentHash } = (await send(gateway, request)).json()
  await passed(500)
  expect([upstream.calls.length, await heldStates(gateway, paymentHash)]).toEqual([0, [undefined, undefined, 'open']])
  await gateway.wallet.pay(invoice, within())
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', 'captured', 'settled'])
  expect([upstream.calls.length, gateway.wallet.told]).toEqual([1, ['settle']])
})

test('a wallet that tells of acceptance and knows no such payment when asked begins nothing', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  gateway.wallet.tellsFirst = ['accepted']
  gateway.wallet.saysOfHold = () => 'unknown'
  const { invoice, paymentHash } = (await send(gateway, request)).json()
  const paying = gateway.wallet.pay(invoice, within())
  await passed(500)
  expect([upstream.calls.length, await heldStates(gateway, paymentHash)]).toEqual([
    0,
    [undefined, undefined, 'accepted'],
  ])
  gateway.wallet.saysOfHold = undefined
  await paying
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', 'captured', 'settled'])
})

test('holds of other programs on the same wallet are left alone, through sales, failures and a restart', async () => {
  await using upstream = await openUpstream()
  const first = await openGateway({ config: sellsHeld(upstream.url) })
  const preimage = randomBytes(32)
  const paymentHash = createHash('sha256').update(preimage).digest('hex')
  const invoice = await first.wallet.node.createHoldInvoice(
    {
      paymentHash,
      amountMsat: 5_000n,
      description: 'another program',
      expirySeconds: 600,
      idempotencyKey: 'another program',
      cltvExpiryBlocks: 80,
    },
    within(),
  )
  const theirs = first.wallet.pay(invoice.bolt11, within()).catch(() => undefined)
  const one = await beginToPay(first, request)
  expect(await one.paying).toHaveProperty('paid')
  upstream.answer = answerWith(422)
  const two = await beginToPay(first, requestNumber(2))
  expect(await two.paying).toHaveProperty('refused')
  expect(first.wallet.toldOf).toEqual([one.paymentHash, two.paymentHash])
  await using gateway = await first.restart()
  await theirs
  await passed(500)
  expect(await heldStates(gateway, paymentHash)).toEqual([undefined, undefined, 'accepted'])
  expect(gateway.wallet.toldOf).toEqual([])
})

const outage = () => Promise.reject(new WalletError('timeout', 'the wallet did not answer in time'))

test.for([
  ['before it is taken', 'beforeTelling', ['settle', 'settle', 'settle']],
  ['after it was taken', 'afterTelling', ['settle']],
] as const)('a settlement that times out %s is carried out once', async ([, when, told]) => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  let times = 2
  gateway.wallet[when] = () => (times-- > 0 ? outage() : Promise.resolve())
  const { paying, paymentHash } = await beginToPay(gateway, request)
  const ended = await paying
  if (!('paid' in ended)) throw new Error(ended.refused)
  expect((await send(gateway, paid(request, ended.paid))).status).toBe(200)
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', 'captured', 'settled'])
  expect([gateway.wallet.told, upstream.calls.length]).toEqual([told, 1])
})

test('a stored result whose payment the wallet lost is never delivered', async () => {
  await using upstream = await openUpstream(answerWith(200, 'what was made'))
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  let preimage = ''
  gateway.wallet.beforeTelling = async (_what, paymentHash) => {
    preimage = await preimageOf(gateway, paymentHash)
    await gateway.wallet.node.cancelHold(paymentHash, within())
  }
  const { paying, paymentHash, token } = await beginToPay(gateway, request)
  expect(await paying).toHaveProperty('refused')
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['cancelled', 'captured', 'cancelled'])
  const answer = await send(gateway, { ...request, headers: { authorization: `L402 ${token}:${preimage}` } })
  expect([answer.status, answer.json().code]).toEqual([402, 'payment_cancelled'])
  expect(answer.text).not.toContain('what was made')
})

test('a stored result whose invoice the wallet shows as unpaid again is closed and never delivered', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  gateway.wallet.beforeTelling = (what) => {
    gateway.wallet.saysOfHold = () => 'open'
    return what === 'settle' ? outage() : Promise.resolve()
  }
  const { paying, paymentHash } = await beginToPay(gateway, request)
  expect(await paying).toHaveProperty('refused')
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['cancelled', 'captured', 'cancelled'])
})

test('a payment that is gone before the work began costs no work', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  const said: HoldState[] = ['accepted']
  gateway.wallet.saysOfHold = () => said.shift() ?? 'cancelled'
  const { paymentHash, paying } = await beginToPay(gateway, request)
  const ledgerSays = async () => (await heldStates(gateway, paymentHash)).slice(0, 2)
  await expect.poll(ledgerSays, soon).toEqual(['cancelled', 'retryable'])
  expect(upstream.calls).toHaveLength(0)
  await gateway.wallet.node.cancelHold(paymentHash, within())
  await paying
})

test('a payment that the wallet has taken and does not find for a moment leaves its buyer a good token', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  const said: HoldState[] = ['unknown', 'unknown']
  gateway.wallet.afterTelling = () => {
    gateway.wallet.saysOfHold = () => said.shift()
    return outage()
  }
  const { paying, paymentHash } = await beginToPay(gateway, request)
  const ended = await paying
  if (!('paid' in ended)) throw new Error(ended.refused)
  gateway.wallet.beforeTelling = outage
  await expect.poll(() => said.length, soon).toBe(0)
  const answer = await send(gateway, paid(request, ended.paid))
  expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', 'captured', 'settled'])
})

test('a payment that the wallet does not find for a moment is not left locked in', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  const said: HoldState[] = ['accepted', 'unknown', 'unknown']
  gateway.wallet.beforeTelling = () => (said.length > 0 ? outage() : Promise.resolve())
  gateway.wallet.saysOfHold = () => said.shift()
  const { paymentHash, paying } = await beginToPay(gateway, request)
  expect(await paying).toHaveProperty('refused')
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['cancelled', 'retryable', 'cancelled'])
})

test('a payment that the wallet took although it was to be let go leaves its buyer a good token', async () => {
  await using upstream = await openUpstream(answerWith(422))
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  gateway.wallet.beforeTelling = async (_what, paymentHash) => {
    const preimage = await preimageOf(gateway, paymentHash)
    await gateway.wallet.node.settleHold(paymentHash, preimage, within())
  }
  const { paying, paymentHash } = await beginToPay(gateway, request)
  const ended = await paying
  if (!('paid' in ended)) throw new Error(ended.refused)
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', 'refused', 'settled'])
  const answer = await send(gateway, paid(request, ended.paid))
  expect([answer.status, answer.headers['l402-payment']]).toEqual([422, 'unspent'])
})

test('a request that cannot be opened any more is not worked for, and its payment is let go', async () => {
  await using upstream = await openUpstream()
  const first = await openGateway({ config: sellsHeld(upstream.url) })
  const { invoice, paymentHash } = (await send(first, request)).json()
  await using gateway = await first.restart()
  const database = new Database(join(gateway.dataDir, 'ledger.sqlite'))
  database.exec('UPDATE offer SET sealed_request = zeroblob(100)')
  database.close()
  await expect(gateway.wallet.pay(invoice, within())).rejects.toThrow('nothing is charged')
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['cancelled', 'retryable', 'cancelled'])
  expect(upstream.calls).toHaveLength(0)
})

test.for(['accept', 'decideToSettle', 'decideToCancel', 'conclude'] as const)(
  'a commit (%s) whose answer is lost leaves nothing held',
  async (operation) => {
    const fails = operation === 'decideToCancel'
    await using upstream = await openUpstream(fails ? answerWith(422) : undefined)
    await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
    const holds = holdsIn(gateway)
    const real = holds[operation].bind(holds) as (...args: unknown[]) => Promise<boolean>
    let lost = 0
    vi.spyOn(holds, operation).mockImplementation(async (...args: unknown[]) => {
      const done = await real(...args)
      if (done && lost++ === 0) throw new LedgerError('io', 'the disk gave no answer')
      return done
    })
    const { paying, paymentHash } = await beginToPay(gateway, request)
    expect(await paying).toHaveProperty(fails ? 'refused' : 'paid')
    const over = fails ? ['cancelled', 'refused', 'cancelled'] : ['settled', 'captured', 'settled']
    await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(over)
    expect([lost > 0, upstream.calls.length]).toEqual([true, 1])
  },
)
