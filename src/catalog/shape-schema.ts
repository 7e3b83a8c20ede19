import { allowedKeyword, closedKeyword, knownNamesKeyword } from './keywords.ts'

/**
 * A request schema as the operator wrote it → the schema that is enforced: object schemas also refuse keys that are
 * another case of a known one and, unless unknown fields are allowed, keys that they do not know. An object schema that
 * says itself what becomes of other keys, or that names none, is left as it is.
 */
export function shapeSchema(schema: unknown, unknownFields: 'reject' | 'allow'): unknown {
  return shapeLocation(schema, { root: schema, unknownFields })
}

interface Shaping {
  readonly root: unknown
  readonly unknownFields: 'reject' | 'allow'
}

type Schema = Record<string, unknown>

/** Keywords that speak of the same value as the schema they stand in. */
const sameValue = ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else', 'not', 'dependentSchemas'] as const

/** A schema for a value of its own: the body, a property, an item. */
function shapeLocation(schema: unknown, shaping: Shaping): unknown {
  if (!isSchema(schema)) return schema
  const shaped = shapeInside(schema, shaping)
  const names = [...knownNames(schema, shaping.root, new Set())]
  if (names.length === 0) return shaped
  const closed = 'additionalProperties' in schema || 'unevaluatedProperties' in schema || 'patternProperties' in schema
  return {
    ...shaped,
    [knownNamesKeyword]: names,
    ...(shaping.unknownFields === 'reject' && !closed && { unevaluatedProperties: false, [closedKeyword]: names }),
    ...(schema.unevaluatedProperties === false && { [closedKeyword]: names }),
  }
}

/** Shapes the values inside without closing the schema itself. */
function shapeInside(schema: Schema, shaping: Shaping): Schema {
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]): [string, unknown] => {
      switch (keyword) {
        case 'properties':
        case 'patternProperties':
          return [keyword, mapValues(value, (each) => shapeLocation(each, shaping))]
        case 'items':
        case 'additionalProperties':
        case 'unevaluatedProperties':
          return [keyword, shapeLocation(value, shaping)]
        case 'prefixItems':
          return [keyword, Array.isArray(value) ? value.map((each) => shapeLocation(each, shaping)) : value]
        case '$defs':
        case 'dependentSchemas':
          return [keyword, mapValues(value, (each) => (isSchema(each) ? shapeInside(each, shaping) : each))]
        case 'allOf':
        case 'anyOf':
        case 'oneOf':
          return [
            keyword,
            Array.isArray(value) ? value.map((each) => (isSchema(each) ? shapeInside(each, shaping) : each)) : value,
          ]
        case 'const':
          return hasObject(value) ? [allowedKeyword, [value]] : [keyword, value]
        case 'enum':
          return hasObject(value) ? [allowedKeyword, value] : [keyword, value]
        case 'not':
        case 'contains':
        case 'if':
        case 'then':
        case 'else':
          return [keyword, isSchema(value) ? shapeInside(value, shaping) : value]
        default:
          return [keyword, value]
      }
    }),
  )
}

const hasObject = (value: unknown): boolean =>
  Array.isArray(value) ? value.some(hasObject) : typeof value === 'object' && value !== null

/** The property names that a schema and what it refers to give to one value. */
function knownNames(schema: unknown, root: unknown, visited: Set<unknown>): Set<string> {
  const names = new Set<string>()
  if (!isSchema(schema) || visited.has(schema)) return names
  visited.add(schema)
  if (isSchema(schema.properties)) for (const name of Object.keys(schema.properties)) names.add(name)
  const others = sameValue.flatMap((keyword) => {
    const value = schema[keyword]
    if (Array.isArray(value)) return value
    return keyword === 'dependentSchemas' && isSchema(value) ? Object.values(value) : [value]
  })
  for (const other of [...others, resolveRef(schema.$ref, root)]) {
    for (const name of knownNames(other, root, visited)) names.add(name)
  }
  return names
}

function resolveRef(ref: unknown, root: unknown): unknown {
  if (typeof ref !== 'string' || !ref.startsWith('#')) return undefined
  return ref
    .slice(1)
    .split('/')
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((here, key) => (isSchema(here) || Array.isArray(here) ? (here as Schema)[key] : undefined), root)
}

const mapValues = (value: unknown, each: (value: unknown) => unknown): unknown =>
  isSchema(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, each(inner)])) : value

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
