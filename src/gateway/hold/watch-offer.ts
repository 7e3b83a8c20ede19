import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../ports/clock.ts'
import type { HoldState, HoldWallet } from '../../ports/hold-wallet.ts'
import type { HoldOffer } from '../../ports/holds.ts'
import { WalletError } from '../../ports/wallet.ts'
import { answeredOften, letGo, lookUp, untilDone } from './conclude.ts'

export interface Watching {
  readonly offer: HoldOffer
  readonly wallet: HoldWallet
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A payment may be on its way when the invoice expires. */
const graceMs = 5_000
const pauseMs = 2_000

/**
 * Waits until an offered payment is locked in, or cannot be any more; an offer that nobody paid is closed with the
 * wallet. What the wallet tells is a hint, what it is asked the truth.
 * @returns undefined when the signal came first
 */
export async function watchOffer(watching: Watching): Promise<'accepted' | 'gone' | undefined> {
  const { offer, wallet, clock, signal } = watching
  while (!signal.aborted) {
    const leftMs = offer.expiresAtMs + graceMs - clock.nowMs()
    if (leftMs <= 0) return await closeOffer(watching)
    await nextChange(
      wallet,
      offer.paymentHash,
      AbortSignal.any([signal, AbortSignal.timeout(Math.min(leftMs, 2 ** 31 - 1))]),
    )
    if (signal.aborted) return undefined
    const state = await askOrUnknown(wallet, offer.paymentHash)
    // Settled without us cannot be; whoever works for it finds out what there is.
    if (state === 'accepted' || state === 'settled') return 'accepted'
    if (state === 'cancelled') return 'gone'
    if (clock.nowMs() < offer.expiresAtMs + graceMs)
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
  }
  return undefined
}

/** Follows the wallet until it says something else than `open`, or stops saying anything. */
async function nextChange(wallet: HoldWallet, paymentHash: string, signal: AbortSignal): Promise<void> {
  try {
    for await (const state of wallet.holdStates(paymentHash, signal)) {
      if (state !== 'open') return
    }
  } catch (thrown) {
    if (!(thrown instanceof WalletError) && !signal.aborted) throw thrown
  }
}

async function askOrUnknown(wallet: HoldWallet, paymentHash: string): Promise<HoldState> {
  try {
    return await lookUp(wallet, paymentHash)
  } catch (thrown) {
    if (!(thrown instanceof WalletError)) throw thrown
    return 'unknown'
  }
}

/** The invoice has expired: a payment that was locked in in time counts, and nothing can come after. */
async function closeOffer({ offer, wallet, signal }: Watching): Promise<'accepted' | 'gone' | undefined> {
  const isUnknown = answeredOften()
  return await untilDone(signal, async () => {
    const state = await lookUp(wallet, offer.paymentHash)
    if (state === 'accepted' || state === 'settled') return 'accepted'
    if (state === 'cancelled') return 'gone'
    const end = await letGo(wallet, offer.paymentHash, isUnknown)
    return end && (end === 'settled' ? 'accepted' : 'gone')
  })
}
