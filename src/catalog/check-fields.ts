type Schema = Record<string, unknown>

/** What a schema says of one field. */
export interface FieldFacts {
  /** False when a request with the field is refused, unless unknown fields are allowed. */
  readonly known: boolean
  /** Where it is not known: the fields that stand beside it. */
  readonly instead: readonly (readonly string[])[]
  /** Present, and not null, in every valid request: by `required` or a default. */
  readonly always: boolean
  /** All values it can have besides null, where the schema lists them. */
  readonly values: readonly unknown[] | undefined
  /** The types it can have besides null, where the schema names them. */
  readonly types: readonly string[] | undefined
}

/** Nothing is said of it, or in too involved a way to tell. */
export const nothingKnown: FieldFacts = { known: true, instead: [], always: false, values: undefined, types: undefined }

/** @param path names of fields from the top, `*` for every item of a list */
export function lookUp(schema: unknown, path: readonly string[]): FieldFacts {
  if (!isSchema(schema)) return nothingKnown
  let here = resolved(schema, schema)
  let always = true
  for (const [index, key] of path.entries()) {
    const found = step(here, key)
    if (!isSchema(found)) {
      if (key === '*' || found === true || isOpen(here)) return nothingKnown
      const beside = isSchema(here.properties) ? Object.keys(here.properties) : []
      return { ...nothingKnown, known: false, instead: beside.map((name) => path.with(index, name)) }
    }
    const next = resolved(found, schema)
    const required = Array.isArray(here.required) && here.required.includes(key)
    always &&= key !== '*' && (required || ('default' in next && next.default !== null))
    here = next
  }
  const values = listed(here)
  const types = typesOf(here)
  const nullable = values === undefined ? types?.includes('null') === true : values.includes(null)
  return {
    ...nothingKnown,
    always: always && !nullable,
    values: values?.filter((value) => value !== null),
    types: types?.filter((type) => type !== 'null'),
  }
}

const step = (here: Schema, key: string): unknown =>
  key === '*'
    ? here.items
    : isSchema(here.properties) && Object.hasOwn(here.properties, key)
      ? here.properties[key]
      : undefined

/** Other keywords than `properties` may name fields too. */
const isOpen = (schema: Schema): boolean =>
  !isSchema(schema.properties) ||
  (schema.additionalProperties ?? false) !== false ||
  ['$ref', 'allOf', 'anyOf', 'oneOf', 'if', 'dependentSchemas', 'patternProperties', 'unevaluatedProperties'].some(
    (keyword) => keyword in schema,
  )

function listed(schema: Schema): readonly unknown[] | undefined {
  if (Array.isArray(schema.enum)) return schema.enum
  if ('const' in schema) return [schema.const]
  return schema.type === 'boolean' ? [false, true] : undefined
}

const typesOf = ({ type }: Schema): readonly string[] | undefined =>
  typeof type === 'string' ? [type] : Array.isArray(type) ? type.map(String) : undefined

/** A schema with what its local `$ref` points to. */
function resolved(schema: Schema, root: Schema, hops = 0): Schema {
  const { $ref: reference, ...own } = schema
  if (typeof reference !== 'string' || !reference.startsWith('#/') || hops > 8) return schema
  const target = reference
    .slice(2)
    .split('/')
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((here, key) => (isSchema(here) ? here[key] : undefined), root)
  return isSchema(target) ? { ...resolved(target, root, hops + 1), ...own } : schema
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
