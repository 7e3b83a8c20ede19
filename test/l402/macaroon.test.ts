import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appendCaveat, decodeMacaroon, encodeMacaroon, mintMacaroon, signChain } from '#src/l402/macaroon.ts'
import { oracle, verifiedCaveats } from './oracle.ts'

const anyText = fc.string({ unit: 'binary', maxLength: 60 })
const anyCaveats = fc.array(anyText, { maxLength: 20, size: 'max' })
const anyKey = fc.uint8Array({ minLength: 32, maxLength: 32 })
const anyIdentifier = fc.uint8Array({ minLength: 66, maxLength: 66 })

function decoded(bytes: Uint8Array) {
  const outcome = decodeMacaroon(bytes)
  if (outcome.kind === 'malformed') throw new Error(outcome.reason)
  return outcome.macaroon
}

/** The identifier with payment hash and token id of one byte each. */
const identifierOf = (hash: number, id: number) =>
  Buffer.concat([Buffer.alloc(2), Buffer.alloc(32, hash), Buffer.alloc(32, id)])

describe('published vectors', () => {
  test('the macaroon that Go macaroon.v2 and pymacaroons write is written byte for byte', () => {
    const macaroon = mintMacaroon(Buffer.alloc(32, 7), {
      location: 'lsat',
      identifier: identifierOf(0xaa, 0xbb),
      caveats: ['services=api:0'],
    })
    expect(Buffer.from(encodeMacaroon(macaroon)).toString('base64')).toBe(
      'AgEEbHNhdAJCAACqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqru7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7AAIOc2VydmljZXM9YXBpOjAAAAYg55Z5IY6TTOn/sRjZZcKvMF8khUxGg61+3pQzKEK7UFc=',
    )
  })

  test('the macaroon that Aperture mints is written with its length, its beginning and its signature', () => {
    const macaroon = mintMacaroon(
      Uint8Array.from({ length: 32 }, (_, at) => at),
      {
        location: 'lsat',
        identifier: identifierOf(0xaa, 0xbb),
        caveats: [
          'services=service1:0',
          'service1_capabilities=add,subtract',
          'valid_until=1682483169',
          'service1_valid_until=1893456000',
        ],
      },
    )
    const bytes = encodeMacaroon(macaroon)
    expect(bytes).toHaveLength(229)
    expect(Buffer.from(bytes).toString('base64')).toMatch(/^AgEEbHNhdAJCAA/)
    expect(Buffer.from(macaroon.signature).toString('hex')).toBe(
      '2feba3eef1444f00297944571a166485c61c41a6da485ab3a9d07bf4991e2a29',
    )
  })
})

describe('against npm macaroon', () => {
  test('what we write is imported and verified there, with any caveats', () => {
    fc.assert(
      fc.property(anyKey, anyIdentifier, anyText, anyCaveats, (rootKey, identifier, location, caveats) => {
        const bytes = encodeMacaroon(mintMacaroon(rootKey, { location, identifier, caveats }))
        const theirs = oracle.importMacaroon(bytes)
        expect(verifiedCaveats(theirs, rootKey)).toEqual(caveats)
        expect([theirs.location ?? '', Buffer.from(theirs.identifier)]).toEqual([location, Buffer.from(identifier)])
      }),
    )
  })

  test('a macaroon under another key, or with a caveat taken away, is refused there', () => {
    fc.assert(
      fc.property(
        anyKey,
        anyKey,
        anyIdentifier,
        fc.array(anyText, { minLength: 1, maxLength: 20, size: 'max' }),
        (...given) => {
          const [rootKey, otherKey, identifier, caveats] = given
          fc.pre(Buffer.compare(rootKey, otherKey) !== 0)
          const minted = mintMacaroon(rootKey, { location: 'lsat', identifier, caveats })
          const whole = oracle.importMacaroon(encodeMacaroon(minted))
          const stripped = oracle.importMacaroon(encodeMacaroon({ ...minted, caveats: caveats.slice(0, -1) }))
          expect(() => verifiedCaveats(whole, otherKey)).toThrow('signature mismatch')
          expect(() => verifiedCaveats(stripped, rootKey)).toThrow('signature mismatch')
        },
      ),
    )
  })

  test('both sign the same, whoever appends', () => {
    fc.assert(
      fc.property(anyKey, anyIdentifier, anyCaveats, anyText, (rootKey, identifier, caveats, added) => {
        const theirs = oracle.newMacaroon({ identifier, location: 'lsat', rootKey, version: 2 })
        for (const caveat of caveats) theirs.addFirstPartyCaveat(caveat)
        expect(Buffer.from(signChain(rootKey, identifier, caveats))).toEqual(Buffer.from(theirs.signature))
        const ours = appendCaveat(mintMacaroon(rootKey, { location: 'lsat', identifier, caveats }), added)
        theirs.addFirstPartyCaveat(added)
        expect(Buffer.from(ours.signature)).toEqual(Buffer.from(theirs.signature))
        expect(ours.caveats).toEqual([...caveats, added])
      }),
    )
  })

  test.for([[[]], [['services=api:0']]])('both write the same bytes for the caveats %j', ([caveats = []]) => {
    const rootKey = Buffer.alloc(32, 9)
    const identifier = identifierOf(1, 2)
    const theirs = oracle.newMacaroon({ identifier, location: 'lsat', rootKey, version: 2 })
    for (const caveat of caveats) theirs.addFirstPartyCaveat(caveat)
    const ours = encodeMacaroon(mintMacaroon(rootKey, { location: 'lsat', identifier, caveats }))
    expect(Buffer.from(ours)).toEqual(Buffer.from(theirs.exportBinary()))
  })
})

describe('encoding and decoding', () => {
  test('what is encoded is decoded to the same parts', () => {
    fc.assert(
      fc.property(anyKey, anyIdentifier, anyText, anyCaveats, (rootKey, identifier, location, caveats) => {
        const macaroon = mintMacaroon(rootKey, { location, identifier, caveats })
        const read = decoded(encodeMacaroon(macaroon))
        expect([read.location, read.caveats]).toEqual([location, caveats])
        expect(Buffer.from(read.identifier)).toEqual(Buffer.from(identifier))
        expect(Buffer.from(read.signature)).toEqual(Buffer.from(macaroon.signature))
      }),
    )
  })

  test('64 caveats are decoded', () => {
    const caveats = Array.from({ length: 64 }, (_, at) => `added=${at}`)
    const bytes = encodeMacaroon(
      mintMacaroon(Buffer.alloc(32), { location: '', identifier: identifierOf(1, 2), caveats }),
    )
    expect(decoded(bytes).caveats).toEqual(caveats)
  })

  test('a macaroon of exactly 4096 bytes is decoded', () => {
    const parts = { location: '', identifier: identifierOf(1, 2), caveats: ['x'] }
    const overhead = encodeMacaroon(mintMacaroon(Buffer.alloc(32), parts)).length
    // One more byte for the length of the caveat, which no longer fits in seven bits.
    const caveats = ['x'.repeat(4096 - overhead)]
    const bytes = encodeMacaroon(mintMacaroon(Buffer.alloc(32), { ...parts, caveats }))
    expect(bytes).toHaveLength(4096)
    expect(decoded(bytes).caveats).toEqual(caveats)
  })

  test('a byte order mark at the beginning of a caveat is kept, since it is signed', () => {
    const bytes = encodeMacaroon(
      mintMacaroon(Buffer.alloc(32), { location: '', identifier: identifierOf(1, 2), caveats: ['\ufeffa=b'] }),
    )
    expect(decoded(bytes).caveats).toEqual(['\ufeffa=b'])
  })
})
