/**
 * Reads `Authorization: L402 <token>:<preimage>` in every spelling that clients send: `L402` or `LSAT`, any case; one
 * line or several; two credentials joined in one line; other schemes beside it; several tokens before one preimage.
 */
export interface PresentedToken {
  /** Base64 as sent. */
  readonly token: string
  /** 64 lower-case hex digits. */
  readonly preimage: string
}

export type CredentialReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly reason: string }
  | { readonly kind: 'presented'; readonly tokens: readonly PresentedToken[] }

/** All L402 credential text of one request, before anything is decoded. */
export const maxCredentialLength = 8192
/** Tokens in one request, whatever the number of lines. */
export const maxTokens = 4

const schemeStart = /^(?:L402|LSAT)(?:[ \t]+(.*))?$/is
const tokenText = /^[A-Za-z0-9+/_=-]+$/
const lastPart = /^([A-Za-z0-9+/_=-]*):(.*)$/s
const hex64 = /^[0-9a-fA-F]{64}$/

/** @param lines the values of all `Authorization` headers, in order */
export function readCredential(lines: readonly string[]): CredentialReading {
  const tokens: PresentedToken[] = []
  let seen = false
  let length = 0
  for (const line of lines) {
    if (!/L402|LSAT/i.test(line)) continue
    length += line.length
    if (length > maxCredentialLength)
      return malformed(`the credential is longer than ${maxCredentialLength} characters`)
    const reading = readLine(line)
    if (reading.kind === 'malformed') return reading
    if (reading.kind === 'presented') {
      seen = true
      tokens.push(...reading.tokens)
    }
  }
  if (tokens.length > maxTokens) return malformed(`more than ${maxTokens} tokens`)
  return seen ? { kind: 'presented', tokens } : { kind: 'none' }
}

function readLine(line: string): CredentialReading {
  const tokens: PresentedToken[] = []
  /** Token texts of the credential being read; undefined between credentials. */
  let open: string[] | undefined
  for (const part of line.split(',').map((text) => text.trim())) {
    const scheme = schemeStart.exec(part)
    if (scheme) {
      if (open) return malformed('a token without a preimage')
      open = []
    } else if (!open) {
      continue
    }
    const text = scheme ? (scheme[1] ?? '').trim() : part
    const last = lastPart.exec(text)
    if (!last) {
      if (!tokenText.test(text)) return malformed('expected <token>:<preimage>')
      open.push(text)
      continue
    }
    const [, token = '', preimage = ''] = last
    if (token === '') return malformed('the token is missing before the colon')
    if (!hex64.test(preimage)) return malformed('the preimage is not 64 hex digits')
    for (const each of [...open, token]) tokens.push({ token: each, preimage: preimage.toLowerCase() })
    open = undefined
  }
  if (open) return malformed('a token without a preimage')
  return tokens.length === 0 ? { kind: 'none' } : { kind: 'presented', tokens }
}

const malformed = (reason: string): CredentialReading => ({ kind: 'malformed', reason })
