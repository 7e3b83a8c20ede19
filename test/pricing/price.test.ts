import { describe, expect, test } from 'vitest'
import { rateLabel } from '#src/pricing/price.ts'
import { parseDecimal } from '#src/pricing/rational.ts'
import { msatOf, priced } from './written-price.ts'

const flat = (amount: unknown) => ({ flat: amount })
const perChar = (rate: unknown, others: object = {}) => ({ per_char: { of: 'text', rate, ...others } })
const seconds = (rate: unknown, others: object = {}) => ({ duration: { of: 's', rate, ...others } })
const text = (length: number) => ({ text: 'x'.repeat(length) })

describe('rounding happens once, at the end, upwards', () => {
  test.for([
    ['one line of half a sat is 1 sat', flat('0.5 sat'), 1000n],
    ['two lines of half a sat are 1 sat', { sum: [flat('0.5 sat'), flat('0.5 sat')] }, 1000n],
    ['three lines of half a sat are 2 sats', { sum: [flat(0.5), flat(0.5), flat(0.5)] }, 2000n],
    ['three thirds of a sat are 1 sat', { sum: Array.from({ length: 3 }, () => perChar('1 sat / 3 chars')) }, 1000n],
    ['ten tenths of a sat are 1 sat', { sum: Array.from({ length: 10 }, () => flat(0.1)) }, 1000n],
    ['a hair above 1 sat is 2 sats', { sum: [flat(1), flat('0.0001 msat')] }, 2000n],
    ['333 chars at 1 sat / 333 chars are 1 sat', perChar('1 sat / 333 chars'), 1000n, 333],
    ['334 chars at 1 sat / 333 chars are 2 sats', perChar('1 sat / 333 chars'), 2000n, 334],
    ['to a whole msat where the operator says so', { ...perChar('1 sat / 333 chars'), round_to: '1 msat' }, 4n],
    ['to 10 sats where the operator says so', { ...flat(21), round_to: 10 }, 30_000n],
    ['not at all where the price is a multiple', { ...flat(30), round_to: 10 }, 30_000n],
    ['to 1.5 sats', { ...flat(2), round_to: '1500 msat' }, 3000n],
  ] as const)('%s', ([, price, msat, length = 1]) => {
    expect(msatOf(price, text(length))).toBe(msat)
  })
})

describe('the bounds of a price', () => {
  test.for([
    ['a minimum lifts', { ...perChar(1), min: 10 }, 3, 10_000n],
    ['a minimum does not lift what is above it', { ...perChar(1), min: 10 }, 11, 11_000n],
    ['a minimum is rounded up too', { ...perChar(1), min: '1500 msat' }, 1, 2000n],
    ['a minimum makes a price of nothing', { ...perChar(1), min: 10 }, 0, 10_000n],
    ['a maximum caps', { ...perChar(1), max: 10 }, 11, 10_000n],
    ['a maximum does not touch what is below it', { ...perChar(1), max: 10 }, 9, 9000n],
    ['minimum and maximum may be the same', { ...perChar(1), min: 10, max: 10 }, 3, 10_000n],
    ['a line’s own bounds come first', { sum: [perChar(1, { min: 5, max: 7 }), flat(1)] }, 100, 8000n],
    ['a sum’s bounds come last', { sum: [perChar(1, { min: 5 }), flat(1)], max: 6 }, 100, 6000n],
    ['a line’s minimum is not rounded by itself', { sum: [perChar(1, { min: '0.5 sat' }), flat(0.5)] }, 0, 1000n],
  ] as const)('%s', ([, price, length, msat]) => {
    expect(msatOf(price, text(length))).toBe(msat)
  })
})

