import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FieldRef } from '#src/pricing/field.ts'
import { priceOf } from '#src/pricing/price.ts'
import type { LineSpec, PriceSpec, RateRow } from '#src/pricing/spec.ts'
import { anyCase, anyText } from './any-price.ts'
import { source } from './written-price.ts'

const runs = { numRuns: 400 }

/** msat of a request, or undefined when it has no price. */
function msatOf(price: PriceSpec, body: object): bigint | undefined {
  const result = priceOf(price, source(body))
  return result.kind === 'priced' ? result.price.msat : undefined
}

/** Numerator and denominator. What a price has to be is computed here anew, with nothing of the code under test. */
type Fraction = readonly [bigint, bigint]

const less = ([a, b]: Fraction, [c, d]: Fraction) => a * d < c * b
const plus = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * d + c * b, b * d]
const clamp = (value: Fraction, low: Fraction | undefined, high: Fraction | undefined): Fraction => {
  if (low && less(value, low)) return low
  return high && less(high, value) ? high : value
}
const fraction = (value: { num: bigint; den: bigint } | undefined): Fraction | undefined =>
  value && [value.num, value.den]

/** The price before it is rounded. */
function exactPrice({ lines, min, max }: PriceSpec, body: Record<string, unknown>): Fraction {
  const total = lines.map((line) => exactLine(line, body)).reduce(plus, [0n, 1n])
  return clamp(total, fraction(min), fraction(max))
}

function exactLine({ quantity, rate }: LineSpec, body: Record<string, unknown>): Fraction {
  const row = chosenRow(rate, body)
  const values = quantity.kind === 'one' ? [] : quantity.of.map((field) => body[nameOf(field)])
  const count = {
    codepoints: (text: string) => Array.from(text).length,
    utf16: (text: string) => text.length,
    bytes: utf8Length,
  }
  const thousandths =
    quantity.kind === 'one'
      ? 1000
      : quantity.kind === 'number'
        ? values.reduce<number>((sum, value) => sum + Math.round(Number(value) * 1000), 0)
        : values.reduce<number>((sum, value) => sum + count[quantity.count](String(value)) * 1000, 0)
  const exact: Fraction = [BigInt(thousandths) * row.perUnit.num, 1000n * row.perUnit.den]
  return clamp(exact, fraction(row.min), fraction(row.max))
}

function chosenRow(rate: LineSpec['rate'], body: Record<string, unknown>): RateRow {
  if (rate.kind === 'fixed') return rate.row
  const [selector] = rate.by
  const [field] = selector?.first ?? []
  const named = field && body[nameOf(field)]
  const row = rate.rows.get(typeof named === 'string' ? named.toLowerCase() : (selector?.default ?? ''))
  if (!row || !('perUnit' in row)) throw new Error('the test has no such row')
  return row
}

const nameOf = (field: FieldRef): string => (field.in === 'body' ? field.path.join('.') : '')

const utf8Length = (text: string) => new TextEncoder().encode(text).length

describe('any price', () => {
  test('is never below its exact value, and less than one rounding step above it', () => {
    fc.assert(
      fc.property(anyCase, ({ price, body }) => {
        const [num, den] = exactPrice(price, body)
        const asked = msatOf(price, body) ?? 0n
        expect(asked % price.roundToMsat).toBe(0n)
        expect(asked * den >= num).toBe(true)
        expect(num === 0n ? asked === 0n : (asked - price.roundToMsat) * den < num).toBe(true)
      }),
      runs,
    )
  })

  test('lies within its bounds', () => {
    fc.assert(
      fc.property(anyCase, ({ price, body }) => {
        const msat = msatOf(price, body)
        fc.pre(msat !== undefined)
        const asked: Fraction = [msat ?? 0n, 1n]
        const { min = { num: 0n, den: 1n }, max } = price
        expect(less(asked, [min.num, min.den])).toBe(false)
        expect(max !== undefined && less([max.num, max.den], asked)).toBe(false)
      }),
      runs,
    )
  })

  test('never falls when more is asked for', () => {
    fc.assert(
      fc.property(anyCase, anyText, fc.nat({ max: 10 ** 6 }), ({ price, body }, more, thousandths) => {
        const larger = Object.fromEntries(
          Object.entries(body).map(([name, value]) => {
            if (name.endsWith('tier')) return [name, value]
            return [name, typeof value === 'number' ? value + thousandths / 1000 : `${String(value)}${more}`]
          }),
        )
        const before = msatOf(price, body)
        const after = msatOf(price, larger)
        fc.pre(before !== undefined)
        expect((after ?? 0n) >= (before ?? 0n)).toBe(true)
      }),
      runs,
    )
  })

  test('is the same however a text is divided over fields', () => {
    fc.assert(
      fc.property(anyCase, fc.double({ min: 0, max: 1, noNaN: true }), ({ price, body }, share) => {
        const divided: Record<string, unknown> = { ...body }
        for (const line of price.lines) {
          if (line.quantity.kind !== 'characters') continue
          const [first = '', second = ''] = line.quantity.of.map(nameOf)
          const all = Array.from(`${String(body[first])}${String(body[second])}`)
          const at = Math.floor(share * (all.length + 1))
          divided[first] = all.slice(0, at).join('')
          divided[second] = all.slice(at).join('')
        }
        expect(msatOf(price, divided)).toBe(msatOf(price, body))
      }),
      runs,
    )
  })

  test('is the same in whatever order its lines stand', () => {
    fc.assert(
      fc.property(anyCase, ({ price, body }) => {
        expect(msatOf({ ...price, lines: price.lines.toReversed() }, body)).toBe(msatOf(price, body))
      }),
      runs,
    )
  })

  test('does not depend on how its fractions are written', () => {
    fc.assert(
      fc.property(anyCase, fc.bigInt({ min: 2n, max: 10n ** 20n }), ({ price, body }, factor) => {
        const stretched = price.lines.map((line): LineSpec => {
          if (line.rate.kind !== 'fixed') return line
          const { row } = line.rate
          const perUnit = { num: row.perUnit.num * factor, den: row.perUnit.den * factor }
          return { ...line, rate: { kind: 'fixed', row: { ...row, perUnit } } }
        })
        expect(msatOf({ ...price, lines: stretched }, body)).toBe(msatOf(price, body))
      }),
      runs,
    )
  })

  test('has lines that are each rounded up to a msat, for reading only', () => {
    fc.assert(
      fc.property(anyCase, ({ price, body }) => {
        const result = priceOf(price, source(body))
        fc.pre(result.kind === 'priced')
        const lines = result.kind === 'priced' ? result.price.lines.map(({ msat }) => msat) : []
        expect(lines).toEqual(
          price.lines.map((line) => {
            const [num, den] = exactLine(line, body)
            return (num + den - 1n) / den
          }),
        )
      }),
      runs,
    )
  })
})

describe('a sum of equal parts', () => {
  test('is rounded once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.bigInt({ min: 1n, max: 10n ** 6n }),
        fc.bigInt({ min: 1n, max: 10n ** 6n }),
        (count, num, den) => {
          const row: RateRow = { perUnit: { num, den }, accepts: [] }
          const line: LineSpec = { quantity: { kind: 'one' }, rate: { kind: 'fixed', row } }
          const price = { lines: Array.from({ length: count }, () => line), roundToMsat: 1000n }
          const step = den * 1000n
          expect(msatOf(price, {})).toBe(((BigInt(count) * num + step - 1n) / step) * 1000n)
        },
      ),
      runs,
    )
  })
})
