import { describe, expect, test } from 'vitest'
import { holdFailures } from './hold-contract-failures.ts'
import { holdMaking } from './hold-contract-making.ts'
import { holdStates } from './hold-contract-states.ts'
import type { HoldWalletUnderTest } from './hold-subject.ts'

const cases = [...holdMaking, ...holdStates, ...holdFailures]

/** The conformance suite of the port `HoldWallet`: every case for every wallet that can hold. */
export function holdContract(wallets: readonly HoldWalletUnderTest[]): void {
  describe.each(wallets)('$kind', ({ make, lacks }) => {
    test.each(cases.filter(({ name }) => lacks[name] === undefined))('$name', { timeout: 20_000 }, async ({ run }) => {
      await using subject = await make()
      await run(subject)
    })
    test('lacks only cases that there are', () => {
      const names = new Set(cases.map(({ name }) => name))
      expect(Object.keys(lacks).filter((name) => !names.has(name))).toEqual([])
    })
  })
}
