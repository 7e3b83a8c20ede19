import { type Wallet, WalletError } from '../ports/wallet.ts'

export type OpenedWallet =
  | { readonly kind: 'open'; readonly wallet: Wallet; readonly startMs: number }
  /** A sentence with the fix. */
  | { readonly kind: 'failed'; readonly reason: string }

const startTimeoutMs = 15_000

/** Makes and connects a wallet, for a command that closes it again. Never throws. */
export async function openWallet(make: () => Promise<Wallet>): Promise<OpenedWallet> {
  let wallet: Wallet | undefined
  try {
    wallet = await make()
    const begunMs = performance.now()
    await wallet.start(AbortSignal.timeout(startTimeoutMs))
    return { kind: 'open', wallet, startMs: performance.now() - begunMs }
  } catch (thrown) {
    await wallet?.[Symbol.asyncDispose]()
    return { kind: 'failed', reason: walletReason(thrown) }
  }
}

/** What a wallet's error says. Anything else it throws may hold a secret and is not shown. */
export const walletReason = (thrown: unknown): string =>
  thrown instanceof WalletError ? thrown.message : 'The wallet failed in a way that it does not explain.'
