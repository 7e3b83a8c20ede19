import { expect } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import {
  type InvoiceRequest,
  type IssuedInvoice,
  type Settlement,
  type Wallet,
  WalletError,
  type WalletErrorCode,
} from '#src/ports/wallet.ts'
import type { Breakage, SetupFault, WalletSubject } from './subject.ts'

interface ContractCase {
  readonly name: string
  run(subject: WalletSubject): Promise<void>
}

let requests = 0

const aRequest = (overrides: Partial<InvoiceRequest> = {}): InvoiceRequest => ({
  amountMsat: 21_000n,
  description: 'voice-clone',
  expirySeconds: 600,
  idempotencyKey: `contract ${process.pid} ${++requests}`,
  ...overrides,
})

const withinMs = (ms: number): AbortSignal => AbortSignal.timeout(ms)
/** What fails at once, again and again, would leave no time for anything else. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 50))
const soon = (): AbortSignal => withinMs(8_000)

async function started(subject: WalletSubject): Promise<Wallet> {
  const wallet = await subject.open()
  await wallet.start(soon())
  return wallet
}

async function makesExactly(wallet: Wallet, amountMsat: bigint): Promise<IssuedInvoice> {
  const beforeSeconds = Math.floor(Date.now() / 1000)
  const issued = await wallet.createInvoice(aRequest({ amountMsat }), soon())
  const invoice = decodeInvoice(issued.bolt11, { signature: 'verify' })
  expect(invoice).toMatchObject({ amountMsat, paymentHash: issued.paymentHash, network: 'bcrt' })
  expect(issued.amountMsat).toBe(amountMsat)
  expect(issued.expiresAt).toBe(invoice.expiresAt)
  expect(issued.expiresAt).toBeGreaterThanOrEqual(beforeSeconds + 300)
  return issued
}

async function failure(promise: Promise<unknown>): Promise<WalletError> {
  const thrown = await promise.then(
    (value) => expect.fail(`resolved: ${typeof value}`),
    (reason: unknown) => reason,
  )
  if (!(thrown instanceof WalletError)) expect.fail(`not a WalletError: ${String(thrown)}`)
  return thrown
}

/** Message, stack and causes say nothing secret. */
function expectNoSecrets(subject: WalletSubject, thrown: unknown): void {
  const said: string[] = []
  for (let at: unknown = thrown; at instanceof Error; at = at.cause) said.push(at.message, at.stack ?? '')
  for (const secret of subject.fake.secrets()) expect(said.join('\n').includes(secret)).toBe(false)
}

