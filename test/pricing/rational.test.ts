import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  add,
  compare,
  divide,
  formatRational,
  larger,
  multiply,
  parseDecimal,
  type Rational,
  roundUp,
  smaller,
} from '#src/pricing/rational.ts'

const ratio = (num: bigint, den = 1n): Rational => ({ num, den })
const anyRational = fc
  .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.bigInt({ min: 1n, max: 10n ** 12n }))
  .map(([num, den]) => ratio(num, den))
const same = (a: Rational, b: Rational) => a.num * b.den === b.num * a.den

describe('a decimal is read from its text, exactly', () => {
  test.for([
    ['0', 0n, 1n],
    ['7500', 7500n, 1n],
    ['0.1', 1n, 10n],
    ['0.30000000000000000000000000000000004', 30000000000000000000000000000000004n, 10n ** 35n],
    ['-2.50', -5n, 2n],
    ['1e3', 1000n, 1n],
    ['1E+3', 1000n, 1n],
    ['1.5e-7', 3n, 20_000_000n],
    ['123456789012345678901234567890', 123456789012345678901234567890n, 1n],
    ['007', 7n, 1n],
  ] as const)('%s', ([text, num, den]) => {
    const value = parseDecimal(text)
    expect(value && same(value, ratio(num, den))).toBe(true)
  })

  const refused = [
    '',
    ' ',
    '.5',
    '5.',
    '+5',
    '1,5',
    '1_000',
    '0x10',
    '1e',
    '1e5.5',
    '--1',
    'NaN',
    'Infinity',
    '5 ',
    '٣',
    '1e401',
    '1e-401',
    '1e1000',
  ]
  test.for(refused)('`%s` is none', (text) => {
    expect(parseDecimal(text)).toBeUndefined()
  })

  test('any digits with any decimal point are kept to the last', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 40n }),
        fc.nat({ max: 50 }),
        fc.boolean(),
        (digits, places, below) => {
          const read = parseDecimal(`${below ? '-' : ''}${pointed(String(digits), places)}`)
          expect(read && same(read, ratio(below ? -digits : digits, 10n ** BigInt(places)))).toBe(true)
        },
      ),
    )
  })

  test('every number in JSON is read, as what JavaScript writes for it', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const read = parseDecimal(String(value))
        const scale = 10n ** 400n
        const digits = read && String((read.num * scale) / read.den)
        expect(digits && Number(`${digits}e-400`)).toBe(value === 0 ? 0 : value)
      }),
      { examples: [[0.1], [1e21], [1e-7], [5e-324], [Number.MAX_VALUE]] },
    )
  })
})

describe('arithmetic', () => {
  test('is that of fractions', () => {
    fc.assert(
      fc.property(anyRational, anyRational, anyRational, (a, b, c) => {
        expect(same(add(a, b), add(b, a))).toBe(true)
        expect(same(add(add(a, b), c), add(a, add(b, c)))).toBe(true)
        expect(same(multiply(a, add(b, c)), add(multiply(a, b), multiply(a, c)))).toBe(true)
        expect(compare(add(a, c), add(b, c))).toBe(compare(a, b))
      }),
    )
  })

  test('divides by whatever is not zero', () => {
    fc.assert(
      fc.property(anyRational, anyRational, (a, b) => {
        fc.pre(b.num !== 0n)
        expect(same(multiply(divide(a, b), b), a)).toBe(true)
      }),
    )
  })

  test('keeps the denominator positive', () => {
    expect(divide(ratio(1n), ratio(-3n))).toEqual(ratio(-1n, 3n))
    expect(divide(ratio(-1n, 2n), ratio(-3n))).toEqual(ratio(1n, 6n))
    expect(() => divide(ratio(1n), ratio(0n))).toThrow(RangeError)
  })

  test('compares by value', () => {
    expect(compare(ratio(1n, 3n), ratio(2n, 6n))).toBe(0)
    expect(compare(ratio(333n, 1000n), ratio(1n, 3n))).toBe(-1)
    expect(larger(ratio(1n, 2n), ratio(2n, 3n))).toEqual(ratio(2n, 3n))
    expect(smaller(ratio(1n, 2n), ratio(2n, 3n))).toEqual(ratio(1n, 2n))
  })
})

describe('rounding', () => {
  test('gives the smallest multiple that is not below', () => {
    fc.assert(
      fc.property(anyRational, fc.bigInt({ min: 1n, max: 10n ** 6n }), (value, unit) => {
        const rounded = roundUp(value, unit)
        expect(rounded % unit).toBe(0n)
        expect(rounded * value.den >= value.num).toBe(true)
        expect((rounded - unit) * value.den < value.num).toBe(true)
      }),
    )
  })

  test.for([
    [0n, 1n, 1000n, 0n],
    [1n, 10n ** 400n, 1000n, 1000n],
    [1000n, 1n, 1000n, 1000n],
    [1001n, 1n, 1000n, 2000n],
    [5000n, 3n, 1n, 1667n],
    [-1500n, 1n, 1000n, -1000n],
  ] as const)('%d/%d to a multiple of %d is %d', ([num, den, unit, expected]) => {
    expect(roundUp(ratio(num, den), unit)).toBe(expected)
  })
})

describe('a fraction as text', () => {
  test.for([
    [0n, 1n, '0'],
    [300n, 1n, '300'],
    [1n, 2n, '0.5'],
    [3n, 20n, '0.15'],
    [1n, 1_000_000n, '0.000001'],
    [1n, 3n, '0.333334'],
    [2_999_999_999n, 3_000_000_000n, '1'],
    [-5n, 2n, '-2.5'],
    [10n ** 30n, 10n, `1${'0'.repeat(29)}`],
  ] as const)('%d/%d is %s', ([num, den, text]) => {
    expect(formatRational(ratio(num, den))).toBe(text)
  })
})

/** Digits with a decimal point before the last `places` of them. */
function pointed(digits: string, places: number): string {
  const padded = digits.padStart(places + 1, '0')
  return places === 0 ? padded : `${padded.slice(0, -places)}.${padded.slice(-places)}`
}

test('a sum of decimals has no more digits than its longest one', () => {
  const tenth = { num: 1n, den: 10n }
  const sum = Array.from({ length: 1_000 }, () => tenth).reduce(
    (so, each) => add(add(so, each), { num: 1n, den: 100n }),
    {
      num: 0n,
      den: 1n,
    },
  )
  expect(sum).toEqual({ num: 11_000n, den: 100n })
})
