import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { RequestIssue } from '../errors.ts'
import { foldCase } from '../pricing/look-alike.ts'
import { addKeywords, caseVariants, closedKeyword, inheritedNames, knownNamesKeyword } from './keywords.ts'
import { shapeSchema } from './shape-schema.ts'

export type Validation =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly issues: readonly RequestIssue[] }

/** Checks a value and fills in defaults. The value given is changed in place and must not be used afterwards. */
export type Validator = (value: unknown) => Validation

/** More issues than this help nobody. */
const maxIssues = 32

/** Compiles the schemas of one catalog. */
export class SchemaCompiler {
  readonly #ajv: Ajv2020

  constructor() {
    this.#ajv = new Ajv2020({
      strict: true,
      strictTypes: false,
      strictRequired: false,
      allErrors: true,
      useDefaults: true,
      coerceTypes: false,
      validateFormats: true,
      verbose: true,
      logger: false,
    })
    addFormats.default(this.#ajv)
    addKeywords(this.#ajv)
  }

  /** @throws Error with the compiler's own words when the schema is not valid or has a default that would be ignored */
  compile(schema: unknown, unknownFields: 'reject' | 'allow'): Validator {
    const shaped = shapeSchema(schema, unknownFields)
    const validate = this.#ajv.compile(typeof shaped === 'boolean' ? shaped : (shaped as object))
    return (value) => runValidation(validate, value)
  }
}

/** `null` where the schema forbids it counts as absent, so it is taken out and the value judged again. */
function runValidation(validate: ValidateFunction, value: unknown): Validation {
  for (let round = 0; ; round++) {
    if (validate(value)) return { ok: true, value }
    const errors = validate.errors ?? []
    if (round === 4 || !removeNulls(value, errors)) return { ok: false, issues: toIssues(errors) }
  }
}

function removeNulls(value: unknown, errors: readonly ErrorObject[]): boolean {
  let removed = false
  for (const { instancePath, data } of errors) {
    if (data !== null || instancePath === '') continue
    const keys = pointerKeys(instancePath)
    const last = keys.pop() ?? ''
    const parent = keys.reduce<unknown>(child, value)
    if (typeof parent !== 'object' || parent === null || Array.isArray(parent) || !Object.hasOwn(parent, last)) continue
    removed = Reflect.deleteProperty(parent, last) || removed
  }
  return removed
}

const pointerKeys = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))

const child = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined

function toIssues(errors: readonly ErrorObject[]): RequestIssue[] {
  const alternatives = errors.filter(({ keyword }) => ['anyOf', 'oneOf', 'contains'].includes(keyword))
  const insideAlternative = (error: ErrorObject) =>
    alternatives.some((each) => each !== error && error.schemaPath.startsWith(`${each.schemaPath}/`))
  const issues = new Map<string, RequestIssue>()
  for (const error of errors) {
    if (insideAlternative(error) || error.keyword === 'if') continue
    for (const issue of toIssue(error, errors)) issues.set(`${issue.path}\n${issue.message}`, issue)
  }
  return [...issues.values()].slice(0, maxIssues)
}

function toIssue(error: ErrorObject, all: readonly ErrorObject[]): RequestIssue[] {
  const path = jsonPath(error.instancePath)
  const params = error.params as Record<string, unknown>
  switch (error.keyword) {
    case 'required':
      return [{ path: memberPath(path, String(params.missingProperty)), message: 'is missing' }]
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params.additionalProperty ?? params.unevaluatedProperty)
      return [{ path: memberPath(path, name), message: 'is not a field of this service' }]
    }
    case closedKeyword:
      return inheritedNames(error.schema as readonly string[], error.data as object).map((name) => ({
        path: memberPath(path, name),
        message: 'is not a field of this service',
      }))
    case knownNamesKeyword: {
      const names = error.schema as readonly string[]
      return caseVariants(names, error.data as object).map((key) => {
        const meant = names.find((name) => foldCase(name) === foldCase(key))
        return { path: memberPath(path, key), message: `differs from \`${meant}\` only by case` }
      })
    }
    case 'enum':
      return [{ path, message: 'is not one of the allowed values', allowed: params.allowedValues }]
    case 'const':
      return [{ path, message: 'is not the allowed value', allowed: [params.allowedValue] }]
    case 'contains': {
      const { description } = error.schema as { description?: unknown }
      const what = typeof description === 'string' ? `: ${description}` : ''
      return [{ path, message: `lacks an item that it needs${what}` }]
    }
    case 'anyOf':
    case 'oneOf': {
      const branches = all.filter((each) => each !== error && each.schemaPath.startsWith(`${error.schemaPath}/`))
      const same = branches.filter((each) => each.instancePath === error.instancePath).map((each) => each.message ?? '')
      return [
        { path, message: same.length > 0 ? [...new Set(same)].join(', or ') : 'matches none of the allowed forms' },
      ]
    }
    default:
      return [{ path, message: error.message ?? 'is not allowed' }]
  }
}

function jsonPath(pointer: string): string {
  return pointerKeys(pointer).reduce(
    (path, key) => (/^[0-9]+$/.test(key) ? `${path}[${key}]` : memberPath(path, key)),
    '$',
  )
}

const memberPath = (path: string, key: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
