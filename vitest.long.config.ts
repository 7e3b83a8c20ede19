import { defineConfig } from 'vitest/config'
import { shared } from './vitest.shared.ts'

/** Journeys that take their time: jobs, held payments, limits, a wallet that is away, and a process that stops, restarts or is restored. */
export const longSuites = [
  'test/journeys/{jobs,limits,on-delivery}/**/*.test.ts',
  'test/journeys/{backup*,cash-desk,keys,operate,redeploys,refunds*,reload*,second-process,shutdown,tls,vanishing,wallet-away}.test.ts',
]

export default defineConfig({
  test: { ...shared, include: longSuites, maxWorkers: 2, testTimeout: 20_000, hookTimeout: 20_000 },
})
