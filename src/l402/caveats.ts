/**
 * The caveats of a Turnpike token. The first eight are minted, always in this order; whatever follows was appended by
 * a holder and may only narrow. `key=value`, split at the first `=`.
 */
export interface Terms {
  /** Name of the service it was sold for. */
  readonly service: string
  /** Unix seconds; the minted one. */
  readonly validUntil: number
  /** Service revision it was priced under, 16 hex digits. */
  readonly rev: string
  readonly priceMsat: bigint
  readonly method: string
  /** Canonical path. */
  readonly path: string
  /** SHA-256 of the raw query string (of nothing when there is none), 64 hex digits. */
  readonly querySha256: string
  /** `raw`: over the bytes of the body. `multipart`: over the bytes with the boundary replaced. */
  readonly bodyForm: BodyForm
  readonly bodySha256: string
}

export type BodyForm = 'raw' | 'multipart'

/** What one request is bound by; compared with the terms and with appended caveats. */
export type Binding = Pick<Terms, 'method' | 'path' | 'querySha256' | 'bodyForm' | 'bodySha256'>

export type CaveatReading =
  | { readonly kind: 'terms'; readonly terms: Terms; readonly appended: readonly string[] }
  | { readonly kind: 'foreign' }

export type AppendedVerdict =
  | { readonly kind: 'hold' }
  /** A holder's own earlier expiry has passed. */
  | { readonly kind: 'expired' }
  /** Bound by the holder to another request. */
  | { readonly kind: 'other_request' }
  /** Wider than what was minted, or not readable. */
  | { readonly kind: 'refused'; readonly caveat: string }

const mintedCount = 8
const hex64 = /^[0-9a-f]{64}$/

/** The eight caveats in minting order. */
export function mintedCaveats(terms: Terms): string[] {
  return [
    `services=${terms.service}:0`,
    `${validUntilKey(terms.service)}=${terms.validUntil}`,
    `rev=${terms.rev}`,
    `price_msat=${terms.priceMsat}`,
    `method=${terms.method}`,
    `path=${terms.path}`,
    `query_sha256=${terms.querySha256}`,
    `${bodyKey(terms.bodyForm)}=${terms.bodySha256}`,
  ]
}

/** Reads the caveats of a token whose signature is good. `foreign`: signed by our key but not of this shape. */
export function readCaveats(caveats: readonly string[]): CaveatReading {
  const [services, validUntil, rev, price, method, path, query, body] = caveats.slice(0, mintedCount).map(split)
  if (!services || !validUntil || !rev || !price || !method || !path || !query || !body) return { kind: 'foreign' }
  const service = /^([a-z0-9-]{1,40}):0$/.exec(services.value)?.[1]
  const bodyForm = body.key === 'body_sha256' ? 'raw' : body.key === 'multipart_sha256' ? 'multipart' : undefined
  const shaped =
    services.key === 'services' &&
    service !== undefined &&
    validUntil.key === validUntilKey(service) &&
    isUnixSeconds(validUntil.value) &&
    rev.key === 'rev' &&
    /^[0-9a-f]{16}$/.test(rev.value) &&
    price.key === 'price_msat' &&
    /^[1-9][0-9]{0,18}$/.test(price.value) &&
    method.key === 'method' &&
    path.key === 'path' &&
    query.key === 'query_sha256' &&
    hex64.test(query.value) &&
    hex64.test(body.value)
  if (!shaped || bodyForm === undefined) return { kind: 'foreign' }
  const terms: Terms = {
    service,
    validUntil: Number(validUntil.value),
    rev: rev.value,
    priceMsat: BigInt(price.value),
    method: method.value,
    path: path.value,
    querySha256: query.value,
    bodyForm,
    bodySha256: body.value,
  }
  return { kind: 'terms', terms, appended: caveats.slice(mintedCount) }
}

/** True when the request is the one the token was minted for. */
export function isBoundTo(terms: Binding, request: Binding): boolean {
  return (
    terms.method === request.method &&
    terms.path === request.path &&
    terms.querySha256 === request.querySha256 &&
    terms.bodyForm === request.bodyForm &&
    terms.bodySha256 === request.bodySha256
  )
}

/**
 * Judges what a holder appended. Conditions we mint, repeated, may only narrow; `preimage=` (lnget, Aperture) must be
 * the token's own; conditions we do not know are skipped, as the L402 specification asks.
 * @param request undefined where there is no request to compare with (the job resource)
 * @param preimage 64 hex digits, already known to hash to the token's payment hash
 */
export function judgeAppended(
  appended: readonly string[],
  terms: Terms,
  request: Binding | undefined,
  preimage: string,
  nowSeconds: number,
): AppendedVerdict {
  let validUntil = terms.validUntil
  let otherRequest = false
  for (const caveat of appended) {
    const condition = split(caveat)
    if (!condition) continue
    const { key, value } = condition
    const refused = { kind: 'refused', caveat: key } as const
    switch (key) {
      case 'services':
        if (value !== `${terms.service}:0`) return refused
        break
      case validUntilKey(terms.service):
        if (!isUnixSeconds(value) || Number(value) > validUntil) return refused
        validUntil = Number(value)
        break
      case 'rev':
        if (value !== terms.rev) return refused
        break
      case 'price_msat':
        if (value !== String(terms.priceMsat)) return refused
        break
      case 'preimage':
        if (value.toLowerCase() !== preimage) return refused
        break
      default:
        otherRequest ||= request !== undefined && bindsElsewhere(key, value, request)
    }
  }
  if (validUntil < terms.validUntil && nowSeconds >= validUntil) return { kind: 'expired' }
  return otherRequest ? { kind: 'other_request' } : { kind: 'hold' }
}

function bindsElsewhere(key: string, value: string, request: Binding): boolean {
  switch (key) {
    case 'method':
      return value !== request.method
    case 'path':
      return value !== request.path
    case 'query_sha256':
      return value !== request.querySha256
    case 'body_sha256':
    case 'multipart_sha256':
      return key !== bodyKey(request.bodyForm) || value !== request.bodySha256
    default:
      return false
  }
}

const validUntilKey = (service: string) => `${service}_valid_until`

const bodyKey = (form: BodyForm) => (form === 'raw' ? 'body_sha256' : 'multipart_sha256')

const isUnixSeconds = (text: string) => /^(?:0|[1-9][0-9]{0,14})$/.test(text)

function split(caveat: string): { key: string; value: string } | undefined {
  const at = caveat.indexOf('=')
  return at < 0 ? undefined : { key: caveat.slice(0, at), value: caveat.slice(at + 1) }
}
