import * as fc from 'fast-check'
import type { Terms } from '#src/l402/caveats.ts'

const anyHex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: length, maxLength: length })

const serviceCharacter = fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyz0123456789-'))

/** Everything that can be minted. */
export const anyTerms: fc.Arbitrary<Terms> = fc.record({
  service: fc.string({ unit: serviceCharacter, minLength: 1, maxLength: 40 }),
  validUntil: fc.integer({ min: 0, max: 2 ** 40 }),
  rev: anyHex(16),
  priceMsat: fc.bigInt({ min: 1n, max: 9_999_999_999_999_999_999n }),
  method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE'),
  path: fc.webPath({ size: 'small' }).map((path) => `/${path.replace(/^\/+/, '')}`.slice(0, 512)),
  querySha256: anyHex(64),
  bodyForm: fc.constantFrom('raw' as const, 'multipart' as const),
  bodySha256: anyHex(64),
})
