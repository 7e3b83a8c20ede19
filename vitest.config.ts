import { defineConfig } from 'vitest/config'
import { longSuites } from './vitest.long.config.ts'
import { shared } from './vitest.shared.ts'
import { walletSuites } from './vitest.wallets.config.ts'

export default defineConfig({
  test: {
    ...shared,
    include: ['test/**/*.test.ts'],
    // `npm run test:wallets`, `test:long` and `test:hostile`
    exclude: [...walletSuites, ...longSuites, 'test/hostile/floods.test.ts'],
    // Most of the time goes into waiting, for sockets, processes and disks.
    maxWorkers: 2,
    // A busy machine is slow; a hang is a hang after 20 s too.
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
})
