import type { Service } from '../../catalog/service.ts'

type UpstreamJob = NonNullable<Service['config']['upstreamJob']>
type AnswerPath = UpstreamJob['state']['path']
type UrlTemplate = UpstreamJob['poll']['url']

/** Reading places of an asynchronous upstream's JSON answers. */

/** @param id stands for the key `{id}` */
export function readAnswer(value: unknown, path: AnswerPath, id: string): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  if (typeof value !== 'object' || value === null) return undefined
  if (key === '*') {
    for (const each of Object.values(value)) {
      const found = readAnswer(each, rest, id)
      if (found !== undefined && found !== null) return found
    }
    return undefined
  }
  const name = key === '{id}' ? id : key
  return Object.hasOwn(value, name) ? readAnswer((value as Record<string, unknown>)[name], rest, id) : undefined
}

/** A place on an upstream. */
export interface Place {
  readonly origin: string
  /** Path and query. */
  readonly path: string
}

/**
 * Fills a URL. A field between others is percent-encoded; one that is the whole template is the URL itself.
 * @param base the upstream's origin, which a path belongs to
 * @param origins where it may lead
 * @returns undefined when a field is missing or the URL leads elsewhere
 */
export function fillUrl(
  template: UrlTemplate,
  { id, answer }: { readonly id: string; readonly answer: unknown },
  base: string,
  origins: readonly string[],
): Place | undefined {
  const [only, ...others] = template
  let text = ''
  for (const part of template) {
    if (part.kind === 'text') {
      text += part.text
      continue
    }
    const value = part.path.length === 1 && part.path[0] === '{id}' ? id : readAnswer(answer, part.path, id)
    if (!isScalar(value)) return undefined
    if (others.length === 0 && only === part) return placeOf(String(value), base, origins)
    // A dot segment would be another path.
    if (value === '.' || value === '..') return undefined
    text += encodeURIComponent(value)
  }
  return text.startsWith('/') ? { origin: base, path: text } : placeOf(text, base, origins)
}

export const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'

function placeOf(reference: string, base: string, origins: readonly string[]): Place | undefined {
  if (!URL.canParse(reference, base)) return undefined
  const url = new URL(reference, base)
  const leadsElsewhere = !origins.includes(url.origin) || url.username !== '' || url.password !== ''
  return leadsElsewhere ? undefined : { origin: url.origin, path: `${url.pathname}${url.search}` }
}
