import { z } from 'zod'
import { nearest } from './nearest.ts'
import type { ConfigPath } from './problem.ts'

/** Turns what the schema library found into sentences that say what to write instead. */

export interface Finding {
  readonly path: ConfigPath
  readonly message: string
  /** True when the key itself is at fault, not its value. */
  readonly atKey: boolean
}

type Issue = z.core.$ZodIssue

export function explain(issues: readonly Issue[], value: unknown, schema: z.ZodType): Finding[] {
  const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', target: 'draft-7' })
  return issues.flatMap((issue) => explainIssue(issue, [], value, shape))
}

function explainIssue(issue: Issue, before: ConfigPath, value: unknown, shape: unknown): Finding[] {
  const path = [...before, ...(issue.path as (string | number)[])]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = keysAt(shape, path)
        const meant = nearest(key, known)
        const hint = meant === undefined ? `the keys here are ${[...known].join(', ')}` : `did you mean \`${meant}\`?`
        return { path: [...path, key], message: `is not a key that can stand here; ${hint}`, atKey: true }
      })
    case 'invalid_union': {
      const inner = bestBranch(issue, valueAt(value, path))
      return inner.flatMap((each) => explainIssue(each, path, value, shape))
    }
    case 'invalid_type':
      return [{ path, message: typeMessage(issue, valueAt(value, path)), atKey: false }]
    case 'invalid_value':
      return [{ path, message: `must be ${list(issue.values.map(String))}`, atKey: false }]
    case 'too_small':
      return [{ path, message: ownWords(issue) ?? tooSmall(issue), atKey: false }]
    case 'too_big':
      return [
        { path, message: ownWords(issue) ?? `must ${bound('at most', issue.maximum, issue.origin)}`, atKey: false },
      ]
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.map((inner) => ({ path, message: inner.message, atKey: issue.code === 'invalid_key' }))
    default:
      return [{ path, message: issue.message, atKey: false }]
  }
}

type Union = Extract<Issue, { code: 'invalid_union' }>

/** The alternative that was meant: the one whose own type fits, then the one with the fewest faults. */
function bestBranch(union: Union, value: unknown): readonly Issue[] {
  const unknownKeys = (issues: readonly Issue[]) => issues.filter(({ code }) => code === 'unrecognized_keys').length
  const score = (issues: readonly Issue[]) =>
    (issues.some(isWrongKind) ? 1000 : 0) + issues.length + unknownKeys(issues) * 10
  const best = union.errors.toSorted((a, b) => score(a) - score(b))[0] ?? []
  if (score(best) < 1000) return best
  const advice =
    ownWords(union) ??
    union.errors
      .flat()
      .map(ownWords)
      .find((words) => words !== undefined)
  const message = `is ${kindOf(value)}; ${advice ?? `expected ${list([...new Set(wantedKinds(union))])}`}`
  return [{ code: 'custom', path: [], message, input: value }]
}

/** The value as a whole is of a type that the alternative does not take. */
const isWrongKind = (issue: Issue): boolean =>
  issue.path.length === 0 &&
  (issue.code === 'invalid_type' ||
    issue.code === 'invalid_value' ||
    (issue.code === 'invalid_union' && issue.errors.every((branch) => branch.some(isWrongKind))))

const wantedKinds = (union: Union): string[] =>
  union.errors.flat().flatMap((issue): string[] => {
    switch (issue.code) {
      case 'invalid_type':
        return [typeName(issue.expected)]
      case 'invalid_value':
        return issue.values.map((each) => `\`${String(each)}\``)
      case 'invalid_union':
        return wantedKinds(issue)
      default:
        return []
    }
  })

function typeMessage(issue: Extract<Issue, { code: 'invalid_type' }>, value: unknown): string {
  const advice = ownWords(issue)
  if (value === undefined)
    return advice === undefined ? `is missing: ${typeName(issue.expected)} is needed` : `is missing; ${advice}`
  return `is ${kindOf(value)}; ${advice ?? `expected ${typeName(issue.expected)}`}`
}

/** What a schema says of its own accord; the library's words begin with the same one. */
const ownWords = ({ message }: Issue): string | undefined =>
  /^(?:Invalid|Too|Unrecognized) /.test(message) ? undefined : message

function tooSmall(issue: Extract<Issue, { code: 'too_small' }>): string {
  const { minimum, inclusive, origin } = issue
  if (inclusive === false) return `must be above ${minimum}`
  if (minimum === 1 && origin === 'string') return 'must not be empty'
  return `must ${bound('at least', minimum, origin)}`
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: '`true` or `false`',
  array: 'a list',
  object: 'a block of keys',
  record: 'a block of keys',
}

const typeName = (name: string): string => typeNames[name] ?? name

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  return typeNames[typeof value] ?? typeof value
}

function bound(words: string, limit: number | bigint, origin: string): string {
  if (origin !== 'string' && origin !== 'array') return `be ${words} ${limit}`
  const one = origin === 'string' ? 'character' : 'entry'
  const many = origin === 'string' ? 'characters' : 'entries'
  return `have ${words} ${limit} ${limit === 1 ? one : many}`
}

const list = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

function valueAt(value: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>(
    (here, key) =>
      typeof here === 'object' && here !== null ? (here as Record<string | number, unknown>)[key] : undefined,
    value,
  )
}

/** The keys that a JSON Schema names at a path, over all its alternatives. */
function keysAt(schema: unknown, path: ConfigPath): Set<string> {
  let here = alternatives(schema)
  for (const key of path) {
    here = here.flatMap((each) => {
      const properties = asObject(each.properties)
      const child = properties?.[String(key)] ?? (typeof key === 'number' ? each.items : each.additionalProperties)
      return alternatives(child)
    })
  }
  return new Set(here.flatMap((each) => Object.keys(asObject(each.properties) ?? {})))
}

function alternatives(schema: unknown): Record<string, unknown>[] {
  const object = asObject(schema)
  if (!object) return []
  const inner = [object.anyOf, object.oneOf, object.allOf].flatMap((each) => (Array.isArray(each) ? each : []))
  return [object, ...inner.flatMap(alternatives)]
}

const asObject = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
