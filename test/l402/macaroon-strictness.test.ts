import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeMacaroon, encodeMacaroon } from '#src/l402/macaroon.ts'
import { oracle } from './oracle.ts'
import { caveat, end, field, fields, writeMacaroon } from './wire.ts'

const id66 = Buffer.alloc(66, 0xaa)
const signature32 = Buffer.alloc(32, 0x51)

/** As the prose of the L402 macaroon-spec (section "V2 Structure") numbers the fields, which no library does. */
const specLiteral = Buffer.concat([
  Buffer.from([2]),
  field(6, 'lsat'),
  field(2, id66),
  end,
  field(1, 'services=api:0'),
  field(2, ''),
  end,
  field(6, signature32),
  end,
])

const refusals: readonly { what: string; bytes: Uint8Array; reason: string }[] = [
  { what: 'nothing', bytes: Buffer.alloc(0), reason: 'cut short' },
  { what: 'version byte 1', bytes: writeMacaroon({ version: [1] }), reason: 'not a version 2 macaroon' },
  { what: 'version byte 0', bytes: writeMacaroon({ version: [0] }), reason: 'not a version 2 macaroon' },
  { what: 'a version 1 macaroon', bytes: Buffer.from('0018location lsat\n'), reason: 'not a version 2 macaroon' },
  { what: 'a JSON macaroon', bytes: Buffer.from('{"v":2,"i":"x","s":"y"}'), reason: 'not a version 2 macaroon' },
  { what: 'the framing of the specification', bytes: specLiteral, reason: 'an unexpected field' },
  {
    what: 'the location after the identifier',
    bytes: writeMacaroon({ location: [], identifier: Buffer.concat([field(2, id66), field(1, 'lsat'), end]) }),
    reason: 'an unexpected field',
  },
  {
    what: 'two locations',
    bytes: writeMacaroon({ location: Buffer.concat([field(1, 'lsat'), field(1, 'lsat')]) }),
    reason: 'an unexpected field',
  },
  { what: 'no identifier', bytes: writeMacaroon({ identifier: end }), reason: 'an unexpected field' },
  {
    what: 'a caveat with a verification id',
    bytes: writeMacaroon({ caveats: [Buffer.concat([field(2, 'a=b'), field(4, 'vid'), end])] }),
    reason: 'an unexpected field',
  },
  {
    what: 'a caveat with an empty verification id',
    bytes: writeMacaroon({ caveats: [Buffer.concat([field(2, 'a=b'), field(4, ''), end])] }),
    reason: 'an unexpected field',
  },
  {
    what: 'a location inside a caveat',
    bytes: writeMacaroon({ caveats: [Buffer.concat([field(1, 'lsat'), field(2, 'a=b'), end])] }),
    reason: 'an unexpected field',
  },
  {
    what: 'a caveat without its end',
    bytes: writeMacaroon({ caveats: [field(2, 'a=b'), field(2, 'c=d'), end] }),
    reason: 'an unexpected field',
  },
  { what: 'caveats without the end of the list', bytes: writeMacaroon({ listEnd: [] }), reason: 'an unexpected field' },
  { what: 'a signature of 31 bytes', bytes: withSignature(31), reason: 'the signature is not 32 bytes' },
  { what: 'a signature of 33 bytes', bytes: withSignature(33), reason: 'the signature is not 32 bytes' },
  { what: 'an empty signature', bytes: withSignature(0), reason: 'the signature is not 32 bytes' },
  { what: 'no signature', bytes: writeMacaroon({ signature: [] }), reason: 'cut short' },
  { what: 'a byte after the signature', bytes: writeMacaroon({ tail: [0] }), reason: 'bytes after the signature' },
  {
    what: 'a second macaroon after it',
    bytes: writeMacaroon({ tail: writeMacaroon() }),
    reason: 'bytes after the signature',
  },
  {
    what: 'a caveat that is not UTF-8',
    bytes: writeMacaroon({ caveats: [caveat([0x61, 0x3d, 0xff])] }),
    reason: 'text that is not UTF-8',
  },
  {
    what: 'a caveat in over-long UTF-8',
    bytes: writeMacaroon({ caveats: [caveat([0xc0, 0xbd])] }),
    reason: 'text that is not UTF-8',
  },
  {
    what: 'a caveat with half of a surrogate pair',
    bytes: writeMacaroon({ caveats: [caveat([0xed, 0xa0, 0x80])] }),
    reason: 'text that is not UTF-8',
  },
  {
    what: 'a location that is not UTF-8',
    bytes: writeMacaroon({ location: field(1, [0xff]) }),
    reason: 'text that is not UTF-8',
  },
  {
    what: 'a length written in two bytes where one will do',
    bytes: writeMacaroon({ caveats: [Buffer.concat([field(2, 'a=b', [0x83, 0x00]), end])] }),
    reason: 'a length that is not written in the shortest way',
  },
  {
    what: 'a length written in three bytes where two will do',
    bytes: writeMacaroon({ caveats: [Buffer.concat([field(2, 'a'.repeat(200), [0xc8, 0x81, 0x00]), end])] }),
    reason: 'a length that is not written in the shortest way',
  },
  {
    what: 'a length of four bytes',
    bytes: writeMacaroon({ caveats: [Buffer.concat([field(2, 'a=b', [0x83, 0x80, 0x80, 0x00]), end])] }),
    reason: 'a length out of range',
  },
  {
    what: 'a length that never ends',
    bytes: writeMacaroon({ signature: field(6, [], Array<number>(20).fill(0x80)) }),
    reason: 'a length out of range',
  },
  {
    what: 'a length past the end',
    bytes: writeMacaroon({ signature: field(6, signature32, [33]) }),
    reason: 'a field runs past the end',
  },
  {
    what: '65 caveats',
    bytes: writeMacaroon({ caveats: Array.from({ length: 65 }, () => caveat('a=b')) }),
    reason: 'more than 64 caveats',
  },
  {
    what: '4097 bytes',
    bytes: writeMacaroon({ caveats: [caveat('a'.repeat(4097 - writeMacaroon({ caveats: [caveat('')] }).length - 1))] }),
    reason: 'larger than 4096 bytes',
  },
]

