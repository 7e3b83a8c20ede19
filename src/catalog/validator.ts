import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { maxIssues, type RequestIssue } from '../errors.ts'
import { foldCase } from '../pricing/look-alike.ts'
import { addKeywords, caseVariants, closedKeyword, inheritedNames, knownNamesKeyword } from './keywords.ts'
import { shapeSchema } from './shape-schema.ts'

export type Validation =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly issues: readonly RequestIssue[] }

/** Checks a value and fills in defaults. The value given is changed in place and must not be used afterwards. */
export type Validator = (value: unknown) => Validation

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
      // As it is generated, every failing item behind a `$ref` copies the errors of all items before it.
      code: { process: (code) => code.replace(/vErrors\.concat\(([\w.]+\.errors)\)/g, appended) },
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

const appended = '$1.reduce((all,each)=>{all.push(each);return all},vErrors)'

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

/** A large body can have an error in every item; they are looked through once. */
function toIssues(errors: readonly ErrorObject[]): RequestIssue[] {
  const isInside = insideAlternatives(errors)
  const issues = new Map<string, RequestIssue>()
  for (const [at, error] of errors.entries()) {
    if (issues.size >= maxIssues) break
    if (isInside(error) || error.keyword === 'if') continue
    // What is wrong with the branches of an alternative stands right before it.
    const before = errors.slice(Math.max(0, at - maxBranchErrors), at)
    for (const issue of toIssue(error, before)) issues.set(`${issue.path}\n${issue.message}`, issue)
  }
  return [...issues.values()].slice(0, maxIssues)
}

const maxBranchErrors = 256

/** Whether an error stands in a branch of an alternative that failed. There are no more places than in the schema. */
function insideAlternatives(errors: readonly ErrorObject[]): (error: ErrorObject) => boolean {
  const failed = new Set<string>()
  for (const { keyword, schemaPath } of errors)
    if (keyword === 'anyOf' || keyword === 'oneOf' || keyword === 'contains') failed.add(`${schemaPath}/`)
  const known = new Map<string, boolean>()
  return ({ schemaPath }) => {
    let inside = known.get(schemaPath)
    if (inside === undefined) {
      inside = [...failed].some((place) => schemaPath.startsWith(place))
      known.set(schemaPath, inside)
    }
    return inside
  }
}

function toIssue(error: ErrorObject, before: readonly ErrorObject[]): RequestIssue[] {
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
      const branches = before.filter((each) => each.schemaPath.startsWith(`${error.schemaPath}/`))
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
