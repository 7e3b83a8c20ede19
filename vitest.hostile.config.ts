import { defineConfig } from 'vitest/config'
import { shared } from './vitest.shared.ts'

// The long form of test/hostile; `npm test` runs the same generators for a short while.
export default defineConfig({
  test: {
    ...shared,
    include: ['test/hostile/**/*.test.ts'],
    env: { ...shared.env, TURNPIKE_HOSTILE: 'long' },
    testTimeout: 300_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    reporters: ['default', './test/hostile/support/summary-reporter.ts'],
  },
})
