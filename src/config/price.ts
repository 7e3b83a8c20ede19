import { z } from 'zod'
import { type Reading, readAmount } from '../pricing/amount.ts'
import type { FieldRef } from '../pricing/field.ts'
import { compare, type Rational, roundUp } from '../pricing/rational.ts'
import type { LineSpec, PriceSpec, QuantitySpec } from '../pricing/spec.ts'
import { type RateFrame, rateSchema, readFieldRef, readRateSpec } from './rate.ts'

/** `price:` of a service → {@link PriceSpec}, or `free`. */

const written = z
  .union([z.string(), z.number()], {
    error: 'write sats as a number (`7500`) or an amount with a unit (`500 msat`)',
  })
  .meta({ title: 'amount' })

const amount = (description: string) =>
  written.describe(description).transform((value, context) => settle(readAmount(value), context))

const positiveInt = z.int().positive()

const fieldRef = z
  .string()
  .meta({ title: 'field' })
  .transform((text, context): FieldRef => {
    const reading = readFieldRef(text)
    if (reading.ok) return reading.value
    context.addIssue(reading.problem)
    return z.NEVER
  })

const fieldList = z.union([fieldRef.transform((field) => [field]), z.array(fieldRef).min(1)], {
  error: 'write the field that the price is measured by, or a list of fields',
})

const metered = {
  of: fieldList.describe('The field or fields it is measured by; several are added up'),
  rate: rateSchema,
  min: amount('The least this line costs').optional(),
  max: amount('The most this line costs').optional(),
  min_units: positiveInt.describe('Fewer units than this are refused (400)').optional(),
  max_units: positiveInt.describe('More units than this are refused (400)').optional(),
}

const perChar = z
  .strictObject({
    ...metered,
    count: z
      .enum(['codepoints', 'utf16', 'bytes'])
      .default('codepoints')
      .describe('What one character is: a Unicode code point, a UTF-16 unit, or a byte of UTF-8'),
  })
  .describe('A price by the characters of one or more text fields')
const perUnit = z.strictObject(metered).describe('A price by a number in the request')
const duration = z.strictObject(metered).describe('A price by a number of seconds in the request')
const flat = amount('The same price for every request').describe('The same price for every request, in sats')

const lineShape = {
  flat: flat.optional(),
  per_char: perChar.optional(),
  per_unit: perUnit.optional(),
  duration: duration.optional(),
}
const lineKeys = ['flat', 'per_char', 'per_unit', 'duration'] as const

const line = z.strictObject(lineShape).transform(toLine)

type LineInput = z.output<z.ZodObject<typeof lineShape>>

const priceObject = z
  .strictObject({
    ...lineShape,
    sum: z.array(line).min(2, 'needs two lines or more').describe('Several lines added up').optional(),
    min: amount('The least a request costs').optional(),
    max: amount('The most a request costs').optional(),
    round_to: amount('Prices are rounded up to a multiple of this').prefault(1),
  })
  .transform((input, context): PriceSpec => {
    const { sum, min, max, round_to: roundTo, ...own } = input
    const given = lineKeys.filter((key) => own[key] !== undefined)
    if (given.length + (sum ? 1 : 0) !== 1) {
      if (!hasUnknownKey(context))
        context.addIssue(`give exactly one of ${lineKeys.map((key) => `\`${key}\``).join(', ')} and \`sum\``)
      return z.NEVER
    }
    const roundToMsat = roundUp(roundTo, 1n)
    if (roundToMsat < 1n || roundTo.num % roundTo.den !== 0n) {
      context.addIssue({ code: 'custom', path: ['round_to'], message: 'must be a whole number of msat, at least 1' })
      return z.NEVER
    }
    if (max && roundUp(max, roundToMsat) * max.den !== max.num) {
      context.addIssue({
        code: 'custom',
        path: ['max'],
        message: 'must be a multiple of `round_to`, or rounding up would pass it',
      })
    }
    checkBounds(min, max, [], context)
    return {
      lines: sum ?? [toLine(own, context)],
      ...(min && { min }),
      ...(max && { max }),
      roundToMsat,
    }
  })

export const priceSchema = z
  .union([z.literal('free').describe('No payment: requests pass straight through'), priceObject], {
    error: 'write `free`, or a rule such as `{ flat: 7500 }`',
  })
  .describe('What a request costs')

function toLine(input: LineInput, context: z.RefinementCtx): LineSpec {
  const given = lineKeys.filter((key) => input[key] !== undefined)
  if (given.length !== 1) {
    if (!hasUnknownKey(context))
      context.addIssue(`give exactly one of ${lineKeys.map((key) => `\`${key}\``).join(', ')}`)
    return z.NEVER
  }
  if (input.flat) {
    if (input.flat.num <= 0n) {
      context.addIssue({
        code: 'custom',
        path: ['flat'],
        message: 'must be above 0; to give something away write `price: free`',
      })
    }
    return { quantity: { kind: 'one' }, rate: { kind: 'fixed', row: { perUnit: input.flat, accepts: [] } } }
  }
  if (input.per_char) {
    const { count, of } = input.per_char
    return meteredLine(
      { kind: 'characters', of, count, ...limits(input.per_char) },
      input.per_char,
      'per_char',
      context,
    )
  }
  const unit = input.duration ? 'second' : 'unit'
  const number = input.duration ?? input.per_unit
  if (!number) return z.NEVER
  const key = input.duration ? 'duration' : 'per_unit'
  return meteredLine({ kind: 'number', of: number.of, unit, ...limits(number) }, number, key, context)
}

type Metered = z.output<typeof perUnit>

function meteredLine(quantity: QuantitySpec, input: Metered, key: string, context: z.RefinementCtx): LineSpec {
  const { min, max } = input
  checkBounds(min, max, [key], context)
  if (input.min_units !== undefined && input.max_units !== undefined && input.min_units > input.max_units) {
    context.addIssue({ code: 'custom', path: [key, 'max_units'], message: 'is below `min_units`' })
  }
  const frame: RateFrame = { min, max, quantity, path: [key, 'rate'], context }
  return { quantity, rate: readRateSpec(input.rate, frame) }
}

const limits = ({ min_units: min, max_units: max }: Metered) => ({
  ...(min !== undefined && { minUnits: BigInt(min) }),
  ...(max !== undefined && { maxUnits: BigInt(max) }),
})

function checkBounds(min: Rational | undefined, max: Rational | undefined, path: string[], context: z.RefinementCtx) {
  if (max && max.num <= 0n) context.addIssue({ code: 'custom', path: [...path, 'max'], message: 'must be above 0' })
  if (min && max && compare(min, max) > 0)
    context.addIssue({ code: 'custom', path: [...path, 'max'], message: 'is below `min`' })
}

/** A mistyped key has been reported by then, and is the one that is missing. */
const hasUnknownKey = (context: z.RefinementCtx): boolean =>
  context.issues.some(({ code }) => code === 'unrecognized_keys')

function settle<T>(reading: Reading<T>, context: z.RefinementCtx): T {
  if (reading.ok) return reading.value
  context.addIssue(reading.problem)
  return z.NEVER
}
