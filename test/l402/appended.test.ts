import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AppendedVerdict,
  type Binding,
  isBoundTo,
  judgeAppended,
  mintedCaveats,
  readCaveats,
} from '#src/l402/caveats.ts'
import { bindingOf, makeTerms, mintedAt, preimage } from './samples.ts'

const terms = makeTerms()
const binding = bindingOf(terms)
const now = mintedAt + 100
const otherPreimage = '08'.repeat(32)

const judge = (appended: readonly string[], request: Binding | undefined = binding): AppendedVerdict =>
  judgeAppended(appended, terms, request, preimage, now)

const hold: AppendedVerdict = { kind: 'hold' }
const expired: AppendedVerdict = { kind: 'expired' }
const otherRequest: AppendedVerdict = { kind: 'other_request' }
const refused = (caveat: string): AppendedVerdict => ({ kind: 'refused', caveat })

const expiry = 'voice-clone_valid_until'
const { validUntil } = terms
const zeros = '0'.repeat(64)

const rows: readonly (readonly [string, readonly string[], AppendedVerdict])[] = [
  ['nothing', [], hold],
  ['every minted caveat again', mintedCaveats(terms), hold],

  ['the same services', ['services=voice-clone:0'], hold],
  ['wider services', ['services=voice-clone:0,other:0'], refused('services')],
  ['another service', ['services=other:0'], refused('services')],
  ['another tier', ['services=voice-clone:1'], refused('services')],
  ['no services', ['services='], refused('services')],

  ['the same expiry', [`${expiry}=${validUntil}`], hold],
  ['an earlier expiry', [`${expiry}=${now + 1}`], hold],
  ['a later expiry', [`${expiry}=${validUntil + 1}`], refused(expiry)],
  ['an expiry of now', [`${expiry}=${now}`], expired],
  ['an expiry in the past', [`${expiry}=${now - 1}`], expired],
  ['an expiry of 0', [`${expiry}=0`], expired],
  ['two expiries, each earlier', [`${expiry}=${now + 9}`, `${expiry}=${now + 1}`], hold],
  ['two expiries, the second wider', [`${expiry}=${now + 1}`, `${expiry}=${now + 9}`], refused(expiry)],
  ['a past expiry widened again', [`${expiry}=${now - 1}`, `${expiry}=${validUntil}`], refused(expiry)],
  ['an expiry that is not a number', [`${expiry}=tomorrow`], refused(expiry)],
  ['an expiry with a fraction', [`${expiry}=${now}.5`], refused(expiry)],
  ['an expiry with a sign', [`${expiry}=-1`], refused(expiry)],
  ['an expiry in milliseconds', [`${expiry}=${validUntil * 1000}`], refused(expiry)],
  ['the expiry of another service', [`other_valid_until=${now - 1}`], hold],
  ['a bare valid_until', ['valid_until=1'], hold],

  ['the same revision', ['rev=0123456789abcdef'], hold],
  ['another revision', ['rev=fedcba9876543210'], refused('rev')],
  ['the same price', ['price_msat=7500000'], hold],
  ['a higher price', ['price_msat=7500001'], refused('price_msat')],
  ['a lower price', ['price_msat=1'], refused('price_msat')],
  ['the price in another spelling', ['price_msat=07500000'], refused('price_msat')],

  ['the same method', ['method=POST'], hold],
  ['another method', ['method=GET'], otherRequest],
  ['a list of methods', ['method=GET,POST'], otherRequest],
  ['the same path', ['path=/api/l402/voice-clone'], hold],
  ['another path', ['path=/api/l402/music'], otherRequest],
  ['a pattern of paths', ['path=/api/*'], otherRequest],
  ['the same query', [`query_sha256=${terms.querySha256}`], hold],
  ['another query', [`query_sha256=${zeros}`], otherRequest],
  ['the same body', [`body_sha256=${terms.bodySha256}`], hold],
  ['another body', [`body_sha256=${zeros}`], otherRequest],
  ['the same hash of the other form', [`multipart_sha256=${terms.bodySha256}`], otherRequest],
  ['the right method after another', ['method=GET', 'method=POST'], otherRequest],

  ['the preimage (lnget, Aperture)', [`preimage=${preimage}`], hold],
  ['the preimage in upper case', [`preimage=${preimage.toUpperCase()}`], hold],
  ['the preimage twice', [`preimage=${preimage}`, `preimage=${preimage}`], hold],
  ['another preimage', [`preimage=${otherPreimage}`], refused('preimage')],
  ['the right preimage after another', [`preimage=${otherPreimage}`, `preimage=${preimage}`], refused('preimage')],
  ['an empty preimage', ['preimage='], refused('preimage')],

  ['an unknown condition', ['foo=bar'], hold],
  ['an unknown condition with two equals signs', ['foo=bar=baz'], hold],
  ['a bare word', ['singleuse'], hold],
  ['nothing at all in a caveat', [''], hold],
  ['a caveat that is only an equals sign', ['='], hold],
  ['a known condition with a space, which is another', ['method =GET'], hold],
  ['a known condition in another case, which is another', ['METHOD=GET'], hold],
  ['a refusal after what expired', [`${expiry}=1`, 'services=other:0'], refused('services')],
  ['a refusal after another request', ['method=GET', 'rev=0'], refused('rev')],
]

