import type { RequestIssue } from '../errors.ts'
import { absentAt, type FieldRef, type FieldSource, fieldName, readField } from './field.ts'
import { type Alias, isRow, type RateRow, type RateSpec, type RateTable, type RateTree, type Selector } from './spec.ts'

export type ChosenRate =
  | { readonly ok: true; readonly row: RateRow; readonly keys: readonly ChosenKey[] }
  | { readonly ok: false; readonly issues: readonly RequestIssue[] }

/** Which row a level of the table gave, and by which field (none: the default). */
export interface ChosenKey {
  readonly field: string
  readonly key: string
  /** Where the request names the row in another case than the operator does. */
  readonly spelling?: Spelling
}

/** How the operator writes what a request gives in this field. */
export interface Spelling {
  readonly field: FieldRef
  readonly text: string
}

export function chooseRate(rate: RateSpec, source: FieldSource): ChosenRate {
  if (rate.kind === 'fixed') return { ok: true, row: rate.row, keys: [] }
  const keys: ChosenKey[] = []
  let node: RateTree | RateRow = rate.rows
  for (const selector of rate.by) {
    if (isRow(node)) break
    const chosen = chooseKey(selector, node, rate, source)
    if ('message' in chosen) return { ok: false, issues: [chosen] }
    keys.push(chosen)
    const next: RateTree | RateRow | undefined = node.get(chosen.key)
    if (!next) return { ok: false, issues: [{ path: chosen.field, message: 'has no price here' }] }
    node = next
  }
  if (!isRow(node)) return { ok: false, issues: [{ path: '$', message: 'has no price' }] }
  const refused = refusedFields(rate, node, keys, source)
  return refused.length > 0 ? { ok: false, issues: refused } : { ok: true, row: node, keys }
}

function chooseKey(
  selector: Selector,
  rows: RateTree,
  table: RateTable,
  source: FieldSource,
): ChosenKey | RequestIssue {
  for (const field of selector.first) {
    const [found, ...more] = readField(field, source)
    if (!found) continue
    if (more.length > 0) return { path: absentAt(field), message: 'may be given only once: it chooses the price' }
    const named = rowNamed(found.value, rows, table.aliases)
    const isOther = typeof found.value === 'string' && found.value !== named?.name
    // The path is the upstream's as the buyer writes it, and its routes know one case.
    if (named === undefined || (isOther && field.in === 'path')) {
      return { path: found.at, message: 'is not one of the values that have a price', allowed: [...rows.keys()] }
    }
    const chosen = { field: fieldName(field), key: named.row }
    return isOther ? { ...chosen, spelling: { field, text: named.name } } : chosen
  }
  if (selector.default === undefined) {
    return {
      path: selector.first.map(absentAt).join(' or '),
      message: 'is needed: it chooses the price',
      allowed: [...rows.keys()],
    }
  }
  const [named] = selector.first
  return { field: named ? fieldName(named) : '', key: selector.default }
}

/** A row by its own name or an alias of it; numbers and text alike, in any case. */
function rowNamed(value: unknown, rows: RateTree, aliases: ReadonlyMap<string, Alias>): Alias | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return undefined
  const text = String(value)
  if (rows.has(text)) return { name: text, row: text }
  const lower = text.toLowerCase()
  const alias = aliases.get(lower)
  if (alias !== undefined && rows.has(alias.row)) return alias
  for (const row of rows.keys()) if (row.toLowerCase() === lower) return { name: row, row }
  return undefined
}

function refusedFields(
  table: RateTable,
  row: RateRow,
  keys: readonly ChosenKey[],
  source: FieldSource,
): RequestIssue[] {
  const accepted = new Set(row.accepts.map(fieldName))
  const chosen = keys.map(({ field, key }) => `${field} = ${key}`).join(', ')
  return table.guarded.flatMap((field) => {
    const [found] = accepted.has(fieldName(field)) ? [] : readField(field, source)
    return found ? [{ path: found.at, message: `is not accepted with ${chosen}` }] : []
  })
}