describe('what has no price is refused', () => {
  const nothing = ['$ asks for nothing that has a price']
  test.for([
    ['nothing', perChar(1), {}, nothing],
    ['no seconds', seconds(300), { s: 0 }, nothing],
    ['a price no wallet could ask for', seconds(300), { s: 1e15 }, nothing],
    [
      'the largest number of msat that readers keep, and one',
      { ...seconds('1 msat'), round_to: '1 msat' },
      { s: 2 ** 53 },
      nothing,
    ],
    [
      'two lines that each lack something',
      { sum: [seconds(1), perChar(1)] },
      { text: 5 },
      ['$.s is needed: the price depends on it', '$.text must be text: the price is by its characters'],
    ],
    [
      'a line that lacks quantity and row',
      seconds({ by: 'm', table: { a: 1 } }),
      { s: -1 },
      ['$.s must be a number, 0 or above: the price depends on it', '$.m is needed: it chooses the price'],
    ],
  ] as const)('%s', ([, price, body, issues]) => {
    expect(msatOf(price, body)).toEqual(issues)
  })

  test('while the largest number that readers keep is a price', () => {
    expect(msatOf({ ...seconds('1 msat'), round_to: '1 msat' }, { s: 2 ** 53 - 1 })).toBe(2n ** 53n - 1n)
  })

  test('and a minimum does not sell what cannot be measured', () => {
    expect(msatOf({ ...seconds(300), min: 10 }, {})).toEqual(['$.s is needed: the price depends on it'])
  })
})

describe('a line says how it came about', () => {
  test.for([
    ['a flat price', flat(7500), {}, '7500 sats', 7_500_000n],
    ['a flat price of one', flat(1), {}, '1 sat', 1000n],
    ['seconds', seconds(450), { s: 5 }, '5 s × 450 sats', 2_250_000n],
    ['one second', seconds(450), { s: 1 }, '1 s × 450 sats', 450_000n],
    ['seconds for less than a sat', seconds('1 sat / 2 seconds'), { s: 4 }, '4 s × 1 sat / 2 s', 2000n],
    ['characters', perChar('1 sat / 333 chars'), text(666), '666 chars × 1 sat / 333 chars', 2000n],
    ['one character', perChar(2), text(1), '1 char × 2 sats', 2000n],
    ['parts of a msat, rounded up', perChar('1 sat / 333 chars'), text(1), '1 char × 1 sat / 333 chars', 4n],
    ['a rate that is not one over something', perChar('2 sats / 3 chars'), text(3), '3 chars × 0.666667 sats', 2000n],
    ['a minimum', perChar(1, { min: 15 }), text(6), '6 chars × 1 sat, minimum 15 sats', 15_000n],
    ['a maximum', perChar(1, { max: 5 }), text(6), '6 chars × 1 sat, maximum 5 sats', 5000n],
    ['units', { per_unit: { of: 'n', rate: 0.5 } }, { n: 2.5 }, '2.5 units × 1 sat / 2 units', 1250n],
  ] as const)('%s', ([, price, body, label, msat]) => {
    expect(priced(price, body).lines.map((line) => [line.label, line.msat])).toEqual([[label, msat]])
  })

  test('and a sum has one line for each', () => {
    const price = priced({ sum: [flat(10), perChar('1 sat / 3 chars', { max: 5 })] }, text(4))
    expect(price.lines).toEqual([
      { label: '10 sats', msat: 10_000n, clamped: undefined },
      { label: '4 chars × 1 sat / 3 chars', msat: 1334n, clamped: undefined },
    ])
    expect(price.msat).toBe(12_000n)
  })

  test.for([
    ['1000', 'char', '1 sat'],
    ['500', 'char', '1 sat / 2 chars'],
    ['300', 'unit', '0.3 sats'],
    ['450000', 's', '450 sats'],
    ['500', 's', '1 sat / 2 s'],
    ['0', 'char', '0 sats'],
  ] as const)('a rate of %s msat for a %s reads %s', ([msat, unit, label]) => {
    expect(rateLabel(parseDecimal(msat) ?? { num: -1n, den: 1n }, unit)).toBe(label)
  })
})
