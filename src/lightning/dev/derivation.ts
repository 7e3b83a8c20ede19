import { timingSafeEqual } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { InvoiceRequest } from '../../ports/wallet.ts'

/**
 * Everything the development wallet knows of an invoice follows from its seed and a nonce of 16 bytes, and the invoice
 * carries the nonce: payment secret = nonce, then 16 bytes of HMAC over it. So nothing is stored for an invoice that
 * nobody pays. The nonce is public; without the seed it tells nothing of the preimage.
 */
export interface InvoiceSecrets {
  /** 32 bytes as hex. */
  readonly preimage: string
  readonly paymentHash: string
  readonly paymentSecret: string
}

export interface NodeKey {
  readonly secretKey: Uint8Array
  /** The public key, 66 hex digits. */
  readonly nodeId: string
}

const nonceBytes = 16
const tagBytes = 16

export function deriveNodeKey(seed: Uint8Array): NodeKey {
  const secretKey = derive(seed, 'node key', new Uint8Array())
  return { secretKey, nodeId: bytesToHex(secp256k1.getPublicKey(secretKey)) }
}

/** The same key, amount and description give the same nonce, and so the same payment hash. */
export function deriveNonce(
  seed: Uint8Array,
  request: Pick<InvoiceRequest, 'idempotencyKey' | 'amountMsat' | 'description'>,
): Uint8Array {
  const parts = JSON.stringify([request.idempotencyKey, String(request.amountMsat), request.description])
  return derive(seed, 'nonce', utf8ToBytes(parts)).subarray(0, nonceBytes)
}

export function deriveSecrets(seed: Uint8Array, nonce: Uint8Array): InvoiceSecrets {
  const preimage = derive(seed, 'preimage', nonce)
  return {
    preimage: bytesToHex(preimage),
    paymentHash: bytesToHex(sha256(preimage)),
    paymentSecret: bytesToHex(concatBytes(nonce, tag(seed, nonce))),
  }
}

/**
 * The nonce that a payment secret carries.
 * @param paymentSecret 64 hex digits
 * @returns undefined when it was not made from this seed
 */
export function readNonce(seed: Uint8Array, paymentSecret: string): Uint8Array | undefined {
  const bytes = hexToBytes(paymentSecret)
  const nonce = bytes.subarray(0, nonceBytes)
  return timingSafeEqual(bytes.subarray(nonceBytes), tag(seed, nonce)) ? nonce : undefined
}

function tag(seed: Uint8Array, nonce: Uint8Array): Uint8Array {
  return derive(seed, 'payment secret', nonce).subarray(0, tagBytes)
}

/** The purpose ends with a zero byte, which no purpose holds: no two purposes can meet in one input. */
function derive(seed: Uint8Array, purpose: string, data: Uint8Array): Uint8Array {
  return hmac(sha256, seed, concatBytes(utf8ToBytes(`${purpose}\0`), data))
}
