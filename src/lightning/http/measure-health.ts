import type { Clock } from '../../ports/clock.ts'
import { WalletError, type WalletHealth } from '../../ports/wallet.ts'

/** Times one check of a wallet; its failure becomes the answer. */
export async function measureHealth(
  clock: Pick<Clock, 'monotonicMs'>,
  check: () => Promise<{ readonly detail: string; readonly warnings: readonly string[] }>,
): Promise<WalletHealth> {
  const startMs = clock.monotonicMs()
  const latencyMs = () => clock.monotonicMs() - startMs
  try {
    return { ok: true, ...(await check()), latencyMs: latencyMs() }
  } catch (thrown) {
    if (!(thrown instanceof WalletError)) throw thrown
    return { ok: false, detail: thrown.message, latencyMs: latencyMs(), warnings: [] }
  }
}
