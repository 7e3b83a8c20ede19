import { z } from 'zod'
import { type Reading, readAmount, readRate } from '../pricing/amount.ts'
import { type FieldRef, fieldName, parseField } from '../pricing/field.ts'
import { compare, type Rational } from '../pricing/rational.ts'
import {
  type Alias,
  isRow,
  type QuantitySpec,
  type RateRow,
  type RateSpec,
  type RateTree,
  type Selector,
} from '../pricing/spec.ts'
import { nearest } from './nearest.ts'
import { filePath } from './scalars.ts'

/** `rate:` of a price line: an amount for one unit, or a table over fields. */

const scalar = z.union([z.string(), z.number()]).meta({ title: 'rate' })
const amount = z.union([z.string(), z.number()]).meta({ title: 'amount' })
const fieldText = z.string().meta({ title: 'field' })
const scalarKey = z.union([z.string(), z.number(), z.boolean()])

const row = z.strictObject({
  rate: scalar.describe('For one unit: `300` (sats) or `1 sat / 333 chars`'),
  min: amount.describe('The least a line in this row costs').optional(),
  max: amount.describe('The most a line in this row costs').optional(),
  accepts: z
    .array(fieldText)
    .describe('Fields that may be used with this row; rows that do not name them refuse them')
    .optional(),
})

const selector = z.union(
  [
    fieldText,
    z.strictObject({ first: z.array(fieldText).min(1).describe('The first of these that is present decides') }),
  ],
  { error: 'write the field that chooses the row, or `{ first: [field, field] }`' },
)

const tableObject = z.strictObject({
  by: z
    .union([selector, z.array(selector).min(1)], { error: 'write the field that chooses the row' })
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

export const rateSchema = z
  .union([scalar, tableObject], {
    error: 'write a rate such as `300` or `1 sat / 333 chars`, or `{ by: …, table: … }`',
  })
  .describe('What one unit costs')

type RateInput = z.output<typeof rateSchema>
type TableInput = z.output<typeof tableObject>
type Path = (string | number)[]

/** The line that a rate stands in. */
export interface RateFrame {
  /** The bounds of the line, which its rows take over where they have none of their own. */
  readonly min: Rational | undefined
  readonly max: Rational | undefined
  readonly quantity: QuantitySpec
  readonly path: Path
  readonly context: z.RefinementCtx
}

/** A field as an operator writes it, with what to write instead. */
export function readFieldRef(text: string): Reading<FieldRef> {
  const field = text.startsWith('$') ? undefined : parseField(text)
  if (field) return { ok: true, value: field }
  const problem = `\`${text}\` is not a field; write \`name\` or \`list.*.name\` (body), \`?name\` (query) or \`:name\` (path)`
  return { ok: false, problem }
}

export function readRateSpec(input: RateInput, frame: RateFrame): RateSpec {
  if (typeof input === 'object') return readTable(input, frame)
  return { kind: 'fixed', row: completeRow({ rate: input }, frame, { at: frame.path, rate: frame.path, word: 'line' }) }
}

function readTable(input: TableInput, frame: RateFrame): RateSpec {
  const { path } = frame
  const selectors = (Array.isArray(input.by) ? input.by : [input.by]).map((each, level) =>
    readSelector(each, Array.isArray(input.by) ? [...path, 'by', level] : [...path, 'by'], frame),
  )
  // The key without a value stands for a file that could not be read, which is a problem of its own.
  if ('table' in input && input.table === undefined) {
    return { kind: 'table', by: [], aliases: new Map(), rows: new Map(), guarded: [] }
  }
  const table = input.table ?? {}
  if (input.table === undefined) complain(frame, path, 'needs `table` or `table_file`')
  else if (Object.keys(table).length === 0) complain(frame, [...path, 'table'], 'needs at least one row')
  const rows = readLevel(table, selectors.length, [...path, 'table'], frame)
  const defaults = readDefaults(input.default, selectors.length, frame)
  const by = selectors.map((first, level): Selector => {
    const key = defaults[level]
    return { first, ...(key !== undefined && { default: key }) }
  })
  if (Object.keys(table).length > 0) checkDefaults(by, rows, frame)
  return { kind: 'table', by, aliases: readAliases(input, rows, frame), rows, guarded: guardedFields(rows) }
}

function readSelector(input: z.output<typeof selector>, path: Path, frame: RateFrame): FieldRef[] {
  if (typeof input === 'string') return readField(input, path, frame)
  return input.first.flatMap((name, index) => readField(name, [...path, 'first', index], frame))
}

function readField(name: string, path: Path, frame: RateFrame): FieldRef[] {
  const reading = readFieldRef(name)
  if (reading.ok) return [reading.value]
  complain(frame, path, reading.problem)
  return []
}

function readLevel(table: Record<string, unknown>, levels: number, path: Path, frame: RateFrame): RateTree {
  const lower = new Map<string, string>()
  return new Map(
    Object.entries(table).map(([key, value]): [string, RateTree | RateRow] => {
      const at = [...path, key]
      const other = lower.get(key.toLowerCase())
      if (other !== undefined)
        complain(frame, at, `differs from the row \`${other}\` only by case, which counts as equal`)
      lower.set(key.toLowerCase(), key)
      if (levels === 1) return [key, readRow(value, at, frame)]
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        return [key, readLevel(value as Record<string, unknown>, levels - 1, at, frame)]
      }
      complain(frame, at, 'must be a table of its own, since `by` names one more field')
      return [key, new Map()]
    }),
  )
}

const noRow: RateRow = { perUnit: { num: 1n, den: 1n }, accepts: [] }
const rowKeys = Object.keys(row.shape)

function readRow(value: unknown, path: Path, frame: RateFrame): RateRow {
  const isScalar = typeof value !== 'object' || value === null
  const parsed = row.safeParse(isScalar ? { rate: value } : value)
  if (parsed.success) {
    return completeRow(parsed.data, frame, { at: path, rate: isScalar ? path : [...path, 'rate'], word: 'row' })
  }
  const unknown = parsed.error.issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []))
  for (const key of unknown) {
    const meant = nearest(key, rowKeys)
    const hint = meant === undefined ? 'is a field missing in `by`?' : `did you mean \`${meant}\`?`
    complain(frame, [...path, key], `is not a key of a row, which are ${rowKeys.join(', ')}; ${hint}`)
  }
  if (unknown.length === 0) complain(frame, path, 'is not a row; write a rate, or `{ rate, min, max, accepts }`')
  return noRow
}

