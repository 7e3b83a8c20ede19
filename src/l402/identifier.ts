/**
 * The 66 bytes of an L402 identifier: version (uint16, 0) | payment hash (32) | token id (32). Our token id is
 * key id (1) | mint time (6, Unix seconds, big-endian) | random (25).
 * @see https://github.com/lightninglabs/L402/blob/master/macaroon-spec.md
 */
export interface Identifier {
  /** 32 bytes. */
  readonly paymentHash: Uint8Array
  /** Which master key signed, 0–255. */
  readonly keyId: number
  /** Unix seconds. */
  readonly mintedAt: number
  /** 25 bytes. */
  readonly random: Uint8Array
}

export const identifierBytes = 66
export const randomBytesNeeded = 25

export function encodeIdentifier(parts: Identifier): Uint8Array {
  const bytes = new Uint8Array(identifierBytes)
  const view = new DataView(bytes.buffer)
  bytes.set(parts.paymentHash, 2)
  bytes[34] = parts.keyId
  view.setUint16(35, Math.floor(parts.mintedAt / 2 ** 32))
  view.setUint32(37, parts.mintedAt % 2 ** 32)
  bytes.set(parts.random, 41)
  return bytes
}

/** @returns undefined when the bytes are not a version 0 identifier of 66 bytes */
export function decodeIdentifier(bytes: Uint8Array): Identifier | undefined {
  if (bytes.length !== identifierBytes || bytes[0] !== 0 || bytes[1] !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    paymentHash: bytes.subarray(2, 34),
    keyId: view.getUint8(34),
    mintedAt: view.getUint16(35) * 2 ** 32 + view.getUint32(37),
    random: bytes.subarray(41),
  }
}

/** The token id as it stands in the ledger: 64 hex digits. */
export function tokenIdHex(identifier: Uint8Array): string {
  return Buffer.from(identifier.buffer, identifier.byteOffset + 34, 32).toString('hex')
}
