import { setTimeout as sleep } from 'node:timers/promises'
import { WalletError } from '../ports/wallet.ts'
import type { WalletEvents } from '../telemetry/wallet-events.ts'
import { withinDeadline } from './deadline.ts'
import type { ManagedWallet } from './managed-wallet.ts'

const startTimeoutMs = 15_000
const healthTimeoutMs = 10_000
const firstRetryMs = 5_000
const longestRetryMs = 60_000

/**
 * Starts all wallets at once. One that cannot start is tried again in the background, as long as another one can.
 * @param lifetime ends the background work
 * @throws WalletError of the first wallet when none starts
 */
export async function startWallets(
  wallets: readonly ManagedWallet[],
  events: WalletEvents,
  lifetime: AbortSignal,
): Promise<void> {
  const started = await Promise.allSettled(wallets.map((each) => each.start(startTimeoutMs, lifetime)))
  const failures = started.map((each) => (each.status === 'rejected' ? asWalletError(each.reason) : undefined))
  const [first] = failures
  if (first && failures.every((failure) => failure !== undefined)) throw first
  for (const [index, each] of wallets.entries()) {
    const failure = failures[index]
    if (failure) {
      events.walletChanged(each.name, { kind: 'not_started', reason: failure.message })
      void keepStarting(each, events, lifetime)
    } else void warn(each, events, lifetime)
  }
}

async function keepStarting(managed: ManagedWallet, events: WalletEvents, lifetime: AbortSignal): Promise<void> {
  for (let delayMs = firstRetryMs; ; delayMs = Math.min(longestRetryMs, delayMs * 2)) {
    try {
      await sleep(delayMs, undefined, { signal: lifetime, ref: false })
      await managed.start(startTimeoutMs, lifetime)
      await warn(managed, events, lifetime)
      return
    } catch {
      if (lifetime.aborted) return
    }
  }
}

/** Says what the wallet itself finds worth a warning. Nothing waits for it. */
async function warn({ wallet }: ManagedWallet, events: WalletEvents, lifetime: AbortSignal): Promise<void> {
  try {
    const { ok, detail, warnings } = await withinDeadline(healthTimeoutMs, lifetime, (deadline) =>
      wallet.health(deadline),
    )
    const troubles = ok ? warnings : [...warnings, detail ?? 'It says that it is not well.']
    for (const warning of troubles) events.walletWarned(wallet.name, warning)
  } catch (thrown) {
    if (!lifetime.aborted)
      events.walletWarned(wallet.name, `Its health cannot be read: ${asWalletError(thrown).message}`)
  }
}

const asWalletError = (thrown: unknown): WalletError =>
  thrown instanceof WalletError
    ? thrown
    : new WalletError('unavailable', 'The wallet could not be started.', { cause: thrown })
