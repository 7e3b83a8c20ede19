import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { buildCatalog } from '#src/catalog/build.ts'
import { loadConfigText } from '#src/config/load.ts'
import type { HoldState } from '#src/ports/hold-wallet.ts'
import type { Holds } from '#src/ports/holds.ts'
import { LedgerError } from '#src/ports/ledger.ts'
import { WalletError } from '#src/ports/wallet.ts'
import { answerWith, inTurn, makeGate } from '../../support/answers.ts'
import { paid, send } from '../../support/buyer.ts'
import { TestClock } from '../../support/clock.ts'
import { CountingWallet } from '../../support/counting-wallet.ts'
import { openGateway, type TestGateway } from '../../support/gateway.ts'
import { requestNumber } from '../../support/guards.ts'
import { beginToPay } from '../../support/held.ts'
import { heldStates, holdsIn, sellsHeld } from '../../support/held-shop.ts'
import { echo, openUpstream } from '../../support/upstream.ts'

vi.setConfig({ testTimeout: 40_000 })
afterEach(() => void vi.restoreAllMocks())

const soon = { timeout: 15_000 }
const request = requestNumber(1)
const within = () => AbortSignal.timeout(20_000)
const outage = () => Promise.reject(new WalletError('timeout', 'the wallet did not answer in time'))
const noDisk = () => Promise.reject(new LedgerError('io', 'the disk gave no answer'))

/** A gateway that stored a result and ended before it could decide to take the payment. */
async function storedAndUndecided(
  upstream: string,
): Promise<{ first: TestGateway; invoice: string; paymentHash: string }> {
  const first = await openGateway({ config: sellsHeld(upstream) })
  vi.spyOn(holdsIn(first), 'decideToSettle').mockImplementation(noDisk)
  const { invoice, paymentHash } = await beginToPay(first, request)
  await expect.poll(() => heldStates(first, paymentHash), soon).toEqual(['held', 'captured', 'accepted'])
  return { first, invoice, paymentHash }
}

test.for(['unknown', 'cancelled'] as const)(
  'a result that is stored is paid for when the wallet calls its payment %s for a moment after a restart',
  async (said) => {
    await using upstream = await openUpstream()
    const { first, invoice, paymentHash } = await storedAndUndecided(upstream.url)
    vi.spyOn(CountingWallet.prototype, 'lookupHold').mockResolvedValueOnce(said)
    await using gateway = await first.restart()
    expect(await gateway.wallet.pay(invoice, within())).toMatch(/^[0-9a-f]{64}$/)
    await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', 'captured', 'settled'])
    expect(gateway.wallet.told).toEqual(['settle'])
  },
)

test('a payment that is gone before the work began is decided before the wallet is told of it', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
  const said: HoldState[] = ['accepted', 'unknown']
  gateway.wallet.saysOfHold = () => said.shift()
  let whenTold: string | undefined
  gateway.wallet.beforeTelling = async (_what, paymentHash) => {
    whenTold ??= (await heldStates(gateway, paymentHash))[0]
  }
  const { paymentHash, paying } = await beginToPay(gateway, request)
  expect(await paying).toHaveProperty('refused')
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['cancelled', 'retryable', 'cancelled'])
  expect([whenTold, upstream.calls.length]).toEqual(['cancelling', 0])
})

test.for([
  ['cancelled', 'with its request'],
  ['unknown', 'with its request'],
  ['cancelled', 'of its job'],
] as const)(
  'a buyer whose payment was taken while the wallet called it %s gets the result %s, and is not asked to pay again',
  async ([said, how]) => {
    await using upstream = await openUpstream(answerWith(200, 'what was made'))
    await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
    gateway.wallet.afterTelling = () => {
      gateway.wallet.saysOfHold = () => said
      gateway.wallet.beforeTelling = outage
      return outage()
    }
    const { paying, paymentHash } = await beginToPay(gateway, request)
    const ended = await paying
    if (!('paid' in ended)) throw new Error(ended.refused)
    await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['cancelled', 'captured', 'settled'])
    vi.spyOn(gateway.wallet, 'lookupHold').mockImplementationOnce(outage)
    const unsure = await send(gateway, paid(request, ended.paid))
    expect([unsure.status, unsure.json().code]).toEqual([503, 'settlement_pending'])
    gateway.wallet.saysOfHold = undefined
    const record = await gateway.running.context.ledger.read(paymentHash)
    const job = { method: 'GET', path: `/l402/jobs/${record?.job.id}/result` }
    const answer = await send(gateway, paid(how === 'of its job' ? job : request, ended.paid))
    expect([answer.status, answer.text]).toEqual([200, 'what was made'])
    expect(await heldStates(gateway, paymentHash)).toEqual(['settled', 'captured', 'settled'])
    expect((await send(gateway, paid(request, ended.paid))).headers['l402-payment']).toBe('replayed')
    expect(upstream.calls).toHaveLength(1)
  },
)

test('an offer from before a restart can be paid for as long as its invoice can', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream()
  const first = await openGateway({ config: sellsHeld(upstream.url), clock })
  const { invoice, paymentHash } = (await send(first, request)).json()
  await using gateway = await first.restart()
  await passed(200)
  clock.advance(90_000)
  expect(await gateway.wallet.pay(invoice, within())).toMatch(/^[0-9a-f]{64}$/)
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', 'captured', 'settled'])
})

