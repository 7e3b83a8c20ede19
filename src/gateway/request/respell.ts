import type { Contract, FieldPath } from '../../catalog/service.ts'
import type { FieldSource } from '../../pricing/field.ts'
import { otherSpellings } from '../../pricing/spelling.ts'

/**
 * Writes the names of rows, which a request may give in any case, as the operator writes them: an upstream that does not
 * know `BUDGET` might do the work of its default for the price of `budget`. Where the schema refuses the operator's
 * spelling, it says itself what the upstream takes, and the buyer's stays.
 * @param fields of a request that the contract accepts; its body is written to
 * @returns the fields as the upstream is to get them; the same where nothing changed
 */
export function respell({ price, body, query }: Contract, fields: FieldSource): FieldSource {
  if (price === 'free') return fields
  let parameters = fields.query
  for (const { field, text } of otherSpellings(price, fields)) {
    if (field.in === 'query') {
      const changed = new Map(parameters).set(field.name, text)
      if (query?.check?.(changed).ok !== false) parameters = changed
    } else if (field.in === 'body' && body.kind === 'structured') {
      const before = write(field.path, fields.body, text)
      if (before !== undefined && body.validate?.(fields.body).ok === false) write(field.path, fields.body, before)
    }
  }
  return parameters === fields.query ? fields : { ...fields, query: parameters }
}

/** Replaces the one text that stands at a path. @returns what stood there */
function write([key, ...rest]: FieldPath, holder: unknown, text: string): string | undefined {
  if (key === undefined || typeof holder !== 'object' || holder === null) return undefined
  const each = key === '*' ? Object.keys(holder) : Object.hasOwn(holder, key) ? [key] : []
  const values = holder as Record<string, unknown>
  for (const name of each) {
    const before = values[name]
    if (rest.length > 0) {
      const found = write(rest, before, text)
      if (found !== undefined) return found
    } else if (typeof before === 'string') {
      values[name] = text
      return before
    }
  }
  return undefined
}
