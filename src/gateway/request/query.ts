import { GatewayError, type RequestIssue } from '../../errors.ts'

/** Node, qs and PHP leave out what stands behind the first thousand. */
const maxParameters = 256

/**
 * The parameters of a query string, each at most once.
 * @throws GatewayError `invalid_request` for a parameter given twice or in another case, too many of them, or a bad escape
 */
export function parseQuery(query: string): Map<string, string> {
  const parameters = new Map<string, string>()
  const lower = new Set<string>()
  const pairs = query === '' ? [] : query.split('&')
  if (pairs.length > maxParameters) throw issue({ path: '?', message: `has more than ${maxParameters} parameters` })
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1))
    if (lower.has(name.toLowerCase())) throw issue({ path: `?${name}`, message: 'is given more than once' })
    lower.add(name.toLowerCase())
    parameters.set(name, value)
  }
  return parameters
}

/** Every name in a query that any reader may find there, as far as it can be decoded. */
export function namesIn(query: string): string[] {
  return query.split(/[&;]/).map((pair) => {
    const [name = ''] = pair.split('=', 1)
    try {
      return decode(name)
    } catch {
      return name
    }
  })
}

/** The canonical query string of parameters, in their order. */
export function encodeQuery(parameters: ReadonlyMap<string, string>): string {
  return [...parameters].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw issue({ path: '?', message: 'the query has a bad percent-escape' })
  }
}

const issue = (found: RequestIssue) =>
  new GatewayError('invalid_request', `${found.path} ${found.message}`, { issues: [found] })
