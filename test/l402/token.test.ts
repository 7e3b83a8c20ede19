import { createHmac, hash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mintedCaveats } from '#src/l402/caveats.ts'
import { encodeIdentifier, tokenIdHex } from '#src/l402/identifier.ts'
import { appendCaveat, encodeMacaroon, mintMacaroon } from '#src/l402/macaroon.ts'
import { decodeToken, maxMintedBytes, mintToken, preimageMatches, verifyToken } from '#src/l402/token.ts'
import { anyTerms } from './any-terms.ts'
import { oracle, verifiedCaveats } from './oracle.ts'
import { decodeOrFail, makeIdentifier, makeTerms, master, mint, mintedAt, paymentHash, preimage } from './samples.ts'

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
const hmac = (key: Uint8Array, data: Uint8Array | string) => createHmac('sha256', key).update(data).digest()

describe('a token', () => {
  test('is verified under the key that minted it, with everything that was minted', () => {
    fc.assert(
      fc.property(anyTerms, fc.nat(255), fc.integer({ min: 0, max: 2 ** 40 }), (terms, keyId, time) => {
        const identifier = makeIdentifier({ keyId, mintedAt: time })
        const token = decodeOrFail(mint(terms, identifier))
        expect(token.paymentHash).toBe(paymentHash.toString('hex'))
        expect(token.identifier).toMatchObject({ keyId, mintedAt: time })
        expect(verifyToken(token, master, preimage)).toEqual({
          paymentHash: paymentHash.toString('hex'),
          tokenId: tokenIdHex(encodeIdentifier(identifier)),
          mintedAt: time,
          terms,
          appended: [],
          preimage,
        })
      }),
    )
  })

  test('begins as the tokens of Aperture do, in standard base64 with padding', () => {
    expect(mint()).toMatch(/^AgEEbHNhdAJCAA[A-Za-z0-9+/]+={0,2}$/)
    expect(mint().length % 4).toBe(0)
  })

  test('is verified by npm macaroon under the root key HMAC(master, identifier)', () => {
    const identifier = encodeIdentifier(makeIdentifier())
    const theirs = oracle.importMacaroon(mint())
    expect(verifiedCaveats(theirs, hmac(master, identifier))).toEqual(mintedCaveats(makeTerms()))
    expect(() => verifiedCaveats(theirs, master)).toThrow('signature mismatch')
  })

  test('is not verified under another key', () => {
    const other = Buffer.from(master)
    other[31] = (other[31] ?? 0) ^ 1
    expect(verifyToken(decodeOrFail(mint()), other, preimage)).toBeUndefined()
  })

  test('keeps what a holder appended, in order, and is as good as before', () => {
    const { macaroon } = decodeOrFail(mint())
    const longer = appendCaveat(appendCaveat(macaroon, `preimage=${preimage}`), 'foo=bar')
    const token = verifyToken(decodeOrFail(base64(encodeMacaroon(longer))), master, preimage)
    expect(token).toMatchObject({ terms: makeTerms(), appended: [`preimage=${preimage}`, 'foo=bar'] })
  })

  test('is not verified with a caveat taken away or exchanged', () => {
    const { macaroon } = decodeOrFail(mint())
    const added = appendCaveat(macaroon, 'method=GET')
    for (const forged of [
      { ...added, caveats: macaroon.caveats },
      { ...macaroon, caveats: macaroon.caveats.slice(0, -1) },
      { ...macaroon, caveats: macaroon.caveats.with(3, 'price_msat=1') },
      { ...macaroon, caveats: macaroon.caveats.toReversed() },
    ])
      expect(verifyToken(decodeOrFail(base64(encodeMacaroon(forged))), master, preimage)).toBeUndefined()
  })

  test('is not verified when it is signed as the prose of the specification says, without a derived key', () => {
    const identifier = encodeIdentifier(makeIdentifier())
    const caveats = mintedCaveats(makeTerms())
    const signature = caveats.reduce(hmac, hmac(hmac(master, identifier), identifier))
    const text = base64(encodeMacaroon({ location: 'lsat', identifier, caveats, signature }))
    expect(verifyToken(decodeOrFail(text), master, preimage)).toBeUndefined()
  })

  test.for([
    ['no caveats', []],
    ['caveats of another gateway', ['services=voice-clone:0', 'expires_at=1']],
    ['all but the last caveat', mintedCaveats(makeTerms()).slice(0, -1)],
  ] as const)('of our key with %s is not ours', ([, caveats]) => {
    const identifier = encodeIdentifier(makeIdentifier())
    const macaroon = mintMacaroon(hmac(master, identifier), { location: 'lsat', identifier, caveats })
    expect(verifyToken(decodeOrFail(base64(encodeMacaroon(macaroon))), master, preimage)).toBeUndefined()
  })
})

