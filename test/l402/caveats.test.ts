import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isBoundTo, mintedCaveats, readCaveats, type Terms } from '#src/l402/caveats.ts'
import { anyTerms } from './any-terms.ts'
import { bindingOf, makeTerms, mintedAt } from './samples.ts'

const minted = mintedCaveats(makeTerms())

describe('minted caveats', () => {
  test('are the eight of the wire contract, in its order', () => {
    const terms = makeTerms({ querySha256: 'a1'.repeat(32), bodySha256: 'b2'.repeat(32) })
    expect(mintedCaveats(terms)).toEqual([
      'services=voice-clone:0',
      `voice-clone_valid_until=${mintedAt + 86_400}`,
      'rev=0123456789abcdef',
      'price_msat=7500000',
      'method=POST',
      'path=/api/l402/voice-clone',
      `query_sha256=${'a1'.repeat(32)}`,
      `body_sha256=${'b2'.repeat(32)}`,
    ])
    expect(mintedCaveats({ ...terms, bodyForm: 'multipart' }).at(-1)).toBe(`multipart_sha256=${'b2'.repeat(32)}`)
  })

  test('are read back as the terms, whatever a holder appended', () => {
    fc.assert(
      fc.property(anyTerms, fc.array(fc.string()), (terms, appended) => {
        expect(readCaveats([...mintedCaveats(terms), ...appended])).toEqual({ kind: 'terms', terms, appended })
      }),
    )
  })

  test('keep an equals sign that is part of the path', () => {
    const terms = makeTerms({ path: '/a=b/c==' })
    expect(readCaveats(mintedCaveats(terms))).toEqual({ kind: 'terms', terms, appended: [] })
  })
})

const foreign: readonly (readonly [string, readonly string[]])[] = [
  ['none', []],
  ['only seven', minted.slice(0, 7)],
  ['one left out', minted.filter((_, at) => at !== 3)],
  ['two exchanged', minted.with(0, minted[1] ?? '').with(1, minted[0] ?? '')],
  ['something before them', ['foo=bar', ...minted]],
  ['a bare word among them', minted.with(4, 'method')],
  ["Aperture's own", ['services=voice-clone:0', 'voice-clone_capabilities=add', 'valid_until=1']],
  ['two services', minted.with(0, 'services=voice-clone:0,other:0')],
  ['another tier', minted.with(0, 'services=voice-clone:1')],
  ['a service of 41 characters', minted.with(0, `services=${'a'.repeat(41)}:0`)],
  ['a service in upper case', minted.with(0, 'services=Voice-clone:0')],
  ['the expiry of another service', minted.with(1, 'other_valid_until=1')],
  ['an expiry with a sign', minted.with(1, 'voice-clone_valid_until=+1')],
  ['an expiry with a leading zero', minted.with(1, 'voice-clone_valid_until=01')],
  ['an expiry with a fraction', minted.with(1, 'voice-clone_valid_until=1.5')],
  ['an expiry in exponent form', minted.with(1, 'voice-clone_valid_until=1e9')],
  ['an empty expiry', minted.with(1, 'voice-clone_valid_until=')],
  ['a revision of 15 digits', minted.with(2, 'rev=123456789abcdef')],
  ['a revision in upper case', minted.with(2, 'rev=0123456789ABCDEF')],
  ['a price of nothing', minted.with(3, 'price_msat=0')],
  ['a negative price', minted.with(3, 'price_msat=-1')],
  ['a query hash of 63 digits', minted.with(6, `query_sha256=${'a'.repeat(63)}`)],
  ['a body hash in upper case', minted.with(7, `body_sha256=${'A'.repeat(64)}`)],
  ['a body hash of another name', minted.with(7, `sha256=${'a'.repeat(64)}`)],
]

describe('caveats are foreign when there is or are', () => {
  test.for(foreign)('%s', ([, caveats]) => {
    expect(readCaveats(caveats)).toEqual({ kind: 'foreign' })
  })
})

describe('a request is the one that the token was minted for', () => {
  const terms = makeTerms()

  test('when method, path, query and body are the same', () => {
    expect(isBoundTo(terms, bindingOf(terms))).toBe(true)
  })

  const others: readonly (readonly [string, Partial<Terms>])[] = [
    ['method', { method: 'GET' }],
    ['path', { path: '/api/l402/voice-clone/' }],
    ['query', { querySha256: '0'.repeat(64) }],
    ['body', { bodySha256: '0'.repeat(64) }],
    ['form of body', { bodyForm: 'multipart' }],
  ]
  test.for(others)('not when the %s differs', ([, change]) => {
    expect(isBoundTo(terms, { ...bindingOf(terms), ...change })).toBe(false)
  })
})
