import { setTimeout as sleep } from 'node:timers/promises'
import { reach } from '../../failpoints.ts'
import type { Clock } from '../../ports/clock.ts'
import type { HoldState, HoldWallet } from '../../ports/hold-wallet.ts'
import type { Holds } from '../../ports/holds.ts'
import { LedgerError } from '../../ports/ledger.ts'
import { WalletError } from '../../ports/wallet.ts'

export interface Concluding {
  readonly holds: Holds
  readonly wallet: HoldWallet
  readonly paymentHash: string
  /** 64 hex digits. */
  readonly preimage: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

const callTimeoutMs = 10_000
const [firstPauseMs, longestPauseMs] = [500, 30_000]
/** A wallet that does not find a payment may find it a moment later; said this often, it is the answer. */
const answersToBelieve = 4

/**
 * Carries a committed decision out: tells the wallet until it is done, and writes the end down. After a crash it is
 * simply called again.
 * @returns what became of the payment; undefined when the signal came first
 */
export async function concludeHold(
  decision: 'settle' | 'cancel',
  concluding: Concluding,
): Promise<'settled' | 'cancelled' | undefined> {
  const { holds, wallet, paymentHash, clock, signal } = concluding
  const isUnknown = answeredOften()
  const tell = () => (decision === 'settle' ? settle(concluding, isUnknown) : letGo(wallet, paymentHash, isUnknown))
  return await untilDone(signal, async () => {
    reach('hold_telling')
    const end = await tell()
    if (end === undefined) return undefined
    reach('hold_told')
    await holds.conclude(paymentHash, end, clock.nowMs())
    reach('hold_ended')
    return end
  })
}

/** Repeats what the wallet or the ledger could not do just now. */
export async function untilDone<T>(signal: AbortSignal, attempt: () => Promise<T | undefined>): Promise<T | undefined> {
  for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      const done = await attempt()
      if (done !== undefined) return done
    } catch (thrown) {
      if (!(thrown instanceof WalletError) && !(thrown instanceof LedgerError)) throw thrown
    }
    await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
  }
  return undefined
}

/** @returns counts a wallet's answer that it knows no such payment, and says whether that is to be believed */
export function answeredOften(): () => boolean {
  let times = 0
  return () => ++times >= answersToBelieve
}

async function settle(
  { wallet, paymentHash, preimage }: Concluding,
  isUnknown: () => boolean,
): Promise<'settled' | 'cancelled' | undefined> {
  try {
    await wallet.settleHold(paymentHash, preimage, AbortSignal.timeout(callTimeoutMs))
    return 'settled'
  } catch (thrown) {
    if (!(thrown instanceof WalletError)) throw thrown
  }
  // Whatever was said: what the wallet has is the truth.
  switch (await lookUp(wallet, paymentHash)) {
    case 'settled':
      return 'settled'
    case 'cancelled':
      return 'cancelled'
    case 'unknown':
      return isUnknown() ? 'cancelled' : undefined
    // Nothing is locked in any more, and nobody shall pay now for what they were told is not delivered.
    case 'open':
      return await letGo(wallet, paymentHash, isUnknown)
    case 'accepted':
      return undefined
  }
}

/**
 * Asks the wallet to let a payment go, or to close an invoice that nobody has paid.
 * @returns `settled` when the wallet has taken it before, undefined when it does not say what has become of it
 * @throws WalletError
 */
export async function letGo(
  wallet: HoldWallet,
  paymentHash: string,
  isUnknown: () => boolean,
): Promise<'settled' | 'cancelled' | undefined> {
  try {
    await wallet.cancelHold(paymentHash, AbortSignal.timeout(callTimeoutMs))
    return 'cancelled'
  } catch (thrown) {
    if (!(thrown instanceof WalletError)) throw thrown
  }
  switch (await lookUp(wallet, paymentHash)) {
    case 'cancelled':
      return 'cancelled'
    case 'unknown':
      return isUnknown() ? 'cancelled' : undefined
    case 'settled':
      return 'settled'
    case 'open':
    case 'accepted':
      return undefined
  }
}

export const lookUp = (wallet: HoldWallet, paymentHash: string): Promise<HoldState> =>
  wallet.lookupHold(paymentHash, AbortSignal.timeout(callTimeoutMs))
