import { createHash, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { HoldInvoiceRequest, HoldState, HoldWallet } from '#src/ports/hold-wallet.ts'
import { WalletError } from '#src/ports/wallet.ts'
import { aMoment, soon } from './contract-steps.ts'
import type { HoldSubject } from './hold-subject.ts'

export interface HoldCase {
  readonly name: string
  readonly run: (subject: HoldSubject) => Promise<void>
}

export interface Secret {
  readonly preimage: string
  readonly paymentHash: string
}

export function aSecret(): Secret {
  const preimage = randomBytes(32)
  return { preimage: preimage.toString('hex'), paymentHash: createHash('sha256').update(preimage).digest('hex') }
}

export const aHold = (paymentHash: string, changes: Partial<HoldInvoiceRequest> = {}): HoldInvoiceRequest => ({
  paymentHash,
  amountMsat: 21_000n,
  description: 'voice-clone',
  expirySeconds: 600,
  idempotencyKey: paymentHash,
  cltvExpiryBlocks: 83,
  ...changes,
})

export async function startedHolder(subject: HoldSubject): Promise<HoldWallet> {
  const wallet = await subject.open()
  await wallet.start(soon())
  return wallet
}

/** A hold invoice that nobody has paid. */
export async function opened(wallet: HoldWallet): Promise<Secret> {
  const secret = aSecret()
  await wallet.createHoldInvoice(aHold(secret.paymentHash), soon())
  return secret
}

/** One that is paid and locked in. */
export async function held(subject: HoldSubject, wallet: HoldWallet) {
  const secret = await opened(wallet)
  const { ended } = await subject.pay(secret.paymentHash)
  expect(await wallet.lookupHold(secret.paymentHash, soon())).toBe('accepted')
  return { ...secret, ended }
}

/** What the wallet tells of one hold, subscribed again whenever it ends before its time, as the port allows. */
export function follow(wallet: HoldWallet, paymentHash: string) {
  const told: HoldState[] = []
  const ending = new AbortController()
  const done = (async () => {
    while (!ending.signal.aborted && !isLast(told.at(-1))) {
      try {
        for await (const state of wallet.holdStates(paymentHash, ending.signal)) told.push(state)
      } catch (thrown) {
        if (!(thrown instanceof WalletError)) throw thrown
      }
      await aMoment()
    }
  })()
  return {
    told,
    done,
    async [Symbol.asyncDispose]() {
      ending.abort()
      await done
    },
  }
}

const isLast = (state: HoldState | undefined): boolean => state === 'settled' || state === 'cancelled'
export const patient = { timeout: 8_000, interval: 20 }

/** A held payment of another program; it must be as it was when everything is over. */
export async function withForeign(subject: HoldSubject, run: (foreign: Secret) => Promise<void>): Promise<void> {
  const foreign = aSecret()
  await subject.foreign(foreign.paymentHash)
  await subject.pay(foreign.paymentHash)
  expect(subject.stateOf(foreign.paymentHash)).toBe('accepted')
  await run(foreign)
  expect(subject.stateOf(foreign.paymentHash)).toBe('accepted')
}
