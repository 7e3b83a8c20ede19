import type { UpgradeTarget, UpstreamCall } from '../ports/upstream.ts'

/**
 * Which headers cross the gateway. Towards the upstream an allow-list, since an unknown header may mean something to it
 * that the price does not know; towards the buyer everything except what belongs to one connection or to the shop.
 */

/** Passed on everywhere. */
const passedOn = new Set([
  'accept',
  'accept-language',
  'content-language',
  'content-type',
  'user-agent',
  'traceparent',
  'tracestate',
])

/** Never where something is sold: a part of it, or word that it is unchanged, would be no result. */
const asksForLess = new Set([
  'accept-encoding',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
])

/** Passed on besides on free routes: there a part or a cached copy is as good as the whole. */
const passedOnFree = new Set([...asksForLess, 'cache-control', 'content-encoding', 'origin'])

/** RFC 9110, section 7.6.1, and what older proxies treat alike. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Never taken from the client, not even by `forward_headers`. */
const neverForwarded = new Set([...hopByHop, 'content-length', 'expect', 'host', 'idempotency-key', 'x-request-id'])

/** The headers of a call to the upstream, name, value, name, value. Host and Content-Length are added in sending. */
export function outgoingHeaders(call: UpstreamCall): string[] {
  const { headers: set, forwardHeaders } = call.upstream
  const { rawHeaders, address, host, scheme } = call.client
  const out: string[] = []
  const nominated = connectionNominated(rawHeaders)
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    const value = rawHeaders[at + 1] ?? ''
    if (nominated.has(name) || Object.hasOwn(set, name) || !isPassedOn(name, value, forwardHeaders, call.free)) continue
    if (name === 'content-type' && call.contentType !== undefined) continue
    out.push(name, value)
  }
  const ours = {
    'content-type': call.contentType,
    'x-forwarded-for': address,
    'x-forwarded-host': host,
    'x-forwarded-proto': scheme,
    'x-request-id': call.requestId,
    'idempotency-key': call.idempotencyKey,
    ...set,
  }
  for (const [name, value] of Object.entries(ours)) if (value !== undefined) out.push(name, value)
  return out
}

function isPassedOn(name: string, value: string, forwardHeaders: readonly string[], free: boolean): boolean {
  const named = forwardHeaders.includes(name)
  if (name === 'authorization') return named && !isOurs(value)
  if (!free && asksForLess.has(name)) return false
  if (neverForwarded.has(name) || name.startsWith('x-forwarded-') || name === 'forwarded') return false
  return named || passedOn.has(name) || (free && passedOnFree.has(name))
}

/** An answer's headers as they go to the buyer or into the ledger. */
export function incomingHeaders(rawHeaders: readonly string[], free: boolean): string[] {
  const out: string[] = []
  const nominated = connectionNominated(rawHeaders)
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    if (hopByHop.has(name) || nominated.has(name) || name === 'set-cookie' || name === 'www-authenticate') continue
    if (name.startsWith('access-control-') || name.startsWith('l402-') || name === 'x-request-id') continue
    if (!free && (pricedDropped.has(name) || instructsCaches(name))) continue
    // Node refuses to send such a line, and a stored result must never become unsendable.
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(rawHeaders[at + 1] ?? '')) continue
    out.push(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '')
  }
  return out
}

/** On priced routes these are ours to say, or would invite a cache to keep or ask for a part of the result. */
const pricedDropped = new Set([
  'accept-ranges',
  'age',
  'cache-control',
  'clear-site-data',
  'content-length',
  'etag',
  'expires',
  'idempotent-replayed',
  'last-modified',
  'pragma',
  'server-timing',
])

/** What some caches obey before Cache-Control: a paid result would be kept, and given to anyone, on such a word. */
const instructsCaches = (name: string): boolean =>
  name.startsWith('x-accel-') || name.endsWith('cache-control') || /^(?:surrogate|edge|akamai)-control$/.test(name)

function connectionNominated(rawHeaders: readonly string[]): Set<string> {
  const names = new Set<string>()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'connection') continue
    for (const name of (rawHeaders[at + 1] ?? '').split(',')) names.add(name.trim().toLowerCase())
  }
  return names
}

/** A credential for this gateway, which no upstream may see. */
const isOurs = (value: string | undefined): boolean => /(?:^|,)\s*(?:L402|LSAT)(?:\s|$)/i.test(value ?? '')

/** The headers of a WebSocket handshake towards the upstream. */
export function upgradeHeaders(to: UpgradeTarget): Record<string, string> {
  const { rawHeaders, address, host, scheme } = to.client
  const headers: Record<string, string> = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    host: new URL(to.upstream.origin).host,
  }
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    const value = rawHeaders[at + 1] ?? ''
    const handshake = name.startsWith('sec-websocket-') || name === 'origin'
    if (handshake || isPassedOn(name, value, to.upstream.forwardHeaders, true)) headers[name] ??= value
  }
  return {
    ...headers,
    'x-forwarded-for': address,
    'x-forwarded-host': host,
    'x-forwarded-proto': scheme,
    'x-request-id': to.requestId,
    ...to.upstream.headers,
  }
}

/** Name, value, name, value as a record of lists, by names in lower case. */
export function headerRecord(flat: readonly string[]): Record<string, string[]> {
  const record = Object.create(null) as Record<string, string[]>
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = (flat[at] ?? '').toLowerCase()
    const lines = record[name] ?? []
    lines.push(flat[at + 1] ?? '')
    record[name] = lines
  }
  return record
}
