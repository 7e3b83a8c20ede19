import { defineConfig } from 'vitest/config'
import { shared } from './vitest.shared.ts'

/** Every wallet against its faithful fake: nodes, relays and time-outs, which take their time. */
export const walletSuites = [
  'test/lightning/{wallet-contract,hold-contract,settlements,kept-invoices,lnd-*,nwc-*,guarded-get,lightning-address-wallet,wallet-http*}.test.ts',
  'test/lightning/{phoenixd,cln,lnbits,btcpay}/**/*.test.ts',
  'test/journeys/wallets.test.ts',
  'test/cli/serve-wallets.test.ts',
]

export default defineConfig({
  test: { ...shared, include: walletSuites, maxWorkers: 3, testTimeout: 30_000, hookTimeout: 30_000 },
})
