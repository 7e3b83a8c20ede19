import { setTimeout as sleep } from 'node:timers/promises'
import { type Settlement, type Wallet, WalletError } from '../../ports/wallet.ts'
import type { WalletEvents } from '../../telemetry/wallet-events.ts'

export interface FollowOptions {
  readonly wallet: Wallet
  /** Where an earlier process stopped. */
  readonly cursor: string | undefined
  readonly take: (settlement: Settlement) => Promise<void>
  readonly events: Pick<WalletEvents, 'settlementsChanged'>
  /** 0 to 1. */
  readonly random: () => number
  readonly lifetime: AbortSignal
}

const firstDelayMs = 500
const longestDelayMs = 30_000
/** A stream that has lasted this long is there again, though nothing came on it. */
const lastingMs = 10_000

/**
 * Follows a wallet's settlements for as long as the process lives, over any number of broken streams, each resumed
 * after the last settlement that was taken.
 */
export async function followSettlements(options: FollowOptions): Promise<void> {
  const { wallet, take, events, random, lifetime } = options
  if (!wallet.settlements) return
  let { cursor } = options
  let delayMs = firstDelayMs
  let followed: boolean | undefined
  const change = (interrupted: string | undefined) => {
    const now = interrupted === undefined
    if (now) delayMs = firstDelayMs
    if (followed !== now) events.settlementsChanged(wallet.name, interrupted)
    followed = now
  }
  while (!lifetime.aborted) {
    const lasting = setTimeout(() => change(undefined), followed === undefined ? 1_000 : lastingMs)
    lasting.unref()
    try {
      for await (const settlement of wallet.settlements(cursor, lifetime)) {
        change(undefined)
        await take(settlement)
        cursor = settlement.cursor ?? cursor
      }
    } catch (thrown) {
      if (!lifetime.aborted) change(thrown instanceof WalletError ? thrown.message : 'The stream broke off.')
    } finally {
      clearTimeout(lasting)
    }
    await sleep(delayMs * (0.5 + random()), undefined, { signal: lifetime, ref: false }).catch(() => undefined)
    delayMs = Math.min(longestDelayMs, delayMs * 2)
  }
}
