import type { Network } from '../ports/wallet.ts'

const names: Readonly<Record<Network, string>> = { bc: 'mainnet', tb: 'testnet', tbs: 'signet', bcrt: 'regtest' }

/** What operators call a network. */
export const networkName = (network: Network | undefined): string =>
  network === undefined ? 'unknown' : names[network]
