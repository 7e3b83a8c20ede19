import type { ConfigPath } from '../config/problem.ts'
import { type FieldRef, fieldName } from '../pricing/field.ts'
import { isRow, type RateTable, type RateTree } from '../pricing/spec.ts'
import { priceFields, type Service } from './service.ts'

type Complain = (path: ConfigPath, message: string) => void
type Schema = Record<string, unknown>

/**
 * Whether a price can be computed for every request that the schema lets through: its fields exist, a field that
 * chooses a row is always there or the table has a default, and every value allowed for it has a row.
 */
export function checkPrice(service: Service, complain: Complain): void {
  const { price, route } = service.contract
  const { schema, query } = service.config.request
  if (price === 'free') return
  const params = new Set(route.key.segments.flatMap((segment) => (segment.kind === 'param' ? [segment.name] : [])))
  for (const field of priceFields(price)) {
    if (field.in === 'path' && !params.has(field.name)) {
      complain(['price'], `\`:${field.name}\` is not a parameter of the path \`${route.key.path}\``)
    }
    if (field.in === 'body' && service.contract.body.kind === 'none') {
      complain(['price'], `\`${fieldName(field)}\` is a field of the body, but ${route.methods.join(' and ')} has none`)
    }
    const place = field.in === 'query' ? query : field.in === 'body' ? schema : undefined
    if (
      place !== undefined &&
      service.config.request.unknownFields === 'reject' &&
      lookUp(place, field) === 'unknown'
    ) {
      complain(['price'], `\`${fieldName(field)}\` is not a field of the request schema, so no request can have it`)
    }
  }
  for (const { rate } of price.lines) {
    if (rate.kind === 'table') checkTable(rate, { schema, query }, complain)
  }
}

function checkTable(table: RateTable, request: { schema: unknown; query: unknown }, complain: Complain): void {
  let level: RateTree[] = [table.rows]
  for (const selector of table.by) {
    const names = selector.first.map(fieldName).join(' or ')
    const facts = selector.first.map((field) => {
      const found = lookUp(
        field.in === 'query' ? request.query : field.in === 'body' ? request.schema : undefined,
        field,
      )
      return field.in === 'path' ? { always: true, values: undefined } : typeof found === 'string' ? undefined : found
    })
    const always = facts.some((fact) => fact?.always)
    if (!always && selector.default === undefined) {
      complain(
        ['price'],
        `\`${names}\` may be absent: give the table a \`default\`, or the schema a default or \`required\``,
      )
    }
    for (const tree of level) {
      const rows = [...tree.keys()].map((key) => key.toLowerCase())
      for (const value of facts.flatMap((fact) => fact?.values ?? [])) {
        const text = String(value).toLowerCase()
        if (rows.includes(text) || table.aliases.has(text)) continue
        complain(['price'], `\`${names}\` may be \`${String(value)}\` by the schema, but the table has no row for it`)
      }
    }
    level = level.flatMap((tree) => [...tree.values()].flatMap((node) => (isRow(node) ? [] : [node])))
  }
}

interface FieldFacts {
  /** Present in every valid request, by `required` or a default. */
  readonly always: boolean
  /** All values it can have, where the schema lists them. */
  readonly values: readonly unknown[] | undefined
}

/** What a schema says of a field. `open`: too involved to tell. */
function lookUp(schema: unknown, field: FieldRef): FieldFacts | 'unknown' | 'open' {
  if (!isSchema(schema) || field.in === 'path') return 'open'
  const path = field.in === 'query' ? [field.name] : field.path
  let here: Schema = schema
  let always = true
  for (const key of path) {
    if (['$ref', 'allOf', 'anyOf', 'oneOf', 'if', 'patternProperties'].some((keyword) => keyword in here)) return 'open'
    const next = key === '*' ? here.items : isSchema(here.properties) ? here.properties[key] : undefined
    if (!isSchema(next)) {
      if (key === '*' || next === true || !isSchema(here.properties) || here.additionalProperties !== undefined)
        return 'open'
      return 'unknown'
    }
    const required = Array.isArray(here.required) && here.required.includes(key)
    always &&= key !== '*' && (required || 'default' in next)
    here = next
  }
  const values = Array.isArray(here.enum) ? here.enum : here.type === 'boolean' ? [false, true] : undefined
  return { always, values }
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
