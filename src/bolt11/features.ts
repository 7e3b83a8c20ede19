import { InvoiceError } from './invoice-error.ts'
import type { Words } from './words.ts'

const varOnionRequired = 8
const paymentSecretRequired = 14
const basicMppOptional = 17

/** What every modern payer understands: onion TLV and payment secret are needed, several parts are welcome. */
export const writtenFeatures = [varOnionRequired, paymentSecretRequired, basicMppOptional] as const

/**
 * The even bits a reader may meet as required without failing (BOLT 9, context `9`): var_onion 8, payment_secret 14,
 * basic_mpp 16, route_blinding 24, AMP 30 (lnd), attribution_data 36, payment_metadata 48, trampoline 56 and 148, blinded
 * paths in BOLT 11 262 (lnd).
 */
const knownRequired: ReadonlySet<number> = new Set([8, 14, 16, 24, 30, 36, 48, 56, 148, 262])

/** Feature bits as words: big-endian, bit 0 last, the shortest form (BOLT 11, "Feature Bits"). */
export function featuresToWords(bits: readonly number[]): number[] {
  const words = Array.from({ length: Math.floor(Math.max(...bits) / 5) + 1 }, () => 0)
  for (const bit of bits) {
    const index = words.length - 1 - Math.floor(bit / 5)
    words[index] = (words[index] ?? 0) | (1 << (bit % 5))
  }
  return words
}

/**
 * The bits that are set, ascending (BOLT 11, "Feature Bits").
 * @throws InvoiceError `unknown_feature` when an unknown even bit is set: nobody could be sure to pay such an invoice
 */
export function readFeatures(words: Words): number[] {
  const bits: number[] = []
  for (const [index, word] of words.toReversed().entries()) {
    for (let offset = 0; offset < 5; offset++) {
      if ((word & (1 << offset)) !== 0) bits.push(index * 5 + offset)
    }
  }
  const unknown = bits.find((bit) => bit % 2 === 0 && !knownRequired.has(bit))
  if (unknown !== undefined)
    throw new InvoiceError('unknown_feature', `The invoice requires unknown feature ${unknown}.`)
  return bits
}
