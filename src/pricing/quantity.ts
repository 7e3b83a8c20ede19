import { maxIssues, type RequestIssue } from '../errors.ts'
import { absentAt, type FieldSource, type FieldValue, readField } from './field.ts'
import { add, compare, parseDecimal, type Rational, whole, zero } from './rational.ts'
import type { QuantitySpec } from './spec.ts'

export type Measured =
  | { readonly ok: true; readonly units: Rational }
  | { readonly ok: false; readonly issues: readonly RequestIssue[] }

/** How much of it a request asks for. Absent characters count 0; an absent number is an issue. */
export function measure(quantity: QuantitySpec, source: FieldSource): Measured {
  if (quantity.kind === 'one') return { ok: true, units: whole(1n) }
  const issues: RequestIssue[] = []
  let units = zero
  for (const field of quantity.of) {
    const values = readField(field, source)
    if (values.length === 0 && quantity.kind === 'number') {
      issues.push({ path: absentAt(field), message: 'is needed: the price depends on it' })
    }
    for (const value of values) {
      const amount = quantity.kind === 'number' ? asNumber(value) : asCharacters(value, quantity.count)
      if (!('message' in amount)) units = add(units, amount)
      else if (issues.push(amount) === maxIssues) return { ok: false, issues }
    }
  }
  issues.push(...outsideLimits(quantity, units))
  return issues.length > 0 ? { ok: false, issues } : { ok: true, units }
}

/** Characters of a string by the operator's unit; a pair of surrogates is one code point. */
export function countCharacters(text: string, count: 'codepoints' | 'utf16' | 'bytes'): number {
  switch (count) {
    case 'utf16':
      return text.length
    case 'bytes':
      return Buffer.byteLength(text)
    case 'codepoints': {
      // Most texts have none, which this finds out much faster than the loop.
      if (!/[\ud800-\udbff]/.test(text)) return text.length
      let points = text.length
      for (let at = 0; at + 1 < text.length; at++) {
        if ((text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
          points--
          at++
        }
      }
      return points
    }
  }
}

function asCharacters({ at, value }: FieldValue, count: 'codepoints' | 'utf16' | 'bytes'): Rational | RequestIssue {
  if (typeof value !== 'string') return { path: at, message: 'must be text: the price is by its characters' }
  return whole(BigInt(countCharacters(value, count)))
}

function asNumber({ at, value }: FieldValue): Rational | RequestIssue {
  const number = typeof value === 'number' ? parseDecimal(String(value)) : typeof value === 'string' && fromText(value)
  if (!number || number.num < 0n) return { path: at, message: 'must be a number, 0 or above: the price depends on it' }
  return number
}

/** Numbers in a path, a query or a form: plain decimals only, since other readers differ on the rest. */
const fromText = (text: string) =>
  /^(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?$/.test(text) ? parseDecimal(text) : undefined

function outsideLimits(quantity: Exclude<QuantitySpec, { kind: 'one' }>, units: Rational): RequestIssue[] {
  const path = quantity.of.map(absentAt).join(' + ')
  const name = quantity.kind === 'characters' ? 'characters' : quantity.unit === 'second' ? 'seconds' : 'units'
  const { minUnits, maxUnits } = quantity
  if (minUnits !== undefined && compare(units, whole(minUnits)) < 0) {
    return [{ path, message: `must be at least ${minUnits} ${name} together` }]
  }
  if (maxUnits !== undefined && compare(units, whole(maxUnits)) > 0) {
    return [{ path, message: `must be at most ${maxUnits} ${name} together` }]
  }
  return []
}
