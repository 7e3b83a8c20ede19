import { hash } from 'node:crypto'
import { hmacSha256 } from './hmac.ts'

/** A domain of its own: an identifier, whose HMAC is a root key, begins with two zero bytes. */
const domain = Buffer.from('turnpike|hold-preimage|')

/**
 * The preimage of a payment that is held: it follows from the token id, so nothing secret is kept for an open offer.
 * @param master 32 bytes: the key that signs the token
 * @param tokenId 64 hex digits
 */
export function holdPreimage(master: Uint8Array, tokenId: string): { preimage: string; paymentHash: string } {
  const preimage = hmacSha256(master, Buffer.concat([domain, Buffer.from(tokenId, 'hex')]))
  return { preimage: preimage.toString('hex'), paymentHash: hash('sha256', preimage, 'hex') }
}
