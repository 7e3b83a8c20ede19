import type { ConfigPath } from '../config/problem.ts'
import type { SchemaCompiler } from './validator.ts'

type Complain = (path: ConfigPath, message: string) => void
type Schema = Record<string, unknown>

/** A default that its own schema refuses would be filled in for everyone who leaves the field out. */
export function checkDefaults(schema: unknown, path: ConfigPath, compiler: SchemaCompiler, complain: Complain): void {
  const defs = isSchema(schema) && '$defs' in schema ? { $defs: schema.$defs } : {}
  walk(schema, path, (at, { default: value, ...rest }) => {
    const judged = compiler.compile(
      { ...withoutDefaults(rest), ...withoutDefaults(defs) },
      'allow',
    )(structuredClone(value))
    if (judged.ok) return
    const reasons = judged.issues.map((issue) => issue.message).join('; ')
    complain([...at, 'default'], `is refused by its own schema: ${reasons}`)
  })
}

function walk(schema: unknown, path: ConfigPath, onDefault: (path: ConfigPath, schema: Schema) => void): void {
  if (!isSchema(schema)) return
  if ('default' in schema) onDefault(path, schema)
  walk(schema.items, [...path, 'items'], onDefault)
  for (const group of ['properties', '$defs']) {
    const inner = schema[group]
    for (const [name, each] of isSchema(inner) ? Object.entries(inner) : [])
      walk(each, [...path, group, name], onDefault)
  }
}

/** Defaults inside would be filled into the default that is being judged. */
function withoutDefaults(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema, (key, value: unknown) => (key === 'default' ? undefined : value))) as Schema
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
