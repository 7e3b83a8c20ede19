import { expect } from 'vitest'
import { WalletError } from '#src/ports/wallet.ts'
import { failureCases } from './contract-failures.ts'
import {
  aMoment,
  aRequest,
  type ContractCase,
  failure,
  makesExactly,
  next,
  settleWhileListening,
  soon,
  started,
  withinMs,
} from './contract-steps.ts'

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

export const contractCases: readonly ContractCase[] = [...making, ...looking, ...settling, ...failureCases, ...ending]