interface RowPlace {
  readonly at: Path
  readonly rate: Path
  readonly word: 'line' | 'row'
}

function completeRow(input: z.output<typeof row>, frame: RateFrame, place: RowPlace): RateRow {
  const { rate, accepts = [] } = input
  const bound = (key: 'min' | 'max'): Rational | undefined => {
    const written = input[key]
    if (written === undefined) return frame[key]
    const reading = readAmount(written)
    if (reading.ok) return reading.value
    complain(frame, [...place.at, key], reading.problem)
    return undefined
  }
  const [min, max] = [bound('min'), bound('max')]
  if (input.max !== undefined && max && max.num <= 0n) complain(frame, [...place.at, 'max'], 'must be above 0')
  if ((input.min ?? input.max) !== undefined && min && max && compare(min, max) > 0) {
    const other = input.max === undefined ? 'min' : 'max'
    complain(frame, [...place.at, other], other === 'max' ? 'is below `min`' : 'is above the `max` of the line')
  }
  const reading = readRateIn(rate, frame.quantity)
  if (!reading.ok) complain(frame, place.rate, reading.problem)
  const perUnit = reading.ok ? reading.value : noRow.perUnit
  if (perUnit.num === 0n && !(min && min.num > 0n))
    complain(frame, place.rate, `must be above 0, or the ${place.word} needs a \`min\` above 0`)
  return {
    perUnit,
    ...(min && { min }),
    ...(max && { max }),
    accepts: accepts.flatMap((name, index) => readField(name, [...place.at, 'accepts', index], frame)),
  }
}

