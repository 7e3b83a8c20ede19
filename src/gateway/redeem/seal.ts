import { createCipheriv, createDecipheriv } from 'node:crypto'
import { hkdfSha256 } from '../../l402/hmac.ts'

/**
 * Stored answers and requests are sealed under a key that comes from the buyer's preimage, so that the ledger alone
 * opens none of them: AES-256-GCM, key = HKDF-SHA256(preimage; salt: payment hash; info: purpose | epoch | salt),
 * nonce = frame number, bound to payment hash, epoch, frame number and whether it is the last frame. The salt is random
 * and new with every epoch, so no key and nonce ever meet twice.
 */
export interface SealScope {
  /** 64 hex digits. */
  readonly preimage: string
  /** 64 hex digits. */
  readonly paymentHash: string
  readonly epoch: number
  /** 16 bytes. */
  readonly salt: Uint8Array
  readonly purpose: 'result' | 'request' | 'upstream'
}

export interface OpenedFrame {
  readonly plain: Buffer
  readonly last: boolean
}

const tagBytes = 16

export class Sealer {
  readonly #key: Buffer
  readonly #context: Buffer

  constructor({ preimage, paymentHash, epoch, salt, purpose }: SealScope) {
    const info = Buffer.concat([Buffer.from(`turnpike|${purpose}|${epoch}|`), salt])
    const hash = Buffer.from(paymentHash, 'hex')
    this.#key = hkdfSha256(Buffer.from(preimage, 'hex'), hash, info)
    this.#context = Buffer.concat([hash, Buffer.alloc(9)])
    this.#context.writeUInt32BE(epoch, 32)
  }

  /** @returns one byte `last`, the ciphertext, the tag */
  seal(seq: number, last: boolean, plain: Uint8Array): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce(seq))
    cipher.setAAD(this.#aad(seq, last))
    // Memory of its own, since it goes to another thread, which copies whatever the memory is part of.
    const sealed = Buffer.allocUnsafeSlow(1 + plain.length + tagBytes)
    sealed[0] = last ? 1 : 0
    sealed.set(cipher.update(plain), 1)
    cipher.final()
    sealed.set(cipher.getAuthTag(), 1 + plain.length)
    return sealed
  }

  /** @throws Error when the frame was not sealed in this place */
  open(seq: number, sealed: Uint8Array): OpenedFrame {
    const last = sealed[0] === 1
    if (!last && sealed[0] !== 0) throw new Error('the frame does not say whether it is the last')
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce(seq), { authTagLength: tagBytes })
    decipher.setAAD(this.#aad(seq, last))
    decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
    const plain = decipher.update(sealed.subarray(1, sealed.length - tagBytes))
    decipher.final()
    return { plain, last }
  }

  #aad(seq: number, last: boolean): Buffer {
    const aad = Buffer.from(this.#context)
    aad.writeUInt32BE(seq, 36)
    aad[40] = last ? 1 : 0
    return aad
  }
}

function nonce(seq: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32BE(seq, 8)
  return bytes
}