test('a payment that was made while no gateway ran, long ago, is let go', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream()
  const first = await openGateway({ config: sellsHeld(upstream.url), clock })
  const { invoice, paymentHash } = (await send(first, request)).json()
  vi.spyOn(CountingWallet.prototype, 'lookupHold').mockImplementation(outage)
  const paying = first.wallet.pay(invoice, within()).catch(() => undefined)
  await passed(200)
  vi.restoreAllMocks()
  clock.advance(90_000)
  await using gateway = await first.restart()
  await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual([undefined, undefined, 'cancelled'])
  await paying
  expect(upstream.calls).toHaveLength(0)
})

test('a clock that is set back between two tries holds no payment beyond its patience', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream(answerWith(503))
  await using gateway = await openGateway({ config: sellsHeld(upstream.url, { hold: '3s' }), clock })
  const { paying } = await beginToPay(gateway, request)
  const beganMs = performance.now()
  await expect.poll(() => upstream.calls.length, soon).toBe(1)
  clock.step(-30_000)
  expect(await paying).toHaveProperty('refused')
  expect(performance.now() - beganMs).toBeLessThan(6_000)
})

test.for(['is stored', 'failed meanwhile'] as const)(
  'a payment that the wallet takes long after its work %s leaves its buyer as much time as any other',
  async (work) => {
    const clock = new TestClock(Date.now())
    const late = makeGate()
    await using upstream = await openUpstream(
      work === 'is stored'
        ? answerWith(200, 'what was made')
        : inTurn(
            async (call, outgoing, incoming) => {
              await late.opened
              await answerWith(503)(call, outgoing, incoming)
            },
            answerWith(200, 'what was made'),
          ),
    )
    const top = 'l402: { token_ttl: 30m }'
    const config = sellsHeld(upstream.url, { top, hold: '1s', lines: '    result: { ttl: 10m }' })
    await using gateway = await openGateway({ config, clock })
    let away = true
    gateway.wallet.beforeTelling = () => (away ? outage() : Promise.resolve())
    const { paying, paymentHash } = await beginToPay(gateway, request)
    const job = work === 'is stored' ? 'captured' : 'retryable'
    await expect.poll(async () => (await heldStates(gateway, paymentHash))[0], soon).toBe('settling')
    late.open()
    await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settling', job, 'accepted'])
    clock.advance(3_600_000)
    await gateway.running.context.forget()
    // That it was taken is written down a moment after the buyer has the preimage.
    vi.spyOn(holdsIn(gateway), 'conclude').mockImplementationOnce(noDisk)
    away = false
    const ended = await paying
    if (!('paid' in ended)) throw new Error(ended.refused)
    const early = await send(gateway, paid(request, ended.paid))
    expect([early.status, early.json().code]).toEqual([503, 'settlement_pending'])
    await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', job, 'settled'])
    await gateway.running.context.forget()
    const answer = await send(gateway, paid(request, ended.paid))
    expect([answer.status, answer.headers['l402-payment'], answer.text]).toEqual([200, 'spent', 'what was made'])
    clock.advance(3_600_000)
    expect((await send(gateway, paid(request, ended.paid))).status).toBe(402)
  },
)

test('a held payment is tried again at the address that a reload gave its service', async () => {
  await using broken = await openUpstream(answerWith(503))
  await using mended = await openUpstream()
  await using gateway = await openGateway({ config: sellsHeld(broken.url) })
  const { paying } = await beginToPay(gateway, request)
  await expect.poll(() => broken.calls.length, soon).toBe(1)
  const { context } = gateway.running
  const { config } = loadConfigText(sellsHeld(mended.url), join(gateway.dataDir, 'gateway.yaml'), {})
  if (!config) throw new Error('it is not good')
  const wanted = { ...config, dataDir: context.config.dataDir }
  await context.adopt(wanted, buildCatalog(wanted).catalog)
  expect(await paying).toHaveProperty('paid')
  expect([broken.calls.length, mended.calls.length]).toEqual([1, 1])
})

type Operation = keyof Holds
const failing: readonly Operation[] = ['decideToCancel', 'conclude']
const well: readonly Operation[] = ['accept', 'decideToSettle', 'conclude', 'undecided']

test.for([...failing.map((each) => [each, true] as const), ...well.map((each) => [each, false] as const)])(
  'a ledger that refuses %s (work fails: %s) twice leaves nothing held',
  async ([operation, fails]) => {
    await using upstream = await openUpstream(fails ? answerWith(422) : undefined)
    await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
    const refused = vi.spyOn(holdsIn(gateway), operation)
    refused.mockImplementationOnce(noDisk).mockImplementationOnce(noDisk)
    const { paying, paymentHash } = await beginToPay(gateway, request)
    expect(await paying).toHaveProperty(fails ? 'refused' : 'paid')
    const over = fails ? ['cancelled', 'refused', 'cancelled'] : ['settled', 'captured', 'settled']
    await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(over)
    expect(upstream.calls).toHaveLength(1)
  },
)

test.for(['read', 'claim', 'capture', 'fail', 'sealedRequest'] as const)(
  'a ledger that refuses %s twice delays a held payment and ends it once',
  async (operation) => {
    await using upstream = await openUpstream(operation === 'fail' ? inTurn(answerWith(503), echo) : undefined)
    await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
    const refused = vi.spyOn(gateway.running.context.ledger, operation)
    refused.mockImplementationOnce(noDisk).mockImplementationOnce(noDisk)
    const { paying, paymentHash } = await beginToPay(gateway, request)
    const ended = await paying
    if (!('paid' in ended)) throw new Error(ended.refused)
    expect(refused.mock.calls.length).toBeGreaterThan(1)
    await expect.poll(() => heldStates(gateway, paymentHash), soon).toEqual(['settled', 'captured', 'settled'])
    expect((await send(gateway, paid(request, ended.paid))).status).toBe(200)
  },
)
