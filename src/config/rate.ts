import { z } from 'zod'
import { readAmount, readRate } from '../pricing/amount.ts'
import { type FieldRef, fieldName, parseField } from '../pricing/field.ts'
import type { Rational } from '../pricing/rational.ts'
import { isRow, type RateRow, type RateSpec, type RateTree, type Selector } from '../pricing/spec.ts'
import { filePath } from './scalars.ts'

/** `rate:` of a price line: an amount for one unit, or a table over fields. */

const scalar = z.union([z.string(), z.number()])
const scalarKey = z.union([z.string(), z.number(), z.boolean()])

const row = z.strictObject({
  rate: scalar.describe('For one unit: `300` (sats) or `1 sat / 333 chars`'),
  min: scalar.describe('The least a line in this row costs').optional(),
  max: scalar.describe('The most a line in this row costs').optional(),
  accepts: z
    .array(z.string())
    .describe('Fields that may be used with this row; rows that do not name them refuse them')
    .optional(),
})

const selector = z.union([
  z.string(),
  z.strictObject({ first: z.array(z.string()).min(1).describe('The first of these that is present decides') }),
])

const tableObject = z.strictObject({
  by: z
    .union([selector, z.array(selector).min(1)])
    .describe('The field that chooses the row; a list for nested tables'),
  table: z
    .record(z.string(), z.unknown())
    .describe('Row by value: a rate, or `{ rate, min, max, accepts }`; for nested tables one more table')
    .optional(),
  table_file: filePath.optional(),
  default: z
    .union([scalarKey, z.array(z.union([scalarKey, z.null()]))])
    .describe('The row when no field is present; for nested tables a list, `null` where there is none')
    .optional(),
  aliases: z.record(z.string(), scalarKey).describe('Other names of rows, in any case').optional(),
  aliases_file: filePath.optional(),
})

export const rateSchema = z.union([scalar, tableObject]).describe('What one unit costs')

type RateInput = z.output<typeof rateSchema>
type TableInput = z.output<typeof tableObject>
type Path = (string | number)[]

/** @param line the bounds of the line, which a fixed rate takes over; a table's rows have their own */
export function readRateSpec(
  input: RateInput,
  line: { readonly min: Rational | undefined; readonly max: Rational | undefined },
  path: Path,
  context: z.RefinementCtx,
): RateSpec {
  const bounds = { ...(line.min && { min: line.min }), ...(line.max && { max: line.max }) }
  if (typeof input !== 'object') {
    const perUnit = settleRate(input, path, context)
    if (perUnit.num === 0n && !line.min) complain(context, path, 'must be above 0, or the line needs a `min`')
    return { kind: 'fixed', row: { perUnit, ...bounds, accepts: [] } }
  }
  return readTable(input, bounds, path, context)
}

function readTable(input: TableInput, bounds: object, path: Path, context: z.RefinementCtx): RateSpec {
  const selectors = (Array.isArray(input.by) ? input.by : [input.by]).map((each, level) =>
    readSelector(each, Array.isArray(input.by) ? [...path, 'by', level] : [...path, 'by'], context),
  )
  const table = input.table ?? {}
  if (Object.keys(table).length === 0) complain(context, [...path, 'table'], 'needs at least one row')
  const rows = readLevel(table, selectors.length, bounds, [...path, 'table'], context)
  const defaults = readDefaults(input.default, selectors.length, path, context)
  const by = selectors.map((first, level): Selector => {
    const key = defaults[level]
    return { first, ...(key !== undefined && { default: key }) }
  })
  checkDefaults(by, rows, path, context)
  return { kind: 'table', by, aliases: readAliases(input, rows, path, context), rows, guarded: guardedFields(rows) }
}

function readSelector(input: z.output<typeof selector>, path: Path, context: z.RefinementCtx): FieldRef[] {
  const names = typeof input === 'string' ? [input] : input.first
  return names.flatMap((name) => readFieldName(name, path, context))
}

function readFieldName(name: string, path: Path, context: z.RefinementCtx): FieldRef[] {
  const field = parseField(name)
  if (field) return [field]
  complain(context, path, `\`${name}\` is not a field`)
  return []
}

