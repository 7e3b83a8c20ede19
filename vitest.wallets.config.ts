import { defineConfig } from 'vitest/config'

/** Every wallet against its faithful fake: nodes, relays and time-outs, which take their time. */
export const walletSuites = [
  'test/lightning/{wallet-contract,hold-contract,settlements,lnd-*,nwc-*,guarded-get,lightning-address-wallet,wallet-http*}.test.ts',
  'test/lightning/{phoenixd,cln,lnbits,btcpay}/**/*.test.ts',
  'test/journeys/wallets.test.ts',
  'test/cli/serve-wallets.test.ts',
]

export default defineConfig({
  test: {
    expect: { poll: { timeout: 10_000 } }, include: walletSuites, maxWorkers: 3, testTimeout: 30_000, hookTimeout: 30_000, retry: process.env.CI ? 1 : 0 },
})
