import { describe, expect, test } from 'vitest'
import { type Reading, readAmount, readRate } from '#src/pricing/amount.ts'
import type { Rational } from '#src/pricing/rational.ts'

/** The value in lowest terms, or the problem. */
function read(reading: Reading<Rational>): string {
  if (!reading.ok) return reading.problem
  const { num, den } = reading.value
  const shared = divisor(num, den)
  return den === shared ? `${num / shared} msat` : `${num / shared}/${den / shared} msat`
}

const divisor = (a: bigint, b: bigint): bigint => (b === 0n ? a : divisor(b, a % b))
const notAnAmount = (text: string) =>
  `\`${text}\` is not an amount; write sats as a number (\`7500\`) or with a unit (\`500 msat\`)`
const otherMoney = (text: string) => `amounts are in sats or msat for now; \`${text}\` is neither`
const swapped = (count: string) =>
  `write the amount before the slash and the units after it: \`1 sat / ${count} chars\``

describe('an amount', () => {
  test.for([
    [7500, '7500000 msat'],
    ['7500', '7500000 msat'],
    [0, '0 msat'],
    [0.1, '100 msat'],
    ['0.1', '100 msat'],
    ['0.1 sat', '100 msat'],
    ['0.0001', '1/10 msat'],
    [1e-7, '1/10000 msat'],
    ['1e3', '1000000 msat'],
    [1e21, '1000000000000000000000000 msat'],
    ['500 msat', '500 msat'],
    ['0.5 msats', '1/2 msat'],
    ['1 sat', '1000 msat'],
    ['21sats', '21000 msat'],
    ['  21   sats ', '21000 msat'],
    ['12345678901234567.891 sat', '12345678901234567891 msat'],
  ] as const)('%j is %s', ([written, expected]) => {
    expect(read(readAmount(written))).toBe(expected)
  })

  test.for([
    '',
    'abc',
    '.5',
    '5.',
    '+5',
    '1,000',
    '1_000',
    '0x10',
    '1.5.2',
    'NaN',
    'Infinity',
    '5 m',
    '5 SAT',
    '5 / 1',
    '1e401',
    'sat',
    '٣',
  ])('`%s` is none', (written) => {
    expect(read(readAmount(written))).toBe(notAnAmount(written))
  })

  test.for([-1, '-1', '-0.5 sat', '-1 msat'])('%j is refused as negative', (written) => {
    expect(read(readAmount(written))).toBe('an amount cannot be negative')
  })

  test.for(['0.05 USD', '5 usd', '$5', '$0.05', '0.001 btc', '1 EUR', '1 euro'])('`%s` is other money', (written) => {
    expect(read(readAmount(written))).toBe(otherMoney(written))
  })

  test('a number that is none is refused', () => {
    expect(read(readAmount(Number.NaN))).toBe(notAnAmount('NaN'))
    expect(read(readAmount(Number.POSITIVE_INFINITY))).toBe(notAnAmount('Infinity'))
  })
})

describe('a rate', () => {
  test.for([
    [300, '300000 msat'],
    ['300', '300000 msat'],
    [0.5, '500 msat'],
    ['500 msat', '500 msat'],
    ['1 sat / 333 chars', '1000/333 msat'],
    ['1 sat / 1000 chars', '1 msat'],
    ['1 / 100 chars', '10 msat'],
    ['1sat/333chars', '1000/333 msat'],
    ['1 sat per 333 chars', '1000/333 msat'],
    ['1 sat PER 333 Chars', '1000/333 msat'],
    ['500 msat / second', '500 msat'],
    ['450 sats / s', '450000 msat'],
    ['0.1 sat / 3 chars', '100/3 msat'],
    ['1 sat / 0.5 units', '2000 msat'],
    ['1 sat / char', '1000 msat'],
    ['0 sat / char', '0 msat'],
  ] as const)('%j is %s for one unit', ([written, expected]) => {
    expect(read(readRate(written))).toBe(expected)
  })

  test.for([
    ['1 sat / 0 chars', '`0` is not a number of units above 0'],
    ['1 sat / 0.0 chars', '`0.0` is not a number of units above 0'],
    ['1 sat / 1.2.3 chars', '`1.2.3` is not a number of units above 0'],
    ['-1 sat / char', 'an amount cannot be negative'],
    ['0.1 USD / second', otherMoney('0.1 USD')],
    ['a sat / char', notAnAmount('a sat')],
    ['1 sat / 333', notAnAmount('1 sat / 333')],
    ['1 sat / -3 chars', notAnAmount('1 sat / -3 chars')],
    ['1 sat / 1e3 chars', notAnAmount('1 sat / 1e3 chars')],
    ['1 sat /', notAnAmount('1 sat /')],
    ['/ char', notAnAmount('/ char')],
    ['1 sat / second / char', notAnAmount('1 sat / second')],
    ['', notAnAmount('')],
  ] as const)('`%s` is refused: %s', ([written, problem]) => {
    expect(read(readRate(written))).toBe(problem)
  })

  test.for([
    ['1000 chars / sat', '1000'],
    ['333 chars per sat', '333'],
    ['100 chars / 1 sat', '100'],
    ['1000/sat', '1000'],
  ] as const)('`%s` is upside down, and is shown the right way up', ([written, count]) => {
    expect(read(readRate(written))).toBe(swapped(count))
  })
})
