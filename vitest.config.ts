import { defineConfig } from 'vitest/config'
import { walletSuites } from './vitest.wallets.config.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // `npm run test:wallets` and `npm run test:hostile`
    exclude: [...walletSuites, 'test/hostile/floods.test.ts'],
    // Most of the time goes into waiting, for sockets, processes and disks.
    maxWorkers: 2,
    expect: { poll: { timeout: 10_000 } },
    // A busy machine is slow; a hang is a hang after 20 s too.
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Much here waits for real sockets, processes and disks; what is late once on a shared machine is reported as flaky.
    retry: process.env.CI ? 1 : 0,
  },
})
