import { defineConfig } from 'vitest/config'

// A busy machine is slow; a hang is a hang after 20 s too.
export default defineConfig({ test: { testTimeout: 20_000, hookTimeout: 20_000 } })
