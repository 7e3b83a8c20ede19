import { WalletError } from '../ports/wallet.ts'

/**
 * Makes a call that ends by the deadline even where the program behind it does not look at its signal.
 *
 * Hot path: every challenge makes one. `AbortSignal.any` and `AbortSignal.timeout` would leave a timer and weak
 * references behind for as long as the deadline is away; here nothing outlives the call.
 * @throws WalletError `timeout` when the time is over or `signal` aborts; whatever else is thrown becomes `unavailable`
 */
export async function withinDeadline<T>(
  timeoutMs: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController()
  const late = Promise.withResolvers<never>()
  const end = () => {
    late.reject(new WalletError('timeout', 'The wallet did not answer in time.'))
    ending.abort()
  }
  const timer = setTimeout(end, Math.max(1, timeoutMs))
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  try {
    return await Promise.race([late.promise, call(ending.signal)])
  } catch (thrown) {
    if (thrown instanceof WalletError) throw thrown
    throw ending.signal.aborted
      ? new WalletError('timeout', 'The wallet did not answer in time.', { cause: thrown })
      : new WalletError('unavailable', 'The call to the wallet failed.', { cause: thrown })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}
