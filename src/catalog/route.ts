import type { ServiceKey } from '../config/service-key.ts'

/** Which requests a service answers, and how routes relate to one another. */
export interface Route {
  readonly key: ServiceKey
  readonly methods: readonly string[]
}

/** What of a request decides its route. */
export interface RouteTarget {
  /** Canonical. */
  readonly path: string
  /** Lower case, with the port when one was given. */
  readonly host: string
}

/** HEAD is answered wherever GET is. */
export const everyMethod = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

type Pattern = Pick<ServiceKey, 'segments' | 'rest'>

/**
 * The values of a path's parameters, or undefined when the pattern does not match. `:name` takes one segment that is
 * not empty; the final `*` takes one or more and is called `*`.
 * @param path canonical, beginning with a slash
 */
export function matchPath(pattern: Pattern, path: string): ReadonlyMap<string, string> | undefined {
  const parts = path.slice(1).split('/')
  const { segments, rest } = pattern
  if (rest ? parts.length <= segments.length : parts.length !== segments.length) return undefined
  const params = new Map<string, string>()
  for (const [index, segment] of segments.entries()) {
    const part = parts[index] ?? ''
    if (segment.kind === 'exact') {
      if (part !== segment.text) return undefined
    } else {
      if (part === '') return undefined
      params.set(segment.name, part)
    }
  }
  if (rest) {
    const tail = parts.slice(segments.length).join('/')
    if (tail === '') return undefined
    params.set('*', tail)
  }
  return params
}

/** Fills a template's parameters from a match. @returns undefined when the match lacks one of them */
export function fillPath(template: Pattern, params: ReadonlyMap<string, string>): string | undefined {
  const parts: string[] = []
  for (const segment of template.segments) {
    const part = segment.kind === 'exact' ? segment.text : params.get(segment.name)
    if (part === undefined) return undefined
    parts.push(part)
  }
  if (template.rest) {
    const tail = params.get('*')
    if (tail === undefined) return undefined
    parts.push(tail)
  }
  return `/${parts.join('/')}`
}

/** True when every request of `inner` is also one of `outer`. */
export function contains(outer: Route, inner: Route): boolean {
  return (
    (outer.key.host === undefined || outer.key.host === inner.key.host) &&
    inner.methods.every((method) => outer.methods.includes(method)) &&
    containsPath(outer.key, inner.key)
  )
}

/** True when some request is one of both. */
export function overlaps(a: Route, b: Route): boolean {
  return (
    (a.key.host === undefined || b.key.host === undefined || a.key.host === b.key.host) &&
    a.methods.some((method) => b.methods.includes(method)) &&
    overlapsPath(a.key, b.key)
  )
}

export function containsPath(outer: Pattern, inner: Pattern): boolean {
  for (const [index, segment] of outer.segments.entries()) {
    const other = inner.segments[index]
    if (!other) return false
    if (segment.kind === 'exact' && (other.kind !== 'exact' || other.text !== segment.text)) return false
    if (segment.kind === 'param' && other.kind === 'exact' && other.text === '') return false
  }
  const more = inner.segments.length - outer.segments.length
  return outer.rest ? more > 0 || inner.rest : more === 0 && !inner.rest
}

/** True when some path is one of both. */
export function overlapsPath(a: Pattern, b: Pattern): boolean {
  const shared = Math.min(a.segments.length, b.segments.length)
  for (let index = 0; index < shared; index++) {
    const [left, right] = [a.segments[index], b.segments[index]]
    if (left?.kind === 'exact' && right?.kind === 'exact' && left.text !== right.text) return false
    if (left?.kind !== right?.kind && [left, right].some((each) => each?.kind === 'exact' && each.text === ''))
      return false
  }
  const difference = a.segments.length - b.segments.length
  if (difference === 0) return a.rest === b.rest
  return difference > 0 ? b.rest : a.rest
}
