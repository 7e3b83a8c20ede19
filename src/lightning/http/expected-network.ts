import { type Network, WalletError } from '../../ports/wallet.ts'

const names: Readonly<Record<Network, string>> = { bc: 'mainnet', tb: 'testnet', tbs: 'signet', bcrt: 'regtest' }

/**
 * The network a wallet is on, as far as can be known: what it says, else what the operator says; every invoice is held to
 * that.
 * @throws WalletError `rejected` when the two differ
 */
export function expectNetwork(
  service: string,
  found: Network | undefined,
  expected: Network | undefined,
): Network | undefined {
  if (found !== undefined && expected !== undefined && found !== expected) {
    throw new WalletError(
      'rejected',
      `${service} is on ${names[found]}, but ${names[expected]} is expected; name the right wallet, or set its network to ${names[found]}.`,
    )
  }
  return found ?? expected
}
