import { GatewayError } from '../../errors.ts'

/**
 * The request target, read once from the raw request line. Matching, pricing, binding and forwarding all use this
 * value; whatever two routers might read differently is refused, never repaired.
 */
export interface Target {
  /** Path exactly as it came, which is its only accepted spelling; at most 512 bytes. */
  readonly path: string
  /** Without the question mark; empty when there is none. */
  readonly query: string
  /** Lower case, with the port when one was given. */
  readonly host: string
}

export const maxPathBytes = 512
export const maxQueryBytes = 8192

const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/i
const hostText = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$/

/**
 * @param url the request target as it stood on the request line
 * @param hosts the values of all Host headers
 * @param isOwnHost whether an absolute-form target names this gateway
 * @throws GatewayError `bad_target`, `target_too_long`
 */
export function readTarget(url: string, hosts: readonly string[], isOwnHost: (host: string) => boolean): Target {
  const [hostLine = '', ...otherHosts] = hosts
  if (otherHosts.length > 0) throw bad('there is more than one Host header')
  const absolute = absoluteForm.exec(url)
  const host = (absolute?.[1] ?? hostLine).toLowerCase()
  if (!hostText.test(host)) throw bad(host === '' ? 'the Host header is missing' : 'the Host header is not a host name')
  if (absolute && !isOwnHost(host)) throw bad('the absolute URL on the request line names another host')
  const reference = absolute ? absolute[2] || '/' : url
  const mark = reference.indexOf('?')
  const path = mark < 0 ? reference : reference.slice(0, mark)
  const query = mark < 0 ? '' : reference.slice(mark + 1)
  if (path.length > maxPathBytes)
    throw new GatewayError('target_too_long', `the path is longer than ${maxPathBytes} bytes`)
  if (query.length > maxQueryBytes)
    throw new GatewayError('target_too_long', `the query is longer than ${maxQueryBytes} bytes`)
  checkPath(path)
  if (!/^[\x21\x24-\x7e]*$/.test(query)) throw bad('the query has a character that must be percent-encoded')
  return { path, query, host }
}

function checkPath(path: string): void {
  if (!path.startsWith('/')) throw bad('the target does not begin with a slash')
  // RFC 3986 pchar, without `;`, whose meaning differs between servers.
  const odd = /[^A-Za-z0-9._~!$&'()*+,=:@%/-]/.exec(path)
  if (odd) throw bad(`the path has a character that is not accepted: ${JSON.stringify(odd[0])}`)
  if (path.includes('//')) throw bad('the path has an empty segment (`//`)')
  for (const segment of path.split('/')) {
    if (segment === '.' || segment === '..') throw bad('the path has a dot segment')
  }
  if (path.includes('%')) checkEscapes(path)
}

function checkEscapes(path: string): void {
  for (const [escape] of path.matchAll(/%(?:[^%]{2}|.{0,2})/g)) {
    if (!/^%[0-9A-F]{2}$/.test(escape))
      throw bad(`\`${escape}\` is not a percent-escape with two upper-case hex digits`)
    const byte = Number.parseInt(escape.slice(1), 16)
    if (byte < 0x20 || byte === 0x7f) throw bad('the path has an encoded control character')
    if (byte === 0x2f || byte === 0x5c || byte === 0x3b)
      throw bad(`the path has an encoded ${String.fromCharCode(byte)}`)
    if (byte === 0x25) throw bad('the path has an encoded percent sign')
    // Also where RFC 3986 has two resources: most routers decode before they compare, and would reach the other one.
    if (/[A-Za-z0-9._~!$&'()*+,=:@-]/.test(String.fromCharCode(byte)))
      throw bad(`\`${escape}\` must be written as itself`)
  }
  try {
    decodeURIComponent(path)
  } catch {
    throw bad('the percent-escapes of the path are not UTF-8')
  }
}

const bad = (detail: string) => new GatewayError('bad_target', detail)
