import { bytesToHex } from '@noble/hashes/utils.js'
import { bech32 } from '@scure/base'
import { readFeatures } from './features.ts'
import { type FieldType, fieldType, readFields } from './fields.ts'
import { InvoiceError } from './invoice-error.ts'
import { decodePrefix, type InvoicePrefix } from './prefix.ts'
import { checkSignature, signatureWords } from './signature.ts'
import { type Words, wordsToBytes, wordsToNumber } from './words.ts'

export interface DecodedInvoice extends InvoicePrefix {
  /** Unix seconds at which it was made. */
  readonly timestamp: number
  readonly expirySeconds: number
  /** Unix seconds: timestamp and expiry together. */
  readonly expiresAt: number
  /** 64 lower-case hex digits. */
  readonly paymentHash: string
  /** 64 lower-case hex digits. */
  readonly paymentSecret: string
  readonly description: string | undefined
  /** 64 lower-case hex digits. */
  readonly descriptionHash: string | undefined
  /** Blocks. */
  readonly minFinalCltvExpiry: number
  /** Bits, ascending. */
  readonly features: readonly number[]
}

export interface VerifiedInvoice extends DecodedInvoice {
  /** The public key that signed it, 66 lower-case hex digits. */
  readonly payee: string
}

/** The largest a QR code can hold. */
const maxInvoiceLength = 7089
const timestampWords = 7
const defaultExpirySeconds = 3600
const defaultMinFinalCltvExpiry = 18

const bech32Text = /^[\x21-\x7e]+1[02-9ac-hj-np-z]{6,}$/i
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads an invoice, strictly (BOLT 11, requirements of a reader): what a payer would have to refuse is refused here.
 * Lengths no payer needs and amounts above all bitcoin are refused too. Time is not looked at.
 *
 * `signature: 'verify'` finds out who signed, which costs about a millisecond. `'skip'` takes less than a hundredth of
 * that and tells nothing of the payee, not even what an `n` field claims.
 * @param text all lower or all upper case, without `lightning:`
 * @throws InvoiceError
 */
export function decodeInvoice(text: string, options: { readonly signature: 'verify' }): VerifiedInvoice
export function decodeInvoice(text: string, options: { readonly signature: 'skip' }): DecodedInvoice
export function decodeInvoice(
  text: string,
  options: { readonly signature: 'verify' | 'skip' },
): DecodedInvoice | VerifiedInvoice {
  const { prefix, words } = readBech32(text)
  const network = decodePrefix(prefix)
  if (words.length < timestampWords + signatureWords) {
    throw new InvoiceError('truncated', 'The invoice is too short to hold a signature.')
  }
  const data = words.slice(0, -signatureWords)
  const fields = readFields(data.slice(timestampWords))
  const timestamp = wordsToNumber(data.slice(0, timestampWords))
  const invoice = { ...network, timestamp, ...interpretFields(fields, timestamp) }
  if (options.signature === 'skip') return invoice
  const claimed = fields.get(fieldType.payee)
  const payee = checkSignature(prefix, data, words.slice(-signatureWords), claimed && wordsToBytes(claimed))
  return { ...invoice, payee }
}

function readBech32(text: string): { prefix: string; words: Words } {
  if (text.length > maxInvoiceLength) {
    throw new InvoiceError('too_long', `The invoice has more than ${maxInvoiceLength} characters.`)
  }
  // BOLT 11 lifts the 90 characters of BIP 173. The text goes in as it came: the library knows the letters that only
  // become ASCII when their case is changed.
  const decoded = bech32.decodeUnsafe(text, false)
  if (decoded) return decoded
  if (/[a-z]/.test(text) && /[A-Z]/.test(text)) {
    throw new InvoiceError('mixed_case', 'The invoice mixes upper and lower case.')
  }
  if (!bech32Text.test(text)) throw new InvoiceError('malformed', 'This is not an invoice.')
  throw new InvoiceError('checksum', 'The checksum of the invoice is wrong: it was mistyped or cut.')
}

function interpretFields(
  fields: ReadonlyMap<number, Words>,
  timestamp: number,
): Omit<DecodedInvoice, keyof InvoicePrefix | 'timestamp'> {
  const number = (type: FieldType, otherwise: number) => {
    const words = fields.get(type)
    return words ? wordsToNumber(words) : otherwise
  }
  const hex = (type: FieldType) => {
    const words = fields.get(type)
    return words && bytesToHex(wordsToBytes(words))
  }
  const description = fields.get(fieldType.description)
  const expirySeconds = number(fieldType.expirySeconds, defaultExpirySeconds)
  return {
    expirySeconds,
    expiresAt: timestamp + expirySeconds,
    paymentHash: required('payment hash', hex(fieldType.paymentHash)),
    paymentSecret: required('payment secret', hex(fieldType.paymentSecret)),
    description: description && readText(wordsToBytes(description)),
    descriptionHash: hex(fieldType.descriptionHash),
    minFinalCltvExpiry: number(fieldType.minFinalCltvExpiry, defaultMinFinalCltvExpiry),
    features: readFeatures(fields.get(fieldType.features) ?? []),
  }
}

function required(name: string, value: string | undefined): string {
  if (value === undefined) throw new InvoiceError('missing_field', `The invoice has no ${name}.`)
  return value
}

function readText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    throw new InvoiceError('bad_field', 'The description of the invoice is not UTF-8.')
  }
}
