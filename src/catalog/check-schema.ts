import { nearest } from '../config/nearest.ts'
import type { ConfigPath } from '../config/problem.ts'

/** What is wrong with a schema, where in it, and what to write instead. */
export interface SchemaFault {
  /** From the top of the schema. */
  readonly at: ConfigPath
  readonly message: string
}

type Schema = Record<string, unknown>

/**
 * Puts the schema compiler's words, which speak of its own options and give no place, into an operator's.
 * @param said the compiler's message
 */
export function explainSchemaFault(schema: unknown, said: string): SchemaFault {
  for (const explain of explanations) {
    const fault = explain(schema, said)
    if (fault) return fault
  }
  return { at: [], message: `is not a schema that can be used: ${said.replace(/^strict mode: /, '')}` }
}

type Explanation = (schema: unknown, said: string) => SchemaFault | undefined

const explanations: readonly Explanation[] = [
  function unknownKeyword(schema, said) {
    const keyword = /unknown keyword: "(.+)"/.exec(said)?.[1]
    if (keyword === undefined) return undefined
    const meant = nearest(keyword, keywords)
    const hint = meant === undefined ? 'JSON Schema 2020-12 has none of that name' : `did you mean \`${meant}\`?`
    return { at: find(schema, (key) => key === keyword), message: `is not a keyword of JSON Schema; ${hint}` }
  },
  function ignoredDefault(schema, said) {
    const data = /default is ignored for: data(.*)$/.exec(said)?.[1]
    if (data === undefined) return undefined
    const at = find(schema, (key, _value, path) => key === 'default' && path.some((part) => alternatives.has(part)))
    return {
      at,
      message:
        'would never be filled in, since it stands inside `anyOf`, `oneOf`, `not` or `if`; put it on the field itself, outside',
    }
  },
  function missingReference(schema, said) {
    const reference = /can't resolve reference (\S+)/.exec(said)?.[1]
    if (reference === undefined) return undefined
    return {
      at: find(schema, (key, value) => key === '$ref' && value === reference),
      message: `points to \`${reference}\`, which is not in this schema`,
    }
  },
  function unknownFormat(schema, said) {
    const format = /unknown format "(.+?)" ignored/.exec(said)?.[1]
    if (format === undefined) return undefined
    const meant = nearest(format, formats)
    const hint = meant === undefined ? `there are ${formats.join(', ')}` : `did you mean \`${meant}\`?`
    return {
      at: find(schema, (key, value) => key === 'format' && value === format),
      message: `\`${format}\` is not a format that can be checked; ${hint}`,
    }
  },
  function badPattern(schema, said) {
    const match = /Invalid regular expression: \/(.*)\/u?: (.+)$/s.exec(said)
    if (!match) return undefined
    return {
      at: find(schema, (key, value) => key === 'pattern' && value === match[1]),
      message: `is not a regular expression: ${match[2]?.toLowerCase()}`,
    }
  },
  function badKeywordValue(_schema, said) {
    const match = /keyword "(.+?)" value is invalid at path "#?(.*?)": data(.*)$/.exec(said)
    if (!match) return undefined
    const [, keyword = '', pointer = '', rest = ''] = match
    return { at: [...pointerKeys(pointer), keyword], message: `cannot be used: ${rest.split(', data')[0]?.trim()}` }
  },
  function otherDraft(_schema, said) {
    const dialect = /no schema with key or ref "(.+)"/.exec(said)?.[1]
    if (dialect === undefined) return undefined
    return { at: ['$schema'], message: `is not the JSON Schema that is read here; write \`${draft}\` or leave it out` }
  },
  function invalidSchema(_schema, said) {
    const match = /^schema is invalid: data(\S*) (.+?)(?:, data|$)/.exec(said)
    if (!match) return undefined
    const at = pointerKeys(match[1] ?? '')
    const message = at.at(-1) === 'type' ? `must be ${types}` : `${match[2]}`
    return { at, message: `is not JSON Schema: ${message}` }
  },
]

const draft = 'https://json-schema.org/draft/2020-12/schema'
const types = 'one of string, number, integer, boolean, object, array and null, or a list of them'
const alternatives: ReadonlySet<unknown> = new Set(['anyOf', 'oneOf', 'not', 'if'])

const keywords = `
  $ref $defs $comment title description default examples deprecated readOnly type enum const allOf anyOf oneOf not if
  then else dependentSchemas properties patternProperties additionalProperties unevaluatedProperties propertyNames
  required dependentRequired minProperties maxProperties items prefixItems unevaluatedItems contains minContains
  maxContains minItems maxItems uniqueItems minLength maxLength pattern format minimum maximum exclusiveMinimum
  exclusiveMaximum multipleOf publicUrl dataUri`
  .trim()
  .split(/\s+/)

const formats = `
  date time date-time iso-time iso-date-time duration uri uri-reference uri-template url email hostname ipv4 ipv6 regex
  uuid json-pointer relative-json-pointer byte int32 int64 float double password binary`
  .trim()
  .split(/\s+/)

/** The path of the first key that `isIt`, or of the whole where there is none. */
function find(
  schema: unknown,
  isIt: (key: string, value: unknown, path: ConfigPath) => boolean,
  path: ConfigPath = [],
): ConfigPath {
  if (typeof schema !== 'object' || schema === null) return []
  for (const [name, value] of Object.entries(schema as Schema)) {
    const key = Array.isArray(schema) ? Number(name) : name
    const at = [...path, key]
    // The names of fields are not keywords.
    const isKeyword = !['properties', 'patternProperties', '$defs'].includes(String(path.at(-1))) || isName(path)
    if (isKeyword && isIt(name, value, at)) return at
    const inside = find(value, isIt, at)
    if (inside.length > 0) return inside
  }
  return []
}

/** A field may itself be called `properties`. */
const isName = (path: ConfigPath): boolean => path.at(-2) === 'properties'

const pointerKeys = (pointer: string): ConfigPath =>
  pointer
    .split('/')
    .slice(1)
    .map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((key) => (/^[0-9]+$/.test(key) ? Number(key) : key))
