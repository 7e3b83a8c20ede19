import { hmacSha256 } from './hmac.ts'

/**
 * Macaroons, version 2 binary, first-party caveats only: what lnd, Aperture and lnget read and write. The bytes follow
 * `gopkg.in/macaroon.v2`, not the prose of the L402 macaroon-spec, which frames a caveat differently from every library.
 */
export interface Macaroon {
  /** A hint for the holder; not covered by the signature. */
  readonly location: string
  readonly identifier: Uint8Array
  /** UTF-8 text, in order. */
  readonly caveats: readonly string[]
  /** 32 bytes. */
  readonly signature: Uint8Array
}

export type DecodeOutcome =
  | { readonly kind: 'macaroon'; readonly macaroon: Macaroon }
  | { readonly kind: 'malformed'; readonly reason: string }

export const maxMacaroonBytes = 4096
export const maxCaveats = 64

const version = 2
const fieldEnd = 0
const fieldLocation = 1
const fieldIdentifier = 2
const fieldSignature = 6
const endOfFields = Buffer.of(fieldEnd)

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const keyGenerator = Buffer.from('macaroons-key-generator')

/**
 * The signature chain: HMAC-SHA256 from the root key over the identifier and then every caveat.
 * @param rootKey of any length; 32 bytes here
 * @returns 32 bytes
 */
export function signChain(rootKey: Uint8Array, identifier: Uint8Array, caveats: readonly string[]): Uint8Array {
  const derived = hmacSha256(keyGenerator, rootKey)
  return caveats.reduce<Uint8Array>(extendSignature, hmacSha256(derived, identifier))
}

/** The signature after one more caveat: how a holder narrows a token without the root key. */
export function extendSignature(signature: Uint8Array, caveat: string): Uint8Array {
  return hmacSha256(signature, Buffer.from(caveat))
}

export function mintMacaroon(
  rootKey: Uint8Array,
  parts: Pick<Macaroon, 'location' | 'identifier' | 'caveats'>,
): Macaroon {
  return { ...parts, signature: signChain(rootKey, parts.identifier, parts.caveats) }
}

export function appendCaveat(macaroon: Macaroon, caveat: string): Macaroon {
  return {
    ...macaroon,
    caveats: [...macaroon.caveats, caveat],
    signature: extendSignature(macaroon.signature, caveat),
  }
}

export function encodeMacaroon({ location, identifier, caveats, signature }: Macaroon): Buffer {
  const parts: Uint8Array[] = [Buffer.of(version)]
  if (location !== '') putField(parts, fieldLocation, Buffer.from(location))
  putField(parts, fieldIdentifier, identifier)
  parts.push(endOfFields)
  for (const caveat of caveats) {
    putField(parts, fieldIdentifier, Buffer.from(caveat))
    parts.push(endOfFields)
  }
  parts.push(endOfFields)
  putField(parts, fieldSignature, signature)
  return Buffer.concat(parts)
}

/**
 * Strict where libraries are lenient (they accept other spellings of the same token): minimal varints, no verification
 * id, no location inside a caveat, a 32-byte signature, nothing after it.
 */
export function decodeMacaroon(bytes: Uint8Array): DecodeOutcome {
  if (bytes.length > maxMacaroonBytes) return malformed(`larger than ${maxMacaroonBytes} bytes`)
  const reader = new Reader(bytes)
  try {
    if (reader.byte() !== version) return malformed('not a version 2 macaroon')
    const location = reader.peek() === fieldLocation ? reader.text(fieldLocation) : ''
    const identifier = reader.field(fieldIdentifier)
    reader.end()
    const caveats: string[] = []
    while (reader.peek() !== fieldEnd) {
      if (caveats.length === maxCaveats) return malformed(`more than ${maxCaveats} caveats`)
      caveats.push(reader.text(fieldIdentifier))
      reader.end()
    }
    reader.end()
    const signature = reader.field(fieldSignature)
    if (signature.length !== 32) return malformed('the signature is not 32 bytes')
    if (!reader.done) return malformed('bytes after the signature')
    return { kind: 'macaroon', macaroon: { location, identifier, caveats, signature } }
  } catch (thrown) {
    if (thrown instanceof MalformedBytes) return malformed(thrown.message)
    throw thrown
  }
}

const malformed = (reason: string): DecodeOutcome => ({ kind: 'malformed', reason })

class MalformedBytes extends Error {
  override readonly name = 'MalformedBytes'
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  peek(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw new MalformedBytes('cut short')
    return value
  }

  byte(): number {
    const value = this.peek()
    this.#at++
    return value
  }

  end(): void {
    if (this.byte() !== fieldEnd) throw new MalformedBytes('an unexpected field')
  }

  field(type: number): Uint8Array {
    if (this.byte() !== type) throw new MalformedBytes('an unexpected field')
    const length = this.varint()
    const end = this.#at + length
    if (end > this.#bytes.length) throw new MalformedBytes('a field runs past the end')
    const value = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return value
  }

  text(type: number): string {
    const value = this.field(type)
    try {
      return strictUtf8.decode(value)
    } catch {
      throw new MalformedBytes('text that is not UTF-8')
    }
  }

  varint(): number {
    let value = 0
    for (let shift = 0; shift <= 14; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift > 0 && byte === 0) throw new MalformedBytes('a length that is not written in the shortest way')
        return value
      }
    }
    throw new MalformedBytes('a length out of range')
  }
}

/** Type, length as a varint of the shortest form, value. */
function putField(parts: Uint8Array[], type: number, value: Uint8Array): void {
  const head = [type]
  let length = value.length
  while (length >= 0x80) {
    head.push((length & 0x7f) | 0x80)
    length >>>= 7
  }
  head.push(length)
  parts.push(Buffer.from(head), value)
}
