/** An exact fraction. `den` is positive; not always in lowest terms. */
export interface Rational {
  readonly num: bigint
  readonly den: bigint
}

export const zero: Rational = { num: 0n, den: 1n }

export const whole = (value: bigint): Rational => ({ num: value, den: 1n })

/** Where one denominator divides the other it stays: a sum of decimals has no more digits than its longest one. */
export function add(a: Rational, b: Rational): Rational {
  if (a.den === b.den) return { num: a.num + b.num, den: a.den }
  if (a.den % b.den === 0n) return { num: a.num + b.num * (a.den / b.den), den: a.den }
  if (b.den % a.den === 0n) return { num: a.num * (b.den / a.den) + b.num, den: b.den }
  return { num: a.num * b.den + b.num * a.den, den: a.den * b.den }
}

export const multiply = (a: Rational, b: Rational): Rational => ({ num: a.num * b.num, den: a.den * b.den })

/** @throws RangeError when `b` is zero */
export function divide(a: Rational, b: Rational): Rational {
  if (b.num === 0n) throw new RangeError('division by zero')
  const sign = b.num < 0n ? -1n : 1n
  return { num: a.num * b.den * sign, den: a.den * b.num * sign }
}

/** Negative, zero or positive as `a` is below, at or above `b`. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.num * b.den - b.num * a.den
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

export const larger = (a: Rational, b: Rational): Rational => (compare(a, b) >= 0 ? a : b)

export const smaller = (a: Rational, b: Rational): Rational => (compare(a, b) <= 0 ? a : b)

/** The smallest multiple of `unit` that is not below `value`. `unit` is positive. */
export function roundUp(value: Rational, unit: bigint): bigint {
  const step = value.den * unit
  const quotient = value.num / step
  return (value.num > quotient * step ? quotient + 1n : quotient) * unit
}

const decimal = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?$/

/**
 * Reads a decimal number from its text, exactly.
 * @returns undefined when the text is not a plain decimal number
 */
export function parseDecimal(text: string): Rational | undefined {
  const match = decimal.exec(text)
  if (!match) return undefined
  const [, sign, integer = '', fraction = '', exponentText = '0'] = match
  const exponent = Number(exponentText) - fraction.length
  if (Math.abs(exponent) > 400) return undefined
  const digits = BigInt(sign + integer + fraction)
  return exponent >= 0
    ? { num: digits * 10n ** BigInt(exponent), den: 1n }
    : { num: digits, den: 10n ** BigInt(-exponent) }
}

/** A decimal rendering, exact where it ends within six places, else rounded up at the sixth. */
export function formatRational(value: Rational): string {
  const scaled = roundUp({ num: value.num * 1_000_000n, den: value.den }, 1n)
  const text = (scaled < 0n ? -scaled : scaled).toString().padStart(7, '0')
  const fraction = text.slice(-6).replace(/0+$/, '')
  return `${scaled < 0n ? '-' : ''}${text.slice(0, -6)}${fraction === '' ? '' : `.${fraction}`}`
}
