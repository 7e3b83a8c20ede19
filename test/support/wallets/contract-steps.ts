import { expect } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import {
  type InvoiceRequest,
  type IssuedInvoice,
  type Settlement,
  type Wallet,
  WalletError,
} from '#src/ports/wallet.ts'
import type { WalletSubject } from './subject.ts'

export interface ContractCase {
  readonly name: string
  readonly run: (subject: WalletSubject) => Promise<void>
}

let requests = 0

export const aRequest = (overrides: Partial<InvoiceRequest> = {}): InvoiceRequest => ({
  amountMsat: 21_000n,
  description: 'voice-clone',
  expirySeconds: 600,
  idempotencyKey: `contract ${process.pid} ${++requests}`,
  ...overrides,
})

export const withinMs = (ms: number): AbortSignal => AbortSignal.timeout(ms)
/** What fails at once, again and again, would leave no time for anything else. */
export const aMoment = () => new Promise((resolve) => setTimeout(resolve, 50))
export const soon = (): AbortSignal => withinMs(8_000)

export async function started(subject: WalletSubject): Promise<Wallet> {
  const wallet = await subject.open()
  await wallet.start(soon())
  return wallet
}

export async function makesExactly(wallet: Wallet, amountMsat: bigint): Promise<IssuedInvoice> {
  const beforeSeconds = Math.floor(Date.now() / 1000)
  const issued = await wallet.createInvoice(aRequest({ amountMsat }), soon())
  const invoice = decodeInvoice(issued.bolt11, { signature: 'verify' })
  expect(invoice).toMatchObject({ amountMsat, paymentHash: issued.paymentHash, network: 'bcrt' })
  expect(issued.amountMsat).toBe(amountMsat)
  expect(issued.expiresAt).toBe(invoice.expiresAt)
  expect(issued.expiresAt).toBeGreaterThanOrEqual(beforeSeconds + 300)
  return issued
}

export async function failure(promise: Promise<unknown>): Promise<WalletError> {
  const thrown = await promise.then(
    (value) => expect.fail(`resolved: ${typeof value}`),
    (reason: unknown) => reason,
  )
  if (!(thrown instanceof WalletError)) expect.fail(`not a WalletError: ${String(thrown)}`)
  return thrown
}

/** Message, stack and causes say nothing secret. */
export function expectNoSecrets(subject: WalletSubject, thrown: unknown): void {
  const said: string[] = []
  for (let at: unknown = thrown; at instanceof Error; at = at.cause) said.push(at.message, at.stack ?? '')
  for (const secret of subject.fake.secrets()) expect(said.join('\n').includes(secret)).toBe(false)
}

export async function next(wallet: Wallet, cursor: string | undefined, paymentHash: string): Promise<Settlement> {
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
export async function settleWhileListening(subject: WalletSubject, wallet: Wallet): Promise<Settlement> {
  const { paymentHash } = await wallet.createInvoice(aRequest(), soon())
  const told = next(wallet, undefined, paymentHash)
  await new Promise((resolve) => setTimeout(resolve, 500))
  await subject.fake.settle(paymentHash)
  return await told
}
