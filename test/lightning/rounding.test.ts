import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openDesk } from '../support/cash-desk.ts'
import { TestClock } from '../support/clock.ts'
import { ScriptedWallet } from '../support/scripted-wallet.ts'

test('no wallet asks for less than the price, nor for a whole unit more', async () => {
  const clock = new TestClock()
  const amount = fc.oneof(fc.bigInt({ min: 1n, max: 5_000n }), fc.bigInt({ min: 1n, max: 2n ** 52n }))
  const unit = fc.constantFrom(1n, 10n, 999n, 1_000n, 1_024n, 100_000n)
  await fc.assert(
    fc.asyncProperty(amount, unit, async (amountMsat, unitMsat) => {
      const wallet = new ScriptedWallet('only', { clock, unitMsat })
      await using desk = await openDesk([wallet], { clock })
      const issued = await desk.issue(amountMsat)
      expect(wallet.asked.map((asked) => asked.amountMsat)).toEqual([issued.amountMsat])
      expect(issued.amountMsat).toBeGreaterThanOrEqual(amountMsat)
      expect(issued.amountMsat - amountMsat).toBeLessThan(unitMsat)
      expect(issued.amountMsat % unitMsat).toBe(0n)
    }),
    { numRuns: 100 },
  )
})
