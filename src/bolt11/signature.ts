import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { bech32 } from '@scure/base'
import { InvoiceError } from './invoice-error.ts'
import { bytesToWords, packWords, type Words } from './words.ts'

/** 64 bytes of signature and one of recovery id. */
export const signatureWords = 104

/** The bytes are hashed here, as BOLT 11 wants them, not by the library. */
const overHash = { prehash: false } as const

/**
 * Signs and writes down an invoice (BOLT 11, "Data Part").
 * @param prefix the human-readable part, lower case
 * @param data timestamp and tagged fields
 * @param secretKey 32 bytes; the payee's node key
 */
export function signInvoice(prefix: string, data: Words, secretKey: Uint8Array): string {
  const signature = secp256k1.sign(signingHash(prefix, data), secretKey, { ...overHash, format: 'recovered' })
  // @noble/curves puts the recovery id first, BOLT 11 last.
  const recoveryLast = concatBytes(signature.subarray(1), signature.subarray(0, 1))
  return bech32.encode(prefix, [...data, ...bytesToWords(recoveryLast)], false)
}

/**
 * Checks the signature of an invoice (BOLT 11, "Data Part" and field `n`).
 * @param signature its last 104 words
 * @param payee 33 bytes of a valid `n` field, which then must be the signer, with a low S; undefined: the signer is
 * recovered from the signature, whose S may be high
 * @returns the signer's public key, 66 hex digits
 * @throws InvoiceError `bad_signature`
 */
export function checkSignature(prefix: string, data: Words, signature: Words, payee: Uint8Array | undefined): string {
  const hash = signingHash(prefix, data)
  const bytes = packWords(signature)
  const signer = payee ? verified(bytes, hash, payee) : recovered(bytes, hash)
  if (!signer) throw new InvoiceError('bad_signature', 'The signature of the invoice is not valid.')
  return bytesToHex(signer)
}

function signingHash(prefix: string, data: Words): Uint8Array {
  return sha256(concatBytes(utf8ToBytes(prefix), packWords(data)))
}

function verified(signature: Uint8Array, hash: Uint8Array, payee: Uint8Array): Uint8Array | undefined {
  try {
    return secp256k1.verify(signature.subarray(0, 64), hash, payee, { ...overHash, lowS: true }) ? payee : undefined
  } catch {
    return undefined
  }
}

function recovered(signature: Uint8Array, hash: Uint8Array): Uint8Array | undefined {
  const recoveryFirst = concatBytes(signature.subarray(64), signature.subarray(0, 64))
  try {
    return secp256k1.recoverPublicKey(recoveryFirst, hash, overHash)
  } catch {
    return undefined
  }
}
