import { type ErrorCode, GatewayError } from '../errors.ts'
import { readCredential } from '../l402/credential.ts'
import { type DecodedToken, decodeToken, type GenuineToken, preimageMatches, verifyToken } from '../l402/token.ts'
import type { Gateway } from './gateway.ts'

/** What the credential of a request is worth by itself, before the request and the ledger are looked at. */
export type Verdict =
  | { readonly kind: 'none' }
  /** Not a payment to us: the answer is a challenge, and `code` says why. */
  | { readonly kind: 'rejected'; readonly code: ErrorCode; readonly detail: string }
  | { readonly kind: 'genuine'; readonly token: GenuineToken }

/** A token may have been minted this long before now and still be worth something. */
const clockToleranceMs = 5 * 60_000

/**
 * Judges `Authorization` from the headers alone: form, signature, preimage.
 * @param lines the values of all Authorization headers
 * @throws GatewayError `conflicting_credentials` for two payments at once, `unknown_key` when a token that may be ours
 *   cannot be verified now
 */
export function authorize(
  { keys, clock, revisions }: Pick<Gateway, 'keys' | 'clock' | 'revisions'>,
  lines: readonly string[],
): Verdict {
  const reading = readCredential(lines)
  if (reading.kind === 'none') return reading
  if (reading.kind === 'malformed') return rejected('malformed_credential', reading.reason)
  const presented: { token: DecodedToken; preimage: string }[] = []
  for (const { token, preimage } of reading.tokens) {
    const decoded = decodeToken(token)
    if ('reason' in decoded) return rejected('malformed_credential', decoded.reason)
    presented.push({ token: decoded, preimage })
  }
  const [first] = presented
  if (!first) return rejected('malformed_credential', 'there is no token')
  const conflict = presented.some(
    ({ token, preimage }) => token.paymentHash !== first.token.paymentHash || preimage !== first.preimage,
  )
  if (conflict) throw new GatewayError('conflicting_credentials')
  let genuine: GenuineToken | undefined
  for (const { token, preimage } of presented) {
    const key = keys.find(token.identifier.keyId)
    if (!key) {
      const ageMs = clock.nowMs() - token.identifier.mintedAt * 1000
      if (ageMs > -clockToleranceMs && ageMs < revisions.longestLifeMs) throw new GatewayError('unknown_key')
      return rejected('unknown_token', 'the token was not issued here')
    }
    const verified = verifyToken(token, key.secret, preimage)
    if (!verified) return rejected('unknown_token', 'the token was not issued here, or was changed')
    // Every token that is shown has to hold, so what any holder added counts.
    genuine = genuine ? { ...verified, appended: [...genuine.appended, ...verified.appended] } : verified
  }
  if (!genuine || !preimageMatches(first.preimage, first.token.identifier.paymentHash)) {
    return rejected('wrong_preimage', 'the preimage does not hash to the payment hash of the token')
  }
  return { kind: 'genuine', token: genuine }
}

const rejected = (code: ErrorCode, detail: string): Verdict => ({ kind: 'rejected', code, detail })
