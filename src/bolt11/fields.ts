import { InvoiceError } from './invoice-error.ts'
import { numberToWords, type Words } from './words.ts'

/** The tagged fields that are read and written here, by type (BOLT 11, "Tagged Fields"). */
export const fieldType = {
  paymentHash: 1,
  features: 5,
  expirySeconds: 6,
  description: 13,
  paymentSecret: 16,
  payee: 19,
  descriptionHash: 23,
  minFinalCltvExpiry: 24,
} as const

export type FieldType = (typeof fieldType)[keyof typeof fieldType]

/** `data_length` has 10 bits, which makes 639 bytes. */
const maxFieldWords = 1023
export const maxFieldBytes = 639

const wordsOf32Bytes = 52
const wordsOf33Bytes = 53

/** These fields are skipped at any other length, so that a later BOLT may give them one. */
const fixedLengths = new Map<number, number>([
  [fieldType.paymentHash, wordsOf32Bytes],
  [fieldType.paymentSecret, wordsOf32Bytes],
  [fieldType.descriptionHash, wordsOf32Bytes],
  [fieldType.payee, wordsOf33Bytes],
])

/**
 * One tagged field: type, length in words, data (BOLT 11, "Tagged Fields").
 * @throws InvoiceError `bad_field` when the data is longer than 1023 words
 */
export function encodeField(type: FieldType, data: Words): number[] {
  if (data.length > maxFieldWords) throw new InvoiceError('bad_field', `A field holds at most ${maxFieldBytes} bytes.`)
  return [type, ...numberToWords(data.length, 2), ...data]
}

/**
 * The tagged fields by type. Of several with one type the first counts; `p`, `s`, `h` and `n` fields of a wrong length
 * are skipped, and unknown types do no harm (BOLT 11, "Tagged Fields", requirements of a reader).
 * @param words between timestamp and signature
 * @throws InvoiceError `truncated` when a field runs past the end
 */
export function readFields(words: Words): ReadonlyMap<number, Words> {
  const fields = new Map<number, Words>()
  let at = 0
  while (at < words.length) {
    const [type, high, low] = words.slice(at, at + 3)
    if (type === undefined || high === undefined || low === undefined) throw truncated()
    const start = at + 3
    const length = high * 32 + low
    at = start + length
    if (at > words.length) throw truncated()
    const usable = (fixedLengths.get(type) ?? length) === length
    if (usable && !fields.has(type)) fields.set(type, words.slice(start, at))
  }
  return fields
}

const truncated = (): InvoiceError => new InvoiceError('truncated', 'A field of the invoice runs past its end.')
