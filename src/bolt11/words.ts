import { bech32 } from '@scure/base'
import { InvoiceError } from './invoice-error.ts'

/** Everything in an invoice is made of words: integers of 5 bits, most significant first. */
export type Words = readonly number[]

const bitsPerWord = 5
/** Far above any sensible number of seconds or blocks, far below what a number holds exactly. */
const maxNumber = 2 ** 48

/** The shortest big-endian form, at least one word, or exactly `length` words. */
export function numberToWords(value: number, length = 1): number[] {
  const words: number[] = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 32)) words.unshift(rest % 32)
  while (words.length < length) words.unshift(0)
  return words
}

/** @throws InvoiceError `bad_field` when the number is absurdly large */
export function wordsToNumber(words: Words): number {
  let value = 0
  for (const word of words) {
    value = value * 32 + word
    if (value > maxNumber) throw new InvoiceError('bad_field', 'A number in the invoice is too large.')
  }
  return value
}

/** Bytes as words; the last word is filled up with 0 bits. */
export function bytesToWords(bytes: Uint8Array): number[] {
  return bech32.toWords(bytes)
}

/**
 * The bytes of a field.
 * @throws InvoiceError `bad_field` when what fills up the last word is more than needed or not 0 (BOLT 11: "MUST pad
 * field data to a multiple of 5 bits, using 0s")
 */
export function wordsToBytes(words: Words): Uint8Array {
  const bytes = bech32.fromWordsUnsafe([...words])
  if (!bytes) throw new InvoiceError('bad_field', 'A field of the invoice is not padded with zeros.')
  return bytes
}

/** The words as bytes for signing, filled up with 0 bits to the next byte (BOLT 11, "Data Part"). */
export function packWords(words: Words): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((words.length * bitsPerWord) / 8))
  let buffer = 0
  let bufferedBits = 0
  let at = 0
  for (const word of words) {
    buffer = ((buffer << bitsPerWord) | word) & 0xfff
    bufferedBits += bitsPerWord
    if (bufferedBits >= 8) {
      bufferedBits -= 8
      bytes[at++] = buffer >> bufferedBits
    }
  }
  if (bufferedBits > 0) bytes[at] = buffer << (8 - bufferedBits)
  return bytes
}
