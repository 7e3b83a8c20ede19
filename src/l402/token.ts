import { hash, timingSafeEqual } from 'node:crypto'
import { decodeAnyBase64 } from './base64.ts'
import { mintedCaveats, readCaveats, type Terms } from './caveats.ts'
import { hmacSha256 } from './hmac.ts'
import { decodeIdentifier, encodeIdentifier, type Identifier, tokenIdHex } from './identifier.ts'
import { decodeMacaroon, encodeMacaroon, type Macaroon, mintMacaroon, signChain } from './macaroon.ts'

/** No longer macaroon is minted: some clients and proxies cut header lines not far above it. */
export const maxMintedBytes = 1100

/** What Aperture writes; clients look at nothing but the bytes, and some recognise a macaroon by this beginning. */
const location = 'lsat'

export interface DecodedToken {
  readonly macaroon: Macaroon
  readonly identifier: Identifier
  /** 64 lower-case hex digits. */
  readonly paymentHash: string
}

export interface GenuineToken {
  /** 64 lower-case hex digits: the key of everything that is kept about this payment. */
  readonly paymentHash: string
  /** 64 lower-case hex digits. */
  readonly tokenId: string
  /** Unix seconds. */
  readonly mintedAt: number
  readonly terms: Terms
  /** Caveats added by a holder, not yet judged. */
  readonly appended: readonly string[]
  /** 64 lower-case hex digits. */
  readonly preimage: string
}

/**
 * Mints the token of one challenge. The root key is derived from the master key and the identifier, so that nothing
 * need be kept for it.
 * @param master 32 bytes
 * @param random a source of random bytes
 * @returns standard base64 with padding
 * @throws RangeError when the token would be larger than {@link maxMintedBytes}
 */
export function mintToken(
  master: Uint8Array,
  identifier: Omit<Identifier, 'random'>,
  terms: Terms,
  random: () => Uint8Array,
): string {
  for (let tries = 0; tries < randomTries; tries++) {
    const text = spell(master, { ...identifier, random: random() }, terms, location)
    if (!tripping.test(text)) return text
  }
  const last = { ...identifier, random: random() }
  // One client may trip over it; a gateway that went on trying would serve nobody.
  return mintTokenAs(master, last, terms) ?? spell(master, last, terms, location)
}

/**
 * Mints the token of one identifier.
 * @returns undefined when its text happens to hold a word that some client trips over
 * @throws RangeError when the token would be larger than {@link maxMintedBytes}
 */
export function mintTokenAs(master: Uint8Array, identifier: Identifier, terms: Terms): string | undefined {
  for (const each of locations) {
    const text = spell(master, identifier, terms, each)
    if (!tripping.test(text)) return text
  }
  return undefined
}

/** One client removes the scheme word wherever it stands in the line, even inside the token. */
const tripping = /LSAT|L402/
const randomTries = 4
/** Payment hash and caveats may spell the word by themselves; behind a longer beginning they spell something else. */
const locations = [location, `${location}.`, `${location}..`]

function spell(master: Uint8Array, identifier: Identifier, terms: Terms, at: string): string {
  const bytes = encodeIdentifier(identifier)
  const macaroon = mintMacaroon(rootKey(master, bytes), {
    location: at,
    identifier: bytes,
    caveats: mintedCaveats(terms),
  })
  const encoded = encodeMacaroon(macaroon)
  if (encoded.length > maxMintedBytes) throw new RangeError(`a token of ${encoded.length} bytes`)
  return encoded.toString('base64')
}

/** @returns the token, or why it cannot be one of ours */
export function decodeToken(text: string): DecodedToken | { readonly reason: string } {
  const bytes = decodeAnyBase64(text)
  if (!bytes) return { reason: 'the token is not base64' }
  const decoded = decodeMacaroon(bytes)
  if (decoded.kind === 'malformed') return { reason: `the macaroon is malformed: ${decoded.reason}` }
  const identifier = decodeIdentifier(decoded.macaroon.identifier)
  if (!identifier) return { reason: 'the identifier is not an L402 version 0 identifier' }
  return {
    macaroon: decoded.macaroon,
    identifier,
    paymentHash: Buffer.from(identifier.paymentHash).toString('hex'),
  }
}

/** True when `preimage` (64 hex digits) is the one the invoice of this payment hash is settled with. */
export function preimageMatches(preimage: string, paymentHash: Uint8Array): boolean {
  return timingSafeEqual(hash('sha256', Buffer.from(preimage, 'hex'), 'buffer'), paymentHash)
}

/**
 * Checks the signature under `master` and reads the terms.
 * @returns undefined when the token was not signed with it, or not in this form
 */
export function verifyToken(token: DecodedToken, master: Uint8Array, preimage: string): GenuineToken | undefined {
  const { macaroon, identifier, paymentHash } = token
  const signature = signChain(rootKey(master, macaroon.identifier), macaroon.identifier, macaroon.caveats)
  if (!timingSafeEqual(signature, macaroon.signature)) return undefined
  const reading = readCaveats(macaroon.caveats)
  if (reading.kind === 'foreign') return undefined
  return {
    paymentHash,
    tokenId: tokenIdHex(macaroon.identifier),
    mintedAt: identifier.mintedAt,
    terms: reading.terms,
    appended: reading.appended,
    preimage,
  }
}

function rootKey(master: Uint8Array, identifier: Uint8Array): Uint8Array {
  return hmacSha256(master, identifier)
}