describe('a token text is refused with its reason when it is', () => {
  const withIdentifier = (identifier: Uint8Array) =>
    base64(encodeMacaroon(mintMacaroon(master, { location: 'lsat', identifier, caveats: ['a=b'] })))
  const version1 = Buffer.from(encodeIdentifier(makeIdentifier()))
  version1[1] = 1
  test.for([
    ['not base64', 'AAA*', 'the token is not base64'],
    ['empty', '', 'the macaroon is malformed: cut short'],
    ['JSON in base64', base64(Buffer.from('{"v":2}')), 'the macaroon is malformed: not a version 2 macaroon'],
    ['a macaroon cut short', mint().slice(0, 400), 'the macaroon is malformed: a field runs past the end'],
    ['of 65 identifier bytes', withIdentifier(Buffer.alloc(65)), 'the identifier is not an L402 version 0 identifier'],
    ['of 67 identifier bytes', withIdentifier(Buffer.alloc(67)), 'the identifier is not an L402 version 0 identifier'],
    ['of identifier version 1', withIdentifier(version1), 'the identifier is not an L402 version 0 identifier'],
  ] as const)('%s', ([, text, reason]) => {
    expect(decodeToken(text)).toEqual({ reason })
  })
})

describe('a preimage', () => {
  test('matches the hash of its bytes, and no other', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(255), (secret, bit) => {
        const text = Buffer.from(secret).toString('hex')
        const digest = hash('sha256', secret, 'buffer')
        expect(preimageMatches(text, digest)).toBe(true)
        digest[bit >> 3] = (digest[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(preimageMatches(text, digest)).toBe(false)
      }),
    )
  })
})

describe('minting', () => {
  const scheme = /LSAT|L402/

  /** A random part with which the base64 of the token spells `word`. */
  function randomThatSpells(word: string): Buffer {
    for (const at of [0, 1, 2]) {
      const random = Buffer.alloc(25, 0x33)
      Buffer.from(word, 'base64').copy(random, at)
      const identifier = encodeIdentifier(makeIdentifier({ random }))
      const macaroon = mintMacaroon(master, { location: 'lsat', identifier, caveats: [] })
      if (base64(encodeMacaroon(macaroon)).includes(word)) return random
    }
    throw new Error(`the random part can never spell ${word}`)
  }

  test.for(['LSAT', 'L402'])('is done again when the base64 spells %s, which one client cuts out', (word) => {
    const unlucky = randomThatSpells(word)
    const lucky = Buffer.alloc(25, 0x5a)
    const given = [unlucky, unlucky, lucky]
    let asked = 0
    const text = mintToken(master, makeIdentifier(), makeTerms(), () => given[asked++] ?? lucky)
    expect(asked).toBe(3)
    expect(text).not.toMatch(scheme)
    expect(Buffer.from(decodeOrFail(text).identifier.random)).toEqual(lucky)
    expect(verifyToken(decodeOrFail(text), master, preimage)).toBeDefined()
  })

  test.for([
    'daf7a92489d8cb4804e8ddaf186617794914a8f208444a85d055e97e3ee6e953',
    ...['LSAT', 'L402'].flatMap((word) =>
      [0, 1, 2].map((at) =>
        Buffer.concat([Buffer.alloc(at + 3, 1), Buffer.from(word, 'base64'), Buffer.alloc(26 - at)]).toString('hex'),
      ),
    ),
  ])('ends also where the payment hash spells such a word by itself: %s', (unlucky) => {
    let asked = 0
    const random = () => Buffer.alloc(25, 0x30 + asked++)
    const text = mintToken(master, makeIdentifier({ paymentHash: Buffer.from(unlucky, 'hex') }), makeTerms(), random)
    expect(text).not.toMatch(scheme)
    expect(decodeOrFail(text).paymentHash).toBe(unlucky)
    expect(verifyToken(decodeOrFail(text), master, preimage)).toBeDefined()
    expect(asked).toBeLessThan(8)
  })

  test('ends also where the text spells such words behind every beginning', () => {
    const word = Buffer.from('LSAT', 'base64')
    const start = Buffer.concat(
      [1, 2, 3, 4, 5, 6].map((at) => Buffer.concat([word, Buffer.alloc(at % 3 === 0 ? 2 : 1)])),
    ).subarray(0, 24)
    const whole = Buffer.concat([start, Buffer.alloc(32 - start.length)])
    const text = mintToken(master, makeIdentifier({ paymentHash: whole }), makeTerms(), () => Buffer.alloc(25, 0x33))
    expect(verifyToken(decodeOrFail(text), master, preimage)).toBeDefined()
  })

  const longest = makeTerms({
    service: 'a'.repeat(40),
    path: `/${'p'.repeat(511)}`,
    priceMsat: 9_999_999_999_999_999_999n,
    validUntil: 2 ** 40,
    method: 'OPTIONS',
    bodyForm: 'multipart',
  })

  test('the longest legal service, path and price fit into 1100 bytes', () => {
    const bytes = Buffer.from(mint(longest), 'base64')
    expect(maxMintedBytes).toBe(1100)
    expect(bytes.length).toBeLessThanOrEqual(1100)
  })

  test('nothing above 1100 bytes is minted', () => {
    const room = 1100 - Buffer.from(mint(longest), 'base64').length
    const withPath = (length: number) => mint({ ...longest, path: `/${'p'.repeat(length)}` })
    expect(Buffer.from(withPath(511 + room), 'base64')).toHaveLength(1100)
    expect(() => withPath(512 + room)).toThrow(new RangeError('a token of 1101 bytes'))
  })

  test('one random source is asked for each token', () => {
    const [first, second] = [1, 2].map((fill) => mint(makeTerms(), makeIdentifier({ random: Buffer.alloc(25, fill) })))
    expect(first).not.toBe(second)
    expect(decodeOrFail(first ?? '').identifier.mintedAt).toBe(mintedAt)
  })
})