describe('what a holder appended', () => {
  test.for(rows)('%s', ([, appended, verdict]) => {
    expect(judge(appended)).toEqual(verdict)
  })

  test('is judged by the form of the body where that is multipart', () => {
    const form = makeTerms({ bodyForm: 'multipart' })
    const same = [`multipart_sha256=${form.bodySha256}`]
    expect(judgeAppended(same, form, bindingOf(form), preimage, now)).toEqual(hold)
    expect(judgeAppended([`body_sha256=${form.bodySha256}`], form, bindingOf(form), preimage, now)).toEqual(
      otherRequest,
    )
  })

  test('is not compared with a request where there is none, and otherwise judged the same', () => {
    const withoutRequest = (appended: string[]) => judgeAppended(appended, terms, undefined, preimage, now)
    expect(withoutRequest(['method=GET', 'path=/elsewhere', `body_sha256=${zeros}`])).toEqual(hold)
    expect(withoutRequest(['method=GET', `preimage=${otherPreimage}`])).toEqual(refused('preimage'))
    expect(withoutRequest(['method=GET', `${expiry}=1`])).toEqual(expired)
  })

  test('the minted expiry alone never makes a verdict, since a sold result outlives it', () => {
    for (const appended of [[], [`${expiry}=${validUntil}`]])
      expect(judgeAppended(appended, terms, binding, preimage, validUntil + 1)).toEqual(hold)
  })
})

describe('however a holder appends', () => {
  const anyAppended = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...mintedCaveats(terms), `preimage=${preimage}`, 'foo=bar', 'word', '') },
      {
        weight: 3,
        arbitrary: fc.integer({ min: now - 2, max: now + 2 }).map((at) => `${expiry}=${at}`),
      },
      { weight: 1, arbitrary: fc.constantFrom('method=GET', 'services=a:0', `preimage=${otherPreimage}`, 'rev=1') },
      { weight: 1, arbitrary: fc.string() },
    ),
    { maxLength: 12 },
  )
  const holds = (appended: readonly string[]) => judge(appended).kind === 'hold'

  test('a list that does not hold never holds again with more appended to it', () => {
    let narrowed = 0
    fc.assert(
      fc.property(anyAppended, anyAppended, (first, more) => {
        if (holds(first)) return
        narrowed++
        expect(holds([...first, ...more])).toBe(false)
      }),
      { numRuns: 2000 },
    )
    expect(narrowed).toBeGreaterThan(100)
  })

  /** Everything the gateway asks of a token before its ledger. */
  const covers = (appended: readonly string[], request: Binding, nowSeconds: number): boolean => {
    const reading = readCaveats([...mintedCaveats(terms), ...appended])
    if (reading.kind === 'foreign') return false
    const verdict = judgeAppended(reading.appended, reading.terms, request, preimage, nowSeconds)
    return verdict.kind === 'hold' && nowSeconds < reading.terms.validUntil && isBoundTo(reading.terms, request)
  }

  test('a request that the token alone does not cover is not covered, and the terms stay', () => {
    const anyRequest: fc.Arbitrary<Binding> = fc.record({
      method: fc.constantFrom('POST', 'GET'),
      path: fc.constantFrom(terms.path, '/api/l402/music'),
      querySha256: fc.constantFrom(terms.querySha256, zeros),
      bodyForm: fc.constantFrom('raw' as const, 'multipart' as const),
      bodySha256: fc.constantFrom(terms.bodySha256, zeros),
    })
    /** Caveats that a holder would like to add. */
    const wished = anyRequest.map((request) => [
      ...mintedCaveats({ ...terms, ...request }).slice(4),
      `${expiry}=${validUntil + 86_400}`,
      'services=voice-clone:0,music:0',
    ])
    const anyTime = fc.constantFrom(now, validUntil - 1, validUntil, validUntil + 1)
    fc.assert(
      fc.property(anyRequest, anyTime, anyAppended, wished, (request, time, appended, more) => {
        const covered = covers([], request, time)
        expect(covered).toBe(time < validUntil && isBoundTo(terms, request))
        for (const list of [appended, more, [...appended, ...more], ...more.map((each) => [each])]) {
          expect(covered ? [true, false] : [false]).toContain(covers(list, request, time))
          expect(readCaveats([...mintedCaveats(terms), ...list])).toMatchObject({ kind: 'terms', terms })
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a list with a caveat that does not hold alone does not hold', () => {
    fc.assert(
      fc.property(
        anyAppended,
        anyAppended,
        fc.constantFrom('method=GET', 'rev=1', 'services=a:0', `${expiry}=1`),
        (...of) => {
          const [before, after, bad] = of
          expect(holds([...before, bad, ...after])).toBe(false)
        },
      ),
    )
  })
})
