import { defineConfig } from 'vitest/config'

// The long form of test/hostile; `npm test` runs the same generators for a short while.
export default defineConfig({
  test: {
    include: ['test/hostile/**/*.test.ts'],
    env: { TURNPIKE_HOSTILE: 'long' },
    testTimeout: 300_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    retry: process.env.CI ? 1 : 0,
    reporters: ['default', './test/hostile/support/summary-reporter.ts'],
  },
})
