import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDevWallet } from '#src/lightning/dev/dev-wallet.ts'
import { HoldFile } from '#src/lightning/dev/hold-file.ts'
import { systemClock } from '#src/ports/clock.ts'
import { WalletError } from '#src/ports/wallet.ts'
import { aHold } from './hold-contract-steps.ts'
import type { HoldSubject, HoldWalletUnderTest, Paying } from './hold-subject.ts'

type DevWallet = ReturnType<typeof openDevWallet>

/** The development wallet is its own server, and its buyers pay with it. */
async function makeDev(): Promise<HoldSubject> {
  const folder = await mkdtemp(join(tmpdir(), 'turnpike-dev-holder-'))
  let laterMs = 0
  const clock = { nowMs: () => systemClock.nowMs() + laterMs, monotonicMs: () => systemClock.monotonicMs() }
  const openWallet = () => openDevWallet({ name: 'dev', file: join(folder, 'dev.sqlite'), clock })
  let latest: DevWallet | undefined
  let over = false

  function find(paymentHash: string) {
    using file = new HoldFile(join(folder, 'dev-holds.sqlite'))
    return file.find(paymentHash)
  }

  async function endOf(paymentHash: string): Promise<string | undefined> {
    for (;;) {
      if (over) return undefined
      const hold = find(paymentHash)
      if (hold?.state === 'settled') return hold.preimage
      if (hold?.state !== 'accepted') return undefined
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async function payWith(wallet: DevWallet, paymentHash: string): Promise<Paying> {
    const locked = AbortSignal.timeout(50)
    await wallet.pay(find(paymentHash)?.bolt11 ?? '', locked).catch((thrown: unknown) => {
      if (!(thrown instanceof WalletError) || thrown.code === 'unavailable') throw thrown
    })
    return { ended: endOf(paymentHash) }
  }

  const none = (): never => {
    throw new Error('the development wallet has no such thing')
  }
  return {
    async open() {
      latest = openWallet()
      return latest
    },
    async pay(paymentHash) {
      try {
        if (latest) return await payWith(latest, paymentHash)
      } catch (thrown) {
        if (!(thrown instanceof WalletError)) throw thrown
      }
      await using another = openWallet()
      return await payWith(another, paymentHash)
    },
    stateOf: (paymentHash) => find(paymentHash)?.state ?? 'unknown',
    async foreign(paymentHash) {
      await using another = openWallet()
      await another.createHoldInvoice(
        aHold(paymentHash, { description: 'of another program' }),
        AbortSignal.timeout(1e3),
      )
    },
    expire() {
      laterMs += 601_000
    },
    restart: async () => undefined,
    stop: none,
    start: none,
    repeat: none,
    breakWith: none,
    loseReplyTo: none,
    invoices: (paymentHash) => (find(paymentHash) ? 1 : 0),
    connections: () => 0,
    secrets: () => [],
    async [Symbol.asyncDispose]() {
      over = true
      await rm(folder, { recursive: true })
    },
  }
}

const noServer = 'It has no server that could do so.'

export const devHolder: HoldWalletUnderTest = {
  kind: 'dev',
  make: makeDev,
  lacks: Object.fromEntries(
    [
      'gives the same invoice after the reply to the first call was lost',
      'tells of a payment locked in while disconnected',
      'has the payment still held after its server was restarted',
      'says nothing new when it is told again or out of order',
      'can settle again after the reply was lost',
      'can cancel again after the reply was lost',
      ...['401', '429', '5xx', 'hang', 'garbage', 'half-open'].map(
        (breakage) => `answers ${breakage} in time without deciding anything, and works again after it`,
      ),
    ].map((name) => [name, noServer]),
  ),
}
