import { divide, multiply, parseDecimal, type Rational, whole } from './rational.ts'

/** Amounts and rates as an operator writes them. A bare number is sats; text carries the unit. */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string }

const msatPerSat = whole(1000n)

const amountText = /^([0-9.eE+-]+)\s*(sats?|msats?)?$/
const rateText = /^(.+?)\s*(?:\/|per)\s*(?:([0-9.]+)\s*)?([a-z]+)$/i

/** `7500`, `"7500"`, `"500 msat"`, `"0.5 sat"` → msat, exactly. Never negative. */
export function readAmount(written: string | number): Reading<Rational> {
  const text = String(written).trim()
  const match = amountText.exec(text)
  if (!match) return { ok: false, problem: amountProblem(text) }
  const number = parseDecimal(match[1] ?? '')
  if (!number) return { ok: false, problem: amountProblem(text) }
  if (number.num < 0n) return { ok: false, problem: 'an amount cannot be negative' }
  return { ok: true, value: match[2]?.startsWith('m') ? number : multiply(number, msatPerSat) }
}

/** `300` (sats per unit), `"1 sat / 333 chars"`, `"500 msat / second"` → msat per one unit, exactly. */
export function readRate(written: string | number): Reading<Rational> {
  const text = String(written).trim()
  const match = rateText.exec(text)
  if (!match) return readAmount(text)
  const [, amount = '', countText = '1', unit = ''] = match
  if (/^m?sats?$/i.test(unit)) {
    const [count = '1'] = /[0-9][0-9.]*/.exec(amount) ?? []
    return {
      ok: false,
      problem: `write the amount before the slash and the units after it: \`${countText} ${unit} / ${count} chars\``,
    }
  }
  const price = readAmount(amount)
  if (!price.ok) return price
  const count = parseDecimal(countText)
  if (!count || count.num <= 0n) return { ok: false, problem: `\`${countText}\` is not a number of units above 0` }
  return { ok: true, value: divide(price.value, count) }
}

function amountProblem(text: string): string {
  if (/\b(usd|eur|btc|\$)/i.test(text) || text.includes('$')) {
    return `amounts are in sats or msat for now; \`${text}\` is neither`
  }
  return `\`${text}\` is not an amount; write sats as a number (\`7500\`) or with a unit (\`500 msat\`)`
}