const unitNames = {
  characters: /^(?:chars?|characters?|bytes?)$/i,
  second: /^(?:s|secs?|seconds?)$/i,
}
/** What is counted in thousands, or in minutes, would be read as one. */
const multiples = /^(?:[kmgt]i?b?|(?:kilo|mega|giga|kibi|mebi|gibi)bytes?|min|minutes?|h|hours?|thousands?|millions?)$/i

/** A rate whose unit, where it names one, is that of the quantity. */
function readRateIn(written: string | number, quantity: QuantitySpec): Reading<Rational> {
  const unit = /(?:\/|\bper\b)\s*[0-9.]*\s*([a-z]+)$/i.exec(String(written).trim())?.[1]
  const reading = readRate(written)
  if (!reading.ok || unit === undefined) return reading
  if (quantity.kind === 'characters' && !unitNames.characters.test(unit)) {
    return { ok: false, problem: `is by characters; \`${unit}\` cannot be counted, write \`1 sat / 333 chars\`` }
  }
  if (quantity.kind === 'number' && quantity.unit === 'second' && !unitNames.second.test(unit)) {
    return { ok: false, problem: `is by seconds; instead of \`${unit}\` write a rate such as \`60 sats / 60 seconds\`` }
  }
  if (quantity.kind === 'number' && quantity.unit === 'unit' && multiples.test(unit)) {
    return { ok: false, problem: `the field counts single units; instead of \`${unit}\` write out how many they are` }
  }
  return reading
}

function readDefaults(input: TableInput['default'], levels: number, frame: RateFrame): (string | undefined)[] {
  if (input === undefined) return []
  const list = Array.isArray(input) ? input : [input]
  if (list.length !== levels) {
    complain(
      frame,
      [...frame.path, 'default'],
      `must be a list with one entry for each of the ${levels} fields of \`by\``,
    )
    return []
  }
  return list.map((key) => (key === null ? undefined : String(key)))
}

function checkDefaults(by: readonly Selector[], rows: RateTree, frame: RateFrame): void {
  let level: { tree: RateTree; under: string }[] = [{ tree: rows, under: 'the table' }]
  for (const { default: key } of by) {
    for (const { tree, under } of key === undefined ? [] : level) {
      if (tree.size === 0 || tree.has(key ?? '')) continue
      const has = [...tree.keys()].join(', ')
      complain(frame, [...frame.path, 'default'], `\`${key}\` is not a row; ${under} has ${has}`)
    }
    level = level.flatMap(({ tree }) =>
      [...tree].flatMap(([name, node]) => (isRow(node) ? [] : [{ tree: node, under: `\`${name}\`` }])),
    )
  }
}

function readAliases(input: TableInput, rows: RateTree, frame: RateFrame): Map<string, Alias> {
  const aliases = new Map<string, Alias>()
  const names = rowNames(rows)
  for (const [alias, target] of Object.entries(input.aliases ?? {})) {
    const at = [...frame.path, 'aliases', alias]
    const lower = alias.toLowerCase()
    if (names.size > 0 && !names.has(String(target))) {
      const has = [...names].join(', ')
      complain(frame, at, `names the row \`${target}\`, which the table does not have; it has ${has}`)
    }
    if (aliases.has(lower)) complain(frame, at, 'is given twice: aliases are the same in any case')
    else if ([...names].some((name) => name.toLowerCase() === lower))
      complain(frame, at, 'is a row itself, so the alias would never be used')
    aliases.set(lower, { name: alias, row: String(target) })
  }
  return aliases
}

function rowNames(tree: RateTree): Set<string> {
  return new Set([...tree].flatMap(([name, node]) => [name, ...(isRow(node) ? [] : rowNames(node))]))
}

function guardedFields(tree: RateTree, fields = new Map<string, FieldRef>()): FieldRef[] {
  for (const node of tree.values()) {
    if (isRow(node)) for (const field of node.accepts) fields.set(fieldName(field), field)
    else guardedFields(node, fields)
  }
  return [...fields.values()]
}

const complain = ({ context }: RateFrame, path: Path, message: string): void =>
  context.addIssue({ code: 'custom', path, message })
