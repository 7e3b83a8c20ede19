import { hash } from 'node:crypto'
import type { Binding, Terms } from '#src/l402/caveats.ts'
import type { Identifier } from '#src/l402/identifier.ts'
import { type DecodedToken, decodeToken, mintToken } from '#src/l402/token.ts'

/** A token of known parts: what the tests change one thing of. */

export const master = Buffer.alloc(32, 0x4d)
export const preimage = '07'.repeat(32)
export const paymentHash = hash('sha256', Buffer.from(preimage, 'hex'), 'buffer')
/** Unix seconds. */
export const mintedAt = Date.UTC(2027, 0, 1) / 1000

export const makeTerms = (overrides: Partial<Terms> = {}): Terms => ({
  service: 'voice-clone',
  validUntil: mintedAt + 86_400,
  rev: '0123456789abcdef',
  priceMsat: 7_500_000n,
  method: 'POST',
  path: '/api/l402/voice-clone',
  querySha256: hash('sha256', '', 'hex'),
  bodyForm: 'raw',
  bodySha256: hash('sha256', '{"text":"hello"}', 'hex'),
  ...overrides,
})

export const bindingOf = ({ method, path, querySha256, bodyForm, bodySha256 }: Terms): Binding => ({
  method,
  path,
  querySha256,
  bodyForm,
  bodySha256,
})

export const makeIdentifier = (overrides: Partial<Identifier> = {}): Identifier => ({
  paymentHash,
  keyId: 3,
  mintedAt,
  random: Buffer.alloc(25, 0x5a),
  ...overrides,
})

export const mint = (terms: Terms = makeTerms(), identifier: Identifier = makeIdentifier()): string =>
  mintToken(master, identifier, terms, () => identifier.random)

export function decodeOrFail(text: string): DecodedToken {
  const decoded = decodeToken(text)
  if ('reason' in decoded) throw new Error(decoded.reason)
  return decoded
}
