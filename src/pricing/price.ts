import type { RequestIssue } from '../errors.ts'
import type { FieldSource } from './field.ts'
import { measure } from './quantity.ts'
import { chooseRate } from './rate.ts'
import {
  add,
  compare,
  formatRational,
  larger,
  multiply,
  type Rational,
  roundUp,
  smaller,
  whole,
  zero,
} from './rational.ts'
import type { LineSpec, PriceSpec, QuantitySpec } from './spec.ts'

export type Pricing =
  | { readonly kind: 'priced'; readonly price: Price }
  /** The request cannot be priced: it lacks something or asks for what is not sold. */
  | { readonly kind: 'invalid'; readonly issues: readonly RequestIssue[] }

export interface Price {
  readonly msat: bigint
  readonly lines: readonly PriceLine[]
  /** The values that chose the price, defaults filled in, by field name. */
  readonly inputs: Readonly<Record<string, string>>
}

export interface PriceLine {
  /** A sentence such as `5 s × 450 sats (mode = pro, generate_audio = false)`. */
  readonly label: string
  /** Rounded up to a whole msat. */
  readonly msat: bigint
  /** The row's own minimum or maximum decided, not the quantity. */
  readonly clamped: 'min' | 'max' | undefined
}

/** 90,071 bitcoin, and the largest whole number that JSON readers keep: a price at or above it is a mistake. */
const absurdMsat = 2n ** 53n

/** Prices one request. The result is above 0 and a multiple of `spec.roundToMsat`. */
export function priceOf(spec: PriceSpec, source: FieldSource): Pricing {
  const issues: RequestIssue[] = []
  const lines: PriceLine[] = []
  const inputs: Record<string, string> = {}
  let total = zero
  for (const line of spec.lines) {
    const priced = priceLine(line, source)
    if ('issues' in priced) {
      issues.push(...priced.issues)
      continue
    }
    total = add(total, priced.amount)
    lines.push(priced.line)
    Object.assign(inputs, priced.inputs)
  }
  if (issues.length > 0) return { kind: 'invalid', issues }
  if (spec.min) total = larger(total, spec.min)
  if (spec.max) total = smaller(total, spec.max)
  const msat = roundUp(total, spec.roundToMsat)
  if (msat <= 0n || msat >= absurdMsat) {
    return { kind: 'invalid', issues: [{ path: '$', message: 'asks for nothing that has a price' }] }
  }
  return { kind: 'priced', price: { msat, lines, inputs } }
}

type PricedLine =
  | { readonly amount: Rational; readonly line: PriceLine; readonly inputs: Record<string, string> }
  | { readonly issues: readonly RequestIssue[] }

function priceLine(spec: LineSpec, source: FieldSource): PricedLine {
  const measured = measure(spec.quantity, source)
  const rate = chooseRate(spec.rate, source)
  if (!measured.ok || !rate.ok) {
    return { issues: [...(measured.ok ? [] : measured.issues), ...(rate.ok ? [] : rate.issues)] }
  }
  const { row, keys } = rate
  const exact = multiply(measured.units, row.perUnit)
  const clamped =
    row.min && compare(exact, row.min) < 0 ? 'min' : row.max && compare(exact, row.max) > 0 ? 'max' : undefined
  const amount = clamped === 'min' && row.min ? row.min : clamped === 'max' && row.max ? row.max : exact
  const chosen = keys.length === 0 ? '' : ` (${keys.map(({ field, key }) => `${field} = ${key}`).join(', ')})`
  const bound = clamped === undefined ? '' : `, ${clamped === 'min' ? 'minimum' : 'maximum'} ${sats(amount)}`
  return {
    amount,
    inputs: Object.fromEntries(keys.map(({ field, key }) => [field, key])),
    line: {
      label: `${quantityLabel(spec.quantity, measured.units, row.perUnit)}${chosen}${bound}`,
      msat: roundUp(amount, 1n),
      clamped,
    },
  }
}

function quantityLabel(quantity: QuantitySpec, units: Rational, perUnit: Rational): string {
  if (quantity.kind === 'one') return sats(perUnit)
  const unit = unitName(quantity)
  const amount = formatRational(units)
  const name = unit === 's' || amount === '1' ? unit : `${unit}s`
  return `${amount} ${name} × ${rateLabel(perUnit, unit)}`
}

/** What a quantity is counted in: `char`, `byte`, `s` or `unit`. */
export function unitName(quantity: QuantitySpec): string {
  switch (quantity.kind) {
    case 'one':
      return 'request'
    case 'characters':
      return quantity.count === 'bytes' ? 'byte' : 'char'
    case 'number':
      return quantity.unit === 'second' ? 's' : 'unit'
  }
}

/** `1 sat / 333 chars` where the rate is one over something, `450 sats` where it is not. */
export function rateLabel(perUnit: Rational, unit: string): string {
  const inverse = { num: perUnit.den * 1000n, den: perUnit.num }
  if (perUnit.num > 0n && compare(perUnit, whole(1000n)) < 0 && inverse.num % inverse.den === 0n) {
    return `1 sat / ${inverse.num / inverse.den} ${unit === 's' ? 's' : `${unit}s`}`
  }
  return sats(perUnit)
}

/** An amount in msat as text in sats: `300 sats`, `0.5 sats`, `1 sat`. */
export function sats(msat: Rational): string {
  const text = formatRational({ num: msat.num, den: msat.den * 1000n })
  return `${text} ${text === '1' ? 'sat' : 'sats'}`
}
