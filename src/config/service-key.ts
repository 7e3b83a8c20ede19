/**
 * The key of a service: `[METHOD ][host]/path`. In the path `:name` stands for one segment and a final `*` for the
 * rest; everything else is itself, byte for byte.
 */
export interface ServiceKey {
  /** Undefined: decided by what the service is. */
  readonly method: string | undefined
  /** Lower case; undefined: every host. */
  readonly host: string | undefined
  readonly segments: readonly Segment[]
  /** True when the path ends in `*`. */
  readonly rest: boolean
  /** The path as written. */
  readonly path: string
}

export type Segment =
  | { readonly kind: 'exact'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }

export const serviceMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

const keyText = /^(?:([A-Za-z]+)\s+)?([^/\s]*)(\/\S*)$/
const hostText = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?$/
/** RFC 3986 pchar without percent-escapes, `;`, and what the key's own syntax uses. */
const segmentText = /^[A-Za-z0-9._~!$&'()+,=@-]*$/

export function parseServiceKey(text: string): ServiceKey | { readonly problem: string } {
  const match = keyText.exec(text.trim())
  if (!match) return { problem: 'is not `[METHOD ][host]/path`; write for example `/api/images` or `POST /api/images`' }
  const [, method, host = '', path = '/'] = match
  if (method !== undefined && !(serviceMethods as readonly string[]).includes(method.toUpperCase())) {
    return { problem: `the method \`${method}\` cannot be sold; use one of ${serviceMethods.join(', ')}` }
  }
  if (host !== '' && !hostText.test(host.toLowerCase())) return { problem: `\`${host}\` is not a host name` }
  const parsed = parsePattern(path)
  if ('problem' in parsed) return parsed
  return { method: method?.toUpperCase(), host: host === '' ? undefined : host.toLowerCase(), path, ...parsed }
}

/** Reads a path pattern or an upstream's path template, which have the same syntax. */
export function parsePattern(path: string): Pick<ServiceKey, 'segments' | 'rest'> | { readonly problem: string } {
  const parts = path.slice(1).split('/')
  const rest = parts.at(-1) === '*'
  if (rest) parts.pop()
  const segments: Segment[] = []
  const names = new Set<string>()
  for (const [index, part] of parts.entries()) {
    if (part === '' && (index < parts.length - 1 || (rest && parts.length > 0)))
      return { problem: 'has an empty segment (`//`)' }
    if (part === '.' || part === '..') return { problem: 'has a dot segment' }
    if (part.startsWith(':')) {
      const name = part.slice(1)
      if (!/^[a-zA-Z][a-zA-Z0-9_]*$/.test(name)) return { problem: `\`${part}\` is not a parameter; write \`:name\`` }
      if (names.has(name)) return { problem: `has \`:${name}\` twice` }
      names.add(name)
      segments.push({ kind: 'param', name })
    } else if (part.includes('*')) {
      return { problem: '`*` stands only for the whole rest, at the end: `/media/*`' }
    } else if (!segmentText.test(part)) {
      return { problem: `\`${part}\` has a character that a path here cannot have` }
    } else {
      segments.push({ kind: 'exact', text: part })
    }
  }
  return { segments, rest }
}

export const paramNames = (segments: readonly Segment[]): string[] =>
  segments.flatMap((segment) => (segment.kind === 'param' ? [segment.name] : []))

/** A service's name where none is given: the path as a slug. */
export function slugOf(key: ServiceKey): string {
  const words = key.segments.flatMap((segment) => {
    const text = segment.kind === 'exact' ? segment.text : segment.name
    return text.toLowerCase().match(/[a-z0-9]+/g) ?? []
  })
  const method = key.method === undefined ? [] : [key.method.toLowerCase()]
  return [...method, ...words].join('-').slice(0, 40).replace(/-$/, '') || 'root'
}
