import { nearest } from '../config/nearest.ts'
import type { ConfigPath } from '../config/problem.ts'
import { type FieldRef, fieldName } from '../pricing/field.ts'
import { isRow, type LineSpec, type RateTable, type RateTree, type Selector } from '../pricing/spec.ts'
import { type FieldFacts, lookUp, nothingKnown } from './check-fields.ts'
import type { Service } from './service.ts'

type Complain = (path: ConfigPath, message: string) => void

/**
 * Whether a price can be computed for every request that the schema lets through: its fields exist, a field that
 * chooses a row is always there or the table has a default, and every value allowed for it has a row.
 */
export function checkPrice(service: Service, complain: Complain): void {
  const { price } = service.contract
  if (price === 'free') return
  for (const [index, line] of price.lines.entries()) checkLine(line, linePath(service, index), service, complain)
}

const lineKeys = ['flat', 'per_char', 'per_unit', 'duration']

/** Where a line stands below the service. */
function linePath(service: Service, index: number): ConfigPath {
  const written = service.config.definition.sold.price as Record<string, unknown>
  const { sum } = written
  const at = Array.isArray(sum) ? ['price', 'sum', index] : ['price']
  const line = (Array.isArray(sum) ? sum[index] : written) as Record<string, unknown>
  return [...at, ...lineKeys.filter((key) => key in line)]
}

function checkLine({ quantity, rate }: LineSpec, path: ConfigPath, service: Service, complain: Complain): void {
  for (const field of quantity.kind === 'one' ? [] : quantity.of) {
    const missing = whyMissing(field, service)
    if (missing !== undefined) complain([...path, 'of'], missing)
    const { types } = factsOf(field, service)
    const taken = quantity.kind === 'characters' ? ['string'] : ['number', 'integer', 'string']
    // What comes in a query or a path is text that may be read as a number.
    if (field.in === 'body' && types && !types.some((type) => taken.includes(type))) {
      const wanted = quantity.kind === 'characters' ? 'text' : 'a number'
      complain(
        [...path, 'of'],
        `\`${fieldName(field)}\` has the type ${types.join(' or ')} in the schema; the price needs ${wanted}`,
      )
    }
  }
  if (rate.kind !== 'table') return
  const at = [...path, 'rate']
  for (const field of rate.by.flatMap(({ first }) => first)) {
    const missing = whyMissing(field, service)
    if (missing !== undefined) complain([...at, 'by'], missing)
  }
  for (const field of rate.guarded) {
    const missing = whyMissing(field, service)
    if (missing !== undefined) complain([...at, 'table'], `accepts a field that is not there: ${missing}`)
  }
  checkTable(rate, at, service, complain)
}

/** Why no request can have the field; undefined when one can. */
function whyMissing(field: FieldRef, service: Service): string | undefined {
  const { key, methods } = service.contract.route
  const name = `\`${fieldName(field)}\``
  if (field.in === 'path') {
    const known = key.segments.some((segment) => segment.kind === 'param' && segment.name === field.name)
    return known ? undefined : `${name} is not a parameter of the path \`${key.path}\``
  }
  if (field.in === 'body' && service.contract.body.kind === 'none') {
    return `${name} is a field of the body, and ${methods[0]} has none; \`?name\` is a field of the query`
  }
  const facts = factsOf(field, service)
  if (facts.known || service.config.request.unknownFields === 'allow') return undefined
  const beside = facts.instead.map((path) => `${field.in === 'query' ? '?' : ''}${path.join('.')}`)
  const meant = nearest(fieldName(field), beside)
  return `${name} is not a field of the request schema${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`
}

function factsOf(field: FieldRef, service: Service): FieldFacts {
  const { schema, query } = service.config.request
  switch (field.in) {
    case 'body':
      return lookUp(schema, field.path)
    case 'query':
      return lookUp(query, [field.name])
    case 'path':
      return { ...nothingKnown, always: true }
  }
}

function checkTable(table: RateTable, at: ConfigPath, service: Service, complain: Complain): void {
  let level: { tree: RateTree; path: ConfigPath }[] = [{ tree: table.rows, path: [...at, 'table'] }]
  for (const selector of table.by) {
    const facts = selector.first.map((field) => factsOf(field, service))
    if (selector.default === undefined && !facts.some(({ always }) => always))
      complain(at, mayBeAbsent(selector, service))
    for (const { tree, path } of level) {
      const rows = [...tree.keys()].map((key) => key.toLowerCase())
      const values = new Set(facts.flatMap((fact) => fact.values ?? []).map(String))
      const missing = [...values].filter((value) => {
        const alias = table.aliases.get(value.toLowerCase())?.row.toLowerCase()
        return !rows.includes(value.toLowerCase()) && !(alias !== undefined && rows.includes(alias))
      })
      if (missing.length > 0) {
        const names = missing.map((value) => `\`${value}\``).join(' and ')
        complain(path, `has no row for ${names}, which the schema allows for \`${namesOf(selector)}\``)
      }
    }
    level = level.flatMap(({ tree, path }) =>
      [...tree].flatMap(([key, node]) => (isRow(node) ? [] : [{ tree: node, path: [...path, key] }])),
    )
  }
}

const namesOf = ({ first }: Selector): string => first.map(fieldName).join('` or `')

function mayBeAbsent(selector: Selector, service: Service): string {
  const { schema, query } = service.config.request
  const [field] = selector.first
  const judged = field?.in === 'query' ? query : schema
  const advice =
    judged === undefined
      ? 'give the table a `default`'
      : 'give the table a `default`, or give the field a `default` or `required` in the schema'
  return `needs a row for requests without \`${namesOf(selector)}\`: ${advice}`
}
