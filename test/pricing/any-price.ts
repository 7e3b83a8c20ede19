import * as fc from 'fast-check'
import type { FieldRef } from '#src/pricing/field.ts'
import type { Rational } from '#src/pricing/rational.ts'
import type { LineSpec, PriceSpec, QuantitySpec, RateRow } from '#src/pricing/spec.ts'

/** A random price, and a random request for it, whose numbers are whole thousandths so that a double says them exactly. */
export interface Case {
  readonly price: PriceSpec
  readonly body: Record<string, unknown>
}

const bodyField = (name: string): FieldRef => ({ in: 'body', path: [name] })

/** From far below a msat to thousands of sats. */
const anyRate: fc.Arbitrary<Rational> = fc.record({
  num: fc.bigInt({ min: 1n, max: 10n ** 7n }),
  den: fc.oneof(fc.constant(1n), fc.bigInt({ min: 1n, max: 1000n }), fc.constant(333n), fc.constant(10n ** 9n)),
})

const anyBounds = (most: bigint) =>
  fc
    .record({
      low: fc.option(fc.bigInt({ min: 1n, max: most }), { nil: undefined }),
      span: fc.option(fc.bigInt({ min: 0n, max: most }), { nil: undefined }),
      den: fc.constantFrom(1n, 2n, 3n),
    })
    .map(({ low, span, den }) => ({
      ...(low !== undefined && { min: { num: low, den } }),
      ...(span !== undefined && { max: { num: (low ?? 1n) + span, den } }),
    }))

const anyRow: fc.Arbitrary<RateRow> = fc
  .tuple(anyRate, anyBounds(10n ** 8n))
  .map(([perUnit, bounds]) => ({ perUnit, ...bounds, accepts: [] }))

/** Astral characters, joined ones and plain ones; never half of a pair. */
export const anyText = fc.string({
  unit: fc.constantFrom('a', 'ü', '€', '👍', '\n', '\u0308', '\u{10ffff}'),
  maxLength: 400,
})

const anyNumber = fc.nat({ max: 10 ** 7 }).map((thousandths) => thousandths / 1000)

/** One line that reads fields named after it, and values for them. */
function anyLine(name: string): fc.Arbitrary<{ line: LineSpec; fields: Record<string, unknown> }> {
  const of = [`${name}a`, `${name}b`]
  const characters = fc.constantFrom('codepoints', 'utf16', 'bytes').chain((count) => {
    const quantity: QuantitySpec = { kind: 'characters', count, of: of.map(bodyField) }
    const fields = fc.record({ [of[0] ?? '']: anyText, [of[1] ?? '']: anyText })
    return fields.map((values) => ({ quantity, fields: values }))
  })
  const number = fc
    .tuple(anyNumber, anyNumber)
    .map(([a, b]): { quantity: QuantitySpec; fields: Record<string, unknown> } => ({
      quantity: { kind: 'number', unit: 'unit', of: of.map(bodyField) },
      fields: { [of[0] ?? '']: a, [of[1] ?? '']: b },
    }))
  const one = fc.constant<{ quantity: QuantitySpec; fields: Record<string, unknown> }>({
    quantity: { kind: 'one' },
    fields: {},
  })
  const rate = fc.oneof(
    anyRow.map((row) => ({ rate: { kind: 'fixed', row } as const, fields: {} })),
    fc.tuple(anyRow, anyRow, fc.constantFrom('low', 'high', 'HIGH', undefined)).map(([low, high, chosen]) => ({
      rate: {
        kind: 'table',
        by: [{ first: [bodyField(`${name}tier`)], default: 'low' }],
        aliases: new Map<string, never>(),
        rows: new Map([
          ['low', low],
          ['high', high],
        ]),
        guarded: [],
      } as const,
      fields: chosen === undefined ? {} : { [`${name}tier`]: chosen },
    })),
  )
  return fc.tuple(fc.oneof(characters, number, one), rate).map(([measured, chosen]) => ({
    line: { quantity: measured.quantity, rate: chosen.rate },
    fields: { ...measured.fields, ...chosen.fields },
  }))
}

export const anyCase: fc.Arbitrary<Case> = fc
  .record({
    lines: fc
      .integer({ min: 1, max: 4 })
      .chain((count) => fc.tuple(...['p', 'q', 'r', 's'].slice(0, count).map(anyLine))),
    roundToMsat: fc.oneof(fc.constantFrom(1n, 10n, 1000n, 21_000n), fc.bigInt({ min: 1n, max: 100_000n })),
    min: fc.option(fc.bigInt({ min: 1n, max: 10n ** 9n }), { nil: undefined }),
    steps: fc.option(fc.bigInt({ min: 1n, max: 10n ** 5n }), { nil: undefined }),
  })
  .map(({ lines, roundToMsat, min, steps }) => ({
    price: {
      lines: lines.map(({ line }) => line),
      roundToMsat,
      ...(min !== undefined && { min: { num: min, den: 3n } }),
      // As the configuration demands: a multiple of what is rounded to, and not below the least.
      ...(steps !== undefined && { max: { num: ((min ?? 0n) / 3n / roundToMsat + steps) * roundToMsat, den: 1n } }),
    },
    body: Object.assign({}, ...lines.map(({ fields }) => fields)) as Record<string, unknown>,
  }))
