/** The bytes of a version 2 macaroon written field by field, so that a test can write any of them wrongly. */

export const fields = { end: 0, location: 1, identifier: 2, verificationId: 4, signature: 6 } as const

export type Piece = string | Uint8Array | readonly number[]

/** `length` replaces the varint that fits. */
export function field(type: number, value: Piece, length?: readonly number[]): Uint8Array {
  const bytes = Buffer.from(value as Uint8Array)
  return Buffer.concat([Buffer.from([type]), Buffer.from(length ?? varint(bytes.length)), bytes])
}

export const caveat = (text: Piece): Uint8Array => Buffer.concat([field(fields.identifier, text), end])

export const end = Buffer.from([fields.end])

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

export interface Parts {
  readonly version?: Piece
  readonly location?: Piece
  readonly identifier?: Piece
  readonly caveats?: readonly Uint8Array[]
  readonly listEnd?: Piece
  readonly signature?: Piece
  readonly tail?: Piece
}

/** A well-formed macaroon, except where `parts` says otherwise; each part is the whole field with its type and length. */
export function writeMacaroon(parts: Parts = {}): Uint8Array {
  return Buffer.concat(
    [
      parts.version ?? [2],
      parts.location ?? field(fields.location, 'lsat'),
      parts.identifier ?? Buffer.concat([field(fields.identifier, Buffer.alloc(66, 0xaa)), end]),
      ...(parts.caveats ?? [caveat('services=api:0')]),
      parts.listEnd ?? end,
      parts.signature ?? field(fields.signature, Buffer.alloc(32, 0x51)),
      parts.tail ?? [],
    ].map((piece) => Buffer.from(piece as Uint8Array)),
  )
}
