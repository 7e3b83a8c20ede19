import { expect } from 'vitest'
import type { WalletErrorCode } from '#src/ports/wallet.ts'
import { aMoment, failure, soon, withinMs } from './contract-steps.ts'
import { aHold, aSecret, follow, type HoldCase, held, opened, patient, startedHolder } from './hold-contract-steps.ts'
import type { Breakage } from './subject.ts'

const breakages: Partial<Record<Breakage, readonly WalletErrorCode[]>> = {
  '401': ['unauthorized'],
  '429': ['rate_limited'],
  '5xx': ['unavailable'],
  hang: ['timeout'],
  garbage: ['protocol', 'unavailable'],
  'half-open': ['timeout'],
}

/** The other calls until one gets through: after a lost connection the first may still meet the old one. */
async function again(call: () => Promise<void>): Promise<void> {
  const signal = soon()
  for (;;) {
    try {
      return await call()
    } catch (thrown) {
      if (signal.aborted) throw thrown
      await aMoment()
    }
  }
}

const canRepeat = (call: 'settle' | 'cancel'): HoldCase => ({
  name: `can ${call} again after the reply was lost`,
  async run(subject) {
    await using wallet = await startedHolder(subject)
    const { paymentHash, preimage, ended } = await held(subject, wallet)
    const end = () =>
      call === 'settle' ? wallet.settleHold(paymentHash, preimage, soon()) : wallet.cancelHold(paymentHash, soon())
    subject.loseReplyTo(call)
    expect(['unavailable', 'timeout']).toContain((await failure(end())).code)
    await again(() => end())
    expect(await wallet.lookupHold(paymentHash, soon())).toBe(call === 'settle' ? 'settled' : 'cancelled')
    expect(await ended).toBe(call === 'settle' ? preimage : undefined)
  },
})

const decidesNothing = ([breakage, codes]: [string, readonly WalletErrorCode[]]): HoldCase => ({
  name: `answers ${breakage} in time without deciding anything, and works again after it`,
  async run(subject) {
    await using wallet = await startedHolder(subject)
    const { paymentHash, preimage, ended } = await held(subject, wallet)
    subject.breakWith(breakage as Breakage)
    const patienceMs = codes.includes('timeout') ? 700 : 8_000
    for (const call of [
      (signal: AbortSignal) => wallet.createHoldInvoice(aHold(aSecret().paymentHash), signal),
      (signal: AbortSignal) => wallet.lookupHold(paymentHash, signal),
      (signal: AbortSignal) => wallet.cancelHold(paymentHash, signal),
      (signal: AbortSignal) => wallet.settleHold(paymentHash, preimage, signal),
    ]) {
      const begunMs = performance.now()
      const thrown = await failure(call(withinMs(patienceMs)))
      expect(codes).toContain(thrown.code)
      expect(performance.now() - begunMs).toBeLessThan(patienceMs + 1_500)
      for (const secret of [...subject.secrets(), preimage])
        expect(`${thrown.message}${thrown.stack}`.includes(secret)).toBe(false)
    }
    expect(subject.stateOf(paymentHash)).toBe('accepted')
    subject.breakWith(undefined)
    await again(() => wallet.settleHold(paymentHash, preimage, withinMs(2_000)))
    expect(await ended).toBe(preimage)
  },
})

export const holdFailures: readonly HoldCase[] = [
  ...(['settle', 'cancel'] as const).map(canRepeat),
  ...Object.entries(breakages).map(decidesNothing),
  {
    name: 'ends what follows a hold when it is told to, and when it is closed',
    async run(subject) {
      const wallet = await startedHolder(subject)
      const { paymentHash } = await opened(wallet)
      const ending = new AbortController()
      const [stopped, closed]: [string[], string[]] = [[], []]
      const read = async (into: string[], signal: AbortSignal) => {
        for await (const state of wallet.holdStates(paymentHash, signal)) into.push(state)
      }
      const first = read(stopped, ending.signal)
      const second = read(closed, new AbortController().signal)
      await expect.poll(() => [stopped, closed], patient).toEqual([['open'], ['open']])
      ending.abort()
      await first
      await wallet[Symbol.asyncDispose]()
      await second
      await expect.poll(() => subject.connections(), patient).toBe(0)
      expect([stopped, closed]).toEqual([['open'], ['open']])
      expect((await failure(wallet.lookupHold(paymentHash, soon()))).code).toBe('unavailable')
    },
  },
  {
    name: 'does not fail when what follows a hold is closed in the middle of a change',
    async run(subject) {
      const wallet = await startedHolder(subject)
      const { paymentHash } = await held(subject, wallet)
      await using following = follow(wallet, paymentHash)
      await expect.poll(() => following.told, patient).toEqual(['accepted'])
      const cancelling = wallet.cancelHold(paymentHash, soon()).catch(() => undefined)
      await wallet[Symbol.asyncDispose]()
      await cancelling
    },
  },
]
