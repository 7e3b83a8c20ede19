import { WalletError } from '../../ports/wallet.ts'

/** Runs an operation on a file of the development wallet. @throws WalletError and nothing else */
export function guarded<T>(operation: () => T): T {
  try {
    return operation()
  } catch (thrown) {
    if (thrown instanceof WalletError) throw thrown
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw new WalletError('unavailable', `The file of the development wallet cannot be used: ${reason}`, {
      cause: thrown,
    })
  }
}
