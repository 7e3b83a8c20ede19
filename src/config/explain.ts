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
    case 'invalid_union':
      return bestBranch(issue.errors, valueAt(value, path)).flatMap((inner) => explainIssue(inner, path, value, shape))
    case 'invalid_type':
      return [{ path, message: typeMessage(issue.expected, valueAt(value, path)), atKey: false }]
    case 'invalid_value':
      return [{ path, message: `must be ${list(issue.values.map(String))}`, atKey: false }]
    case 'too_small':
      return [{ path, message: `must be at least ${issue.minimum}${ofWhat(issue.origin)}`, atKey: false }]
    case 'too_big':
      return [{ path, message: `must be at most ${issue.maximum}${ofWhat(issue.origin)}`, atKey: false }]
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.map((inner) => ({ path, message: inner.message, atKey: issue.code === 'invalid_key' }))
    default:
      return [{ path, message: issue.message, atKey: false }]
  }
}

/** The alternative that was meant: the one whose own type fits, then the one with the fewest faults. */
function bestBranch(branches: readonly (readonly Issue[])[], value: unknown): readonly Issue[] {
  const kind = kindOf(value)
  const score = (issues: readonly Issue[]) => {
    const wrongKind = issues.some(
      (issue) => issue.path.length === 0 && ['invalid_type', 'invalid_value'].includes(issue.code),
    )
    return (
      (wrongKind ? 1000 : 0) + issues.length + issues.filter((issue) => issue.code === 'unrecognized_keys').length * 10
    )
  }
  const best = branches.toSorted((a, b) => score(a) - score(b))[0] ?? []
  if (score(best) < 1000) return best
  const wanted = branches.flatMap((issues) =>
    issues.flatMap((issue) =>
      issue.code === 'invalid_type'
        ? [issue.expected]
        : issue.code === 'invalid_value'
          ? issue.values.map((each) => `\`${String(each)}\``)
          : [],
    ),
  )
  const message = `is ${kind}; expected ${list([...new Set(wanted)].map(typeName))}`
  return [{ code: 'custom', path: [], message, input: value }]
}

function typeMessage(expected: string, value: unknown): string {
  return value === undefined
    ? `is missing: ${typeName(expected)} is needed`
    : `is ${kindOf(value)}; expected ${typeName(expected)}`
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

const ofWhat = (origin: string): string => (origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '')

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
