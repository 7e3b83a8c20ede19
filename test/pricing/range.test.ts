import { expect, test } from 'vitest'
import { priceRange } from '#src/pricing/range.ts'
import { written } from './written-price.ts'

test.for([
  [{ flat: 7500 }, '7500 sats'],
  [{ flat: '500 msat', round_to: '1 msat' }, '0.5 sats'],
  [{ per_char: { of: 'a', rate: '1 sat / 333 chars', min: 5 } }, '1 sat / 333 chars, at least 5 sats'],
  [{ per_unit: { of: 'n', rate: 3, max: 30 } }, '3 sats per unit, at most 30 sats'],
  [{ duration: { of: 's', rate: 450 } }, '450 sats per second'],
  [{ duration: { of: 's', rate: '1 sat / 2 seconds' } }, '1 sat / 2 s'],
  [
    { per_char: { of: 'a', rate: { by: 'm', table: { low: { rate: '1 sat / 1000 chars', min: 4 }, high: 2 } } } },
    'low: 1 sat / 1000 chars, at least 4 sats; high: 2 sats per char',
  ],
  [
    {
      duration: {
        of: 's',
        rate: { by: ['mode', 'audio'], table: { standard: { false: 300, true: 400 }, pro: { false: 450, true: 550 } } },
      },
    },
    'standard false: 300 sats per second; standard true: 400 sats per second; pro false: 450 sats per second; pro true: 550 sats per second',
  ],
  [
    { sum: [{ flat: 10 }, { per_unit: { of: 'n', rate: 1 } }], min: 20, max: 100 },
    '10 sats + 1 sat per unit, at least 20 sats, at most 100 sats',
  ],
] as const)('%j in words is: %s', ([price, words]) => {
  expect(priceRange(written(price))).toBe(words)
})
