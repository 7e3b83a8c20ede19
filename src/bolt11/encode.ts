import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { featuresToWords, writtenFeatures } from './features.ts'
import { encodeField, fieldType, maxFieldBytes } from './fields.ts'
import { InvoiceError } from './invoice-error.ts'
import { encodePrefix, type InvoiceNetwork } from './prefix.ts'
import { signInvoice } from './signature.ts'
import { bytesToWords, numberToWords } from './words.ts'

/** A description, or the SHA-256 of one that the payer gets in another way; never both. */
export type InvoicePurpose =
  | { /** At most 639 bytes of UTF-8. */ readonly description: string; readonly descriptionHash?: never }
  | { readonly description?: never /** 64 hex digits. */; readonly descriptionHash: string }

export type NewInvoice = InvoicePurpose & {
  readonly network: InvoiceNetwork
  /** `any`: the payer may choose. */
  readonly amountMsat: bigint | 'any'
  /** 64 hex digits: the SHA-256 of the preimage. */
  readonly paymentHash: string
  /** 64 hex digits. */
  readonly paymentSecret: string
  /** Unix seconds at which it is made. */
  readonly timestamp: number
  readonly expirySeconds: number
  /** Blocks; 80 unless said otherwise. */
  readonly minFinalCltvExpiry?: number
  /** Names the payee in a field of its own (`n`). Not needed: the signature tells. */
  readonly includePayee?: boolean
}

const timestampWords = 7
const maxTimestamp = 2 ** (5 * timestampWords) - 1
const maxExpirySeconds = 2 ** 32 - 1
const defaultMinFinalCltvExpiry = 80
const hex32 = /^[0-9a-f]{64}$/i

/**
 * Writes and signs an invoice (BOLT 11, "Data Part" and "Tagged Fields"), with the features 8 and 14 required and 17
 * offered. The same input gives the same invoice.
 * @param secretKey 32 bytes; the payee's node key
 * @returns in lower case
 * @throws InvoiceError `bad_amount`, `bad_field`
 */
export function encodeInvoice(invoice: NewInvoice, secretKey: Uint8Array): string {
  const prefix = encodePrefix({
    network: invoice.network,
    amountMsat: invoice.amountMsat === 'any' ? undefined : invoice.amountMsat,
  })
  const timestamp = checkedInteger('timestamp', invoice.timestamp, maxTimestamp)
  const expirySeconds = checkedInteger('expiry', invoice.expirySeconds, maxExpirySeconds)
  const cltv = checkedInteger('final CLTV', invoice.minFinalCltvExpiry ?? defaultMinFinalCltvExpiry, 0xffff)
  const data = [
    ...numberToWords(timestamp, timestampWords),
    ...encodeField(fieldType.paymentSecret, hashWords('payment secret', invoice.paymentSecret)),
    ...encodeField(fieldType.paymentHash, hashWords('payment hash', invoice.paymentHash)),
    ...purposeField(invoice),
    ...encodeField(fieldType.expirySeconds, numberToWords(expirySeconds)),
    ...encodeField(fieldType.minFinalCltvExpiry, numberToWords(cltv)),
    ...encodeField(fieldType.features, featuresToWords(writtenFeatures)),
    ...(invoice.includePayee ? encodeField(fieldType.payee, bytesToWords(secp256k1.getPublicKey(secretKey))) : []),
  ]
  return signInvoice(prefix, data, secretKey)
}

function purposeField(purpose: InvoicePurpose): number[] {
  if (purpose.descriptionHash !== undefined) {
    return encodeField(fieldType.descriptionHash, hashWords('description hash', purpose.descriptionHash))
  }
  const description = utf8ToBytes(purpose.description)
  if (description.length > maxFieldBytes) {
    throw new InvoiceError('bad_field', `The description has more than ${maxFieldBytes} bytes.`)
  }
  return encodeField(fieldType.description, bytesToWords(description))
}

function hashWords(name: string, hex: string): number[] {
  if (!hex32.test(hex)) throw new InvoiceError('bad_field', `The ${name} is not 64 hex digits.`)
  return bytesToWords(hexToBytes(hex))
}

function checkedInteger(name: string, value: number, max: number): number {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new InvoiceError('bad_field', `The ${name} must be a whole number between 1 and ${max}.`)
  }
  return value
}
