/** A URL or a field path with places that are filled in when a job runs. */

/** Keys from the top of a JSON answer. `*` is the first item or member that leads on; `{id}` the upstream's id. */
export type AnswerPath = readonly string[]

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly path: AnswerPath }

/** `/history/{id}`, `/view?filename={outputs.9.images.0.filename}`. One field alone is the whole URL. */
export type UrlTemplate = readonly TemplatePart[]

/** The place of the upstream's own id. */
export const idField = '{id}'

const key = /^(?:\{id\}|[^.{}\s]+)$/

/** @returns undefined when the text names no place */
export function parseAnswerPath(text: string): AnswerPath | undefined {
  const path = text.split('.')
  return path.every((part) => key.test(part)) ? path : undefined
}

/** @returns undefined when braces do not pair or a field between them is none */
export function parseUrlTemplate(text: string): UrlTemplate | undefined {
  const parts: TemplatePart[] = []
  for (const part of text.split(/(\{[^{}]*\})/)) {
    if (part === '') continue
    if (!part.startsWith('{')) {
      if (/[{}\s#]/.test(part)) return undefined
      parts.push({ kind: 'text', text: part })
      continue
    }
    const path = part === idField ? [idField] : parseAnswerPath(part.slice(1, -1))
    if (!path) return undefined
    parts.push({ kind: 'field', path })
  }
  return parts.length > 0 ? parts : undefined
}

export const isIdOnly = (template: UrlTemplate): boolean =>
  template.every((part) => part.kind === 'text' || (part.path.length === 1 && part.path[0] === idField))
