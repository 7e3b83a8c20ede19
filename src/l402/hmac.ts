import { hash } from 'node:crypto'

/** SHA-256 works on blocks of this many bytes (FIPS 180-4, section 5.2.1). */
const blockBytes = 64

/**
 * HMAC-SHA256 (RFC 2104) from the one-shot hash: a token is a chain of eleven of them, and this takes 2 µs where an
 * Hmac object takes 14.
 */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Buffer {
  const short = key.length > blockBytes ? hash('sha256', key, 'buffer') : key
  const inner = Buffer.allocUnsafe(blockBytes + data.length)
  const outer = Buffer.allocUnsafe(blockBytes + 32)
  for (let at = 0; at < blockBytes; at++) {
    const byte = short[at] ?? 0
    inner[at] = byte ^ 0x36
    outer[at] = byte ^ 0x5c
  }
  inner.set(data, blockBytes)
  outer.set(hash('sha256', inner, 'buffer'), blockBytes)
  return hash('sha256', outer, 'buffer')
}

/**
 * HKDF-SHA256 (RFC 5869) for one block of output, 32 bytes. Node's own makes a key object first, which costs three
 * times the derivation.
 */
export function hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array): Buffer {
  const expand = Buffer.allocUnsafe(info.length + 1)
  expand.set(info)
  expand[info.length] = 1
  return hmacSha256(hmacSha256(salt, secret), expand)
}