async function next(wallet: Wallet, cursor: string | undefined, paymentHash: string): Promise<Settlement> {
  const signal = soon()
  while (!signal.aborted) {
    // A stream may end, or fail, at any time; whoever listens starts it again with the last cursor.
    try {
      for await (const settlement of wallet.settlements?.(cursor, signal) ?? []) {
        cursor = settlement.cursor ?? cursor
        if (settlement.paymentHash === paymentHash) return settlement
      }
    } catch (thrown) {
      if (!(thrown instanceof WalletError)) throw thrown
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return expect.fail('the settlement was not told')
}

/** A settlement that is told while the stream is known to be open. */
async function settleWhileListening(subject: WalletSubject, wallet: Wallet): Promise<Settlement> {
  const { paymentHash } = await wallet.createInvoice(aRequest(), soon())
  const told = next(wallet, undefined, paymentHash)
  await new Promise((resolve) => setTimeout(resolve, 500))
  await subject.fake.settle(paymentHash)
  return await told
}

const breakages: Readonly<Record<Breakage, readonly WalletErrorCode[]>> = {
  '401': ['unauthorized'],
  '429': ['rate_limited'],
  '5xx': ['unavailable'],
  hang: ['timeout'],
  garbage: ['protocol', 'unavailable'],
  'half-open': ['timeout'],
}

const faults: Readonly<Record<SetupFault, readonly WalletErrorCode[]>> = {
  credential: ['unauthorized'],
  certificate: ['unauthorized', 'protocol', 'rejected'],
  network: ['rejected'],
  unreachable: ['unavailable', 'timeout'],
}

const making: readonly ContractCase[] = [
  {
    name: 'makes an invoice over 1 msat, or refuses it where its unit is larger',
    async run(subject) {
      await using wallet = await started(subject)
      if (wallet.capabilities.unitMsat === 1n) await makesExactly(wallet, 1n)
      else expect((await failure(wallet.createInvoice(aRequest({ amountMsat: 1n }), soon()))).code).toBe('bad_amount')
    },
  },
  {
    name: 'makes an invoice over 1 sat',
    async run(subject) {
      await using wallet = await started(subject)
      await makesExactly(wallet, 1000n)
    },
  },
  {
    name: 'makes invoices to its unit exactly, and refuses what lies between',
    async run(subject) {
      await using wallet = await started(subject)
      const { unitMsat } = wallet.capabilities
      await makesExactly(wallet, 1234n * unitMsat)
      if (unitMsat === 1n) await makesExactly(wallet, 1_234_567n)
      else {
        const between = wallet.createInvoice(aRequest({ amountMsat: 1234n * unitMsat + 1n }), soon())
        expect((await failure(between)).code).toBe('bad_amount')
      }
    },
  },
  {
    name: 'makes many invoices at once, each with a hash of its own',
    async run(subject) {
      await using wallet = await started(subject)
      const issued = await Promise.all(Array.from({ length: 20 }, () => wallet.createInvoice(aRequest(), soon())))
      expect(new Set(issued.map(({ paymentHash }) => paymentHash)).size).toBe(20)
    },
  },
  {
    name: 'after a lost reply the same request gets an invoice',
    async run(subject) {
      await using wallet = await started(subject)
      subject.fake.loseNextReply()
      const request = aRequest()
      const first = await wallet.createInvoice(request, soon()).catch((thrown: unknown) => thrown)
      if (first instanceof Error) expect(first).toBeInstanceOf(WalletError)
      const { paymentHash } = await wallet.createInvoice(request, soon())
      expect(await wallet.lookup({ paymentHash, ref: paymentHash }, soon())).toMatchObject({ state: 'open' })
    },
  },
  {
    name: 'after a lost reply the same request gets the same invoice',
    async run(subject) {
      await using wallet = await started(subject)
      const before = subject.fake.invoices()
      subject.fake.loseNextReply()
      const request = aRequest()
      await wallet.createInvoice(request, soon()).catch(() => undefined)
      const again = await wallet.createInvoice(request, soon())
      expect(subject.fake.invoices() - before).toBe(1)
      expect((await wallet.createInvoice(request, soon())).paymentHash).toBe(again.paymentHash)
      expect(subject.fake.invoices() - before).toBe(1)
    },
  },
]

const looking: readonly ContractCase[] = [
  {
    name: 'does not know a hash that it never made',
    async run(subject) {
      await using wallet = await started(subject)
      const paymentHash = 'ab'.repeat(32)
      expect(await wallet.lookup({ paymentHash, ref: paymentHash }, soon())).toEqual({ state: 'unknown' })
    },
  },
  {
    name: 'tells an open invoice from a paid one',
    async run(subject) {
      await using wallet = await started(subject)
      const issued = await wallet.createInvoice(aRequest(), soon())
      expect(await wallet.lookup(issued, soon())).toEqual({ state: 'open' })
      await subject.fake.settle(issued.paymentHash)
      const settled = await wallet.lookup(issued, soon())
      expect(settled).toMatchObject({ state: 'settled' })
      expect(JSON.stringify(Object.values(settled), (_, value: unknown) => String(value))).not.toMatch(/[0-9a-f]{64}/)
    },
  },
  {
    name: 'tells an expired invoice',
    async run(subject) {
      await using wallet = await started(subject)
      const issued = await wallet.createInvoice(aRequest(), soon())
      subject.fake.expire(issued.paymentHash)
      expect(['expired', 'unknown']).toContain((await wallet.lookup(issued, soon())).state)
    },
  },
]

const settling: readonly ContractCase[] = [
  {
    name: 'tells a settlement while connected',
    async run(subject) {
      await using wallet = await started(subject)
      const settlement = await settleWhileListening(subject, wallet)
      expect(Math.abs(settlement.settledAtMs - Date.now())).toBeLessThan(60_000)
    },
  },
  {
    name: 'knows of a settlement that came while disconnected',
    async run(subject) {
      await using wallet = await started(subject)
      const { cursor } = wallet.settlements ? await settleWhileListening(subject, wallet) : {}
      const issued = await wallet.createInvoice(aRequest(), soon())
      // Something else after the settlement, so that no adapter takes the last event for its place.
      await wallet.createInvoice(aRequest(), soon())
      await subject.fake.stop()
      await subject.fake.settle(issued.paymentHash)
      await subject.fake.start()
      if (wallet.capabilities.push === 'resumable') await next(wallet, cursor, issued.paymentHash)
      const signal = soon()
      let state = ''
      while (state !== 'settled' && !signal.aborted) {
        await aMoment()
        state = await wallet.lookup(issued, withinMs(3_000)).then(
          (found) => found.state,
          () => '',
        )
      }
      expect(state).toBe('settled')
    },
  },
  {
    name: 'knows of a settlement that came between two runs of the gateway',
    async run(subject) {
      const before = await started(subject)
      const { cursor } = before.settlements ? await settleWhileListening(subject, before) : {}
      const issued = await before.createInvoice(aRequest(), soon())
      await before[Symbol.asyncDispose]()
      await subject.fake.settle(issued.paymentHash)
      await using after = await started(subject)
      if (after.capabilities.push === 'resumable') await next(after, cursor, issued.paymentHash)
      expect(await after.lookup(issued, soon())).toMatchObject({ state: 'settled' })
    },
  },
]

const failing = Object.entries(breakages).map(
  ([breakage, codes]): ContractCase => ({
    name: `answers ${breakage} with a WalletError, and works again after it`,
    async run(subject) {
      await using wallet = await started(subject)
      const issued = await wallet.createInvoice(aRequest(), soon())
      subject.fake.breakWith(breakage as Breakage)
      const patienceMs = codes.includes('timeout') ? 700 : 8_000
      for (const call of [
        (signal: AbortSignal) => wallet.createInvoice(aRequest(), signal),
        (signal: AbortSignal) => wallet.lookup(issued, signal),
      ]) {
        const begunMs = performance.now()
        const thrown = await failure(call(withinMs(patienceMs)))
        expect(codes, thrown.message).toContain(thrown.code)
        expect(performance.now() - begunMs).toBeLessThan(patienceMs + 1_500)
        expectNoSecrets(subject, thrown)
      }
      const health = await wallet.health(withinMs(patienceMs))
      expect(health.ok).toBe(false)
      expect(health.detail).toMatch(/\S/)
      for (const secret of subject.fake.secrets()) expect(JSON.stringify(health).includes(secret)).toBe(false)
      subject.fake.breakWith(undefined)
      const signal = soon()
      let works = false
      while (!works && !signal.aborted) {
        await aMoment()
        works = await wallet.createInvoice(aRequest(), withinMs(2_000)).then(
          () => true,
          () => false,
        )
      }
      expect(works).toBe(true)
      expect((await wallet.health(soon())).ok).toBe(true)
    },
  }),
)

const starting = Object.entries(faults).map(
  ([fault, codes]): ContractCase => ({
    name: `does not start with a wrong ${fault}`.replace('a wrong unreachable', 'nobody at its address'),
    async run(subject) {
      await using wallet = await subject.openWith(fault as SetupFault)
      const thrown = await failure(wallet.start(withinMs(5_000)))
      expect(codes, thrown.message).toContain(thrown.code)
      expect(thrown.message).toMatch(/^[^.].{20,300}\.$/s)
      expectNoSecrets(subject, thrown)
    },
  }),
)

const ending: readonly ContractCase[] = [
  {
    name: 'leaves no connection open when it is closed',
    async run(subject) {
      const wallet = await started(subject)
      await wallet.createInvoice(aRequest(), soon())
      const stream = wallet.settlements?.(undefined, soon())[Symbol.asyncIterator]()
      const waiting = stream?.next().catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 200))
      await wallet[Symbol.asyncDispose]()
      await waiting
      const signal = withinMs(3_000)
      while (subject.fake.connections() > 0 && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 20))
      expect(subject.fake.connections()).toBe(0)
    },
  },
]

export const contractCases: readonly ContractCase[] = [
  ...making,
  ...looking,
  ...settling,
  ...failing,
  ...starting,
  ...ending,
]