function withSignature(length: number): Uint8Array {
  return writeMacaroon({ signature: field(fields.signature, Buffer.alloc(length, 0x51)) })
}

describe('a macaroon is refused, with the reason, when it is', () => {
  test.for(refusals)('$what', ({ bytes, reason }) => {
    expect(decodeMacaroon(bytes)).toEqual({ kind: 'malformed', reason })
  })
})

describe('decoding', () => {
  test('the bytes that the refusals are variations of are accepted', () => {
    expect(decodeMacaroon(writeMacaroon())).toMatchObject({ kind: 'macaroon' })
    expect(
      writeMacaroon({ caveats: [caveat('a'.repeat(4096 - writeMacaroon({ caveats: [caveat('')] }).length - 1))] }),
    ).toHaveLength(4096)
  })

  test('a macaroon cut anywhere is refused', () => {
    const bytes = writeMacaroon()
    for (const at of bytes.keys()) expect(decodeMacaroon(bytes.subarray(0, at)).kind).toBe('malformed')
  })

  test('no bytes at all make it throw', () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 200, size: 'max' }),
      fc
        .uint8Array({ maxLength: 200, size: 'max' })
        .map((rest) => Buffer.concat([writeMacaroon().subarray(0, 77), rest])),
    )
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(['macaroon', 'malformed']).toContain(decodeMacaroon(bytes).kind)
      }),
      { numRuns: 500 },
    )
  })

  test('whatever is accepted is accepted by npm macaroon and has one spelling only', () => {
    const base = writeMacaroon()
    let accepted = 0
    fc.assert(
      fc.property(fc.nat(base.length - 1), fc.nat(255), (at, value) => {
        const bytes = Uint8Array.from(base)
        bytes[at] = value
        const outcome = decodeMacaroon(bytes)
        if (outcome.kind === 'malformed') return
        accepted++
        expect(Buffer.from(encodeMacaroon(outcome.macaroon))).toEqual(Buffer.from(bytes))
        expect(Buffer.from(oracle.importMacaroon(bytes).signature)).toEqual(Buffer.from(outcome.macaroon.signature))
      }),
      { numRuns: 500 },
    )
    expect(accepted).toBeGreaterThan(50)
  })
})
