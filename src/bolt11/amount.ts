import { InvoiceError } from './invoice-error.ts'

/** 21 million bitcoin: no invoice can ask for more. */
export const maxAmountMsat = 2_100_000_000_000_000_000n

/** Largest first: BOLT 11 asks for the shortest form, which the largest multiplier gives. */
const wholeMsatUnits = [
  ['', 100_000_000_000n],
  ['m', 100_000_000n],
  ['u', 100_000n],
  ['n', 100n],
] as const satisfies readonly (readonly [string, bigint])[]

/** A pico-bitcoin is a tenth of a millisatoshi. */
const picoPerMsat = 10n

const amountText = /^([1-9][0-9]{0,19})([munp]?)$/

/**
 * The amount as it stands in the human-readable part (BOLT 11, "Human-Readable Part"), in its shortest form.
 * @param amountMsat 1 to {@link maxAmountMsat}
 * @throws InvoiceError `bad_amount`
 */
export function encodeAmount(amountMsat: bigint): string {
  checkRange(amountMsat)
  for (const [multiplier, msat] of wholeMsatUnits) {
    if (amountMsat % msat === 0n) return `${amountMsat / msat}${multiplier}`
  }
  return `${amountMsat * picoPerMsat}p`
}

/**
 * Reads the amount of the human-readable part (BOLT 11, "Human-Readable Part"), exactly.
 * @param text what follows the network, not empty: `2500u`, `9678785340p`
 * @returns msat
 * @throws InvoiceError `bad_amount`: not a positive decimal integer with a known multiplier, a fraction of a
 * millisatoshi, or more than there are bitcoin
 */
export function decodeAmount(text: string): bigint {
  const match = amountText.exec(text)
  if (!match)
    throw new InvoiceError('bad_amount', 'The amount is not a positive number with a multiplier m, u, n or p.')
  const [, digits = '', multiplier = ''] = match
  const amountMsat = toMsat(BigInt(digits), multiplier)
  checkRange(amountMsat)
  return amountMsat
}

function toMsat(count: bigint, multiplier: string): bigint {
  const unit = wholeMsatUnits.find(([letter]) => letter === multiplier)
  if (unit) return count * unit[1]
  if (count % picoPerMsat !== 0n) throw new InvoiceError('bad_amount', 'The amount has a fraction of a millisatoshi.')
  return count / picoPerMsat
}

function checkRange(amountMsat: bigint): void {
  if (amountMsat < 1n || amountMsat > maxAmountMsat) {
    throw new InvoiceError('bad_amount', `The amount must be between 1 and ${maxAmountMsat} msat.`)
  }
}