function readLevel(
  table: Record<string, unknown>,
  levels: number,
  bounds: object,
  path: Path,
  context: z.RefinementCtx,
): RateTree {
  return new Map(
    Object.entries(table).map(([key, value]): [string, RateTree | RateRow] => {
      const at = [...path, key]
      if (levels === 1) return [key, readRow(value, bounds, at, context)]
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        return [key, readLevel(value as Record<string, unknown>, levels - 1, bounds, at, context)]
      }
      complain(context, at, '`by` names another field, so this must be a table of its own')
      return [key, new Map()]
    }),
  )
}

function readRow(value: unknown, bounds: object, path: Path, context: z.RefinementCtx): RateRow {
  const none = { perUnit: { num: 1n, den: 1n }, accepts: [] }
  const parsed = row.safeParse(typeof value === 'object' && value !== null ? value : { rate: value })
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const unknown =
        issue.code === 'unrecognized_keys' ? `: ${issue.keys.join(', ')}; is a field missing in \`by\`?` : ''
      complain(
        context,
        [...path, ...(issue.path as Path)],
        `is not a row: a rate, or \`{ rate, min, max, accepts }\`${unknown}`,
      )
    }
    return none
  }
  const { rate, min, max, accepts = [] } = parsed.data
  const amount = (written: string | number | undefined, key: string) => {
    if (written === undefined) return undefined
    const reading = readAmount(written)
    if (reading.ok) return reading.value
    complain(context, [...path, key], reading.problem)
    return undefined
  }
  const low = amount(min, 'min')
  const high = amount(max, 'max')
  const perUnit = settleRate(rate, typeof value === 'object' ? [...path, 'rate'] : path, context)
  if (perUnit.num === 0n && !low && !('min' in bounds))
    complain(context, path, 'must be above 0, or the row needs a `min`')
  return {
    perUnit,
    ...bounds,
    ...(low && { min: low }),
    ...(high && { max: high }),
    accepts: accepts.flatMap((name) => readFieldName(name, [...path, 'accepts'], context)),
  }
}

function readDefaults(
  input: TableInput['default'],
  levels: number,
  path: Path,
  context: z.RefinementCtx,
): (string | undefined)[] {
  if (input === undefined) return []
  const list = Array.isArray(input) ? input : [input]
  if (list.length !== levels) {
    complain(context, [...path, 'default'], `must be a list with one entry for each of the ${levels} fields of \`by\``)
  }
  return list.map((key) => (key === null ? undefined : String(key)))
}

function checkDefaults(by: readonly Selector[], rows: RateTree, path: Path, context: z.RefinementCtx): void {
  let level: RateTree[] = [rows]
  for (const { default: key } of by) {
    for (const tree of key === undefined ? [] : level) {
      if (tree.has(key ?? '')) continue
      complain(context, [...path, 'default'], `\`${key}\` is not a row; the table has ${[...tree.keys()].join(', ')}`)
    }
    level = level.flatMap((tree) => [...tree.values()].flatMap((node) => (isRow(node) ? [] : [node])))
  }
}

function readAliases(input: TableInput, rows: RateTree, path: Path, context: z.RefinementCtx): Map<string, string> {
  const aliases = new Map<string, string>()
  for (const [alias, target] of Object.entries(input.aliases ?? {})) {
    const at = [...path, 'aliases', alias]
    const lower = alias.toLowerCase()
    if (!hasRow(rows, String(target)))
      complain(context, at, `names the row \`${target}\`, which the table does not have`)
    if (aliases.has(lower)) complain(context, at, 'is given twice: aliases are the same in any case')
    aliases.set(lower, String(target))
  }
  return aliases
}

const hasRow = (tree: RateTree, key: string): boolean =>
  tree.has(key) || [...tree.values()].some((node) => !isRow(node) && hasRow(node, key))

function guardedFields(tree: RateTree, fields = new Map<string, FieldRef>()): FieldRef[] {
  for (const node of tree.values()) {
    if (isRow(node)) for (const field of node.accepts) fields.set(fieldName(field), field)
    else guardedFields(node, fields)
  }
  return [...fields.values()]
}

function settleRate(written: string | number, path: Path, context: z.RefinementCtx): Rational {
  const reading = readRate(written)
  if (reading.ok) return reading.value
  complain(context, path, reading.problem)
  return { num: 1n, den: 1n }
}

const complain = (context: z.RefinementCtx, path: Path, message: string): void =>
  context.addIssue({ code: 'custom', path, message })
