import type { ConfigPath } from '../config/problem.ts'
import type { SchemaCompiler } from './validator.ts'

export interface DefaultsFrame {
  /** Where the schema stands below the service. */
  readonly path: ConfigPath
  readonly compiler: SchemaCompiler
  /** Of the service, unlike every other one that the compiler is used for. */
  readonly name: string
}

type Schema = Record<string, unknown>

/** A default that its own schema refuses would be filled in for everyone who leaves the field out. */
export function checkDefaults(
  schema: unknown,
  { path, compiler, name }: DefaultsFrame,
  complain: (path: ConfigPath, message: string) => void,
): void {
  if (!isSchema(schema)) return
  const found = [...defaultsIn(schema, [])]
  if (found.length === 0) return
  // Judged as a part of the whole, so that what the part refers to is there.
  const id = typeof schema.$id === 'string' ? schema.$id : `turnpike:${encodeURIComponent(name)}/${path.join('/')}`
  compiler.compile({ ...(withoutDefaults(schema) as Schema), $id: id }, 'allow')
  for (const { at, value } of found) {
    const judged = compiler.compile({ $ref: `${id}#${pointer(at)}` }, 'allow')(structuredClone(value))
    if (judged.ok) continue
    const reasons = judged.issues.map(({ path: inside, message }) => `${inside.slice(1)} ${message}`.trim()).join('; ')
    complain([...path, ...at, 'default'], `is refused by its own schema: ${reasons}`)
  }
}

interface FoundDefault {
  /** Of the schema that has the default. */
  readonly at: ConfigPath
  readonly value: unknown
}

/** Where a default is filled in: on fields and items, and in schemas that speak of the same value without condition. */
function* defaultsIn(schema: unknown, at: ConfigPath): Generator<FoundDefault> {
  if (!isSchema(schema)) return
  if ('default' in schema) yield { at, value: schema.default }
  for (const keyword of ['items', 'then', 'else', 'additionalProperties'])
    yield* defaultsIn(schema[keyword], [...at, keyword])
  for (const keyword of ['properties', 'patternProperties', '$defs', 'dependentSchemas', 'allOf', 'prefixItems']) {
    const group = schema[keyword]
    const isGroup = typeof group === 'object' && group !== null
    for (const [name, each] of isGroup ? Object.entries(group) : []) yield* defaultsIn(each, [...at, keyword, name])
  }
}

/** Defaults inside would be filled into the default that is being judged. */
function withoutDefaults(value: unknown, isNames = false): unknown {
  if (Array.isArray(value)) return value.map((each) => withoutDefaults(each))
  if (!isSchema(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => isNames || key !== 'default')
      .map(([key, inner]) => [
        key,
        key === 'enum' || key === 'const' ? inner : withoutDefaults(inner, !isNames && nameGroups.has(key)),
      ]),
  )
}

const nameGroups = new Set(['properties', 'patternProperties', '$defs', 'dependentSchemas'])

const pointer = (path: ConfigPath): string =>
  path.map((key) => `/${encodeURIComponent(String(key).replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
