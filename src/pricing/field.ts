/**
 * A place in a request that a price is read from: `input.*.content` in the body, `?steps` in the query, `:style` in
 * the path.
 */
export type FieldRef =
  | { readonly in: 'body'; readonly path: readonly string[] }
  | { readonly in: 'query'; readonly name: string }
  | { readonly in: 'path'; readonly name: string }

/** The parts of one request that fields are read from. */
export interface FieldSource {
  /** Decoded JSON, or the fields of a form by name; undefined without a body. */
  readonly body: unknown
  /** One value a name; a name given twice never gets here. */
  readonly query: ReadonlyMap<string, string>
  readonly params: ReadonlyMap<string, string>
}

export interface FieldValue {
  /** `$.input[0].content`, `?steps`, `:style`. */
  readonly at: string
  readonly value: unknown
}

const segment = /^(?:\*|[^.*?:\s][^.*\s]*)$/

/** @returns undefined when the text names no field */
export function parseField(text: string): FieldRef | undefined {
  if (text.startsWith('?')) return text.length > 1 ? { in: 'query', name: text.slice(1) } : undefined
  if (text.startsWith(':')) return text.length > 1 ? { in: 'path', name: text.slice(1) } : undefined
  const path = text.split('.')
  return path.every((part) => segment.test(part)) && path[0] !== '*' ? { in: 'body', path } : undefined
}

/** The field as the operator writes it. */
export function fieldName(field: FieldRef): string {
  switch (field.in) {
    case 'body':
      return field.path.join('.')
    case 'query':
      return `?${field.name}`
    case 'path':
      return `:${field.name}`
  }
}

/** Every value the field has in this request: none when absent, several behind a `*`. `null` counts as absent. */
export function readField(field: FieldRef, source: FieldSource): FieldValue[] {
  switch (field.in) {
    case 'query':
      return single(`?${field.name}`, source.query.get(field.name))
    case 'path':
      return single(`:${field.name}`, source.params.get(field.name))
    case 'body':
      return field.path.reduce(step, [{ at: '$', value: source.body }])
  }
}

/** The JSON path an absent field would have stood at. */
export function absentAt(field: FieldRef): string {
  return field.in === 'body'
    ? field.path.reduce((at, key) => (key === '*' ? `${at}[*]` : `${at}.${key}`), '$')
    : fieldName(field)
}

const single = (at: string, value: string | undefined): FieldValue[] => (value === undefined ? [] : [{ at, value }])

function step(values: FieldValue[], key: string): FieldValue[] {
  return values.flatMap(({ at, value }) => {
    if (typeof value !== 'object' || value === null) return []
    if (key === '*') {
      return Array.isArray(value) ? value.map((item: unknown, index) => ({ at: `${at}[${index}]`, value: item })) : []
    }
    if (!Object.hasOwn(value, key)) return []
    const child = (value as Record<string, unknown>)[key]
    return child === null || child === undefined ? [] : [{ at: `${at}.${key}`, value: child }]
  })
}
