import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { maxIssues, type RequestIssue } from '../errors.ts'
import { foldCase } from '../pricing/look-alike.ts'
import {
  addKeywords,
  allowedKeyword,
  caseVariants,
  closedKeyword,
  inheritedNames,
  knownNamesKeyword,
} from './keywords.ts'
import { shapeSchema } from './shape-schema.ts'
import { urlFormat } from './url-format.ts'

export type Validation =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly issues: readonly RequestIssue[] }

/** Checks a value and fills in defaults. The value given is changed in place and must not be used afterwards. */
export type Validator = (value: unknown) => Validation

/**
 * Of a value with more parts than this the first issue is told, and not all: each of them costs thousands of times the
 * byte that brings it about, and nobody has paid for any.
 */
const mostPartsJudgedWhole = 1_000

/** Compiles the schemas of one catalog. */
export class SchemaCompiler {
  readonly #all = newAjv('all')
  readonly #first = newAjv('first')

  /** @throws Error with the compiler's own words when the schema is not valid or has a default that would be ignored */
  compile(schema: unknown, unknownFields: 'reject' | 'allow'): Validator {
    const shaped = shapeSchema(schema, unknownFields) as object | boolean
    const [all, first] = [this.#all.compile(shaped), this.#first.compile(shaped)]
    return (value) =>
      hasMoreParts(value, mostPartsJudgedWhole)
        ? runValidation(first, value, removeNullsAlike)
        : runValidation(all, value, removeNulls)
  }
}

function newAjv(issues: 'all' | 'first'): Ajv2020 {
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    allErrors: issues === 'all',
    useDefaults: true,
    coerceTypes: false,
    validateFormats: true,
    verbose: true,
    logger: false,
  })
  addFormats.default(ajv)
  ajv.addFormat('url', urlFormat)
  addKeywords(ajv)
  return ajv
}

/** Whether a value consists of more than `most` values. */
function hasMoreParts(value: unknown, most: number): boolean {
  const open = [value]
  for (let seen = 0; open.length > 0; seen++) {
    if (seen + open.length > most) return true
    const each = open.pop()
    if (typeof each !== 'object' || each === null) continue
    const parts = Array.isArray(each) ? each : Object.values(each)
    if (seen + open.length + parts.length > most) return true
    for (const part of parts) open.push(part)
  }
  return false
}

type NullRemover = (value: unknown, errors: readonly ErrorObject[]) => boolean

const maxRounds = 16

/** `null` where the schema forbids it counts as absent, so it is taken out and the value judged again. */
function runValidation(validate: ValidateFunction, value: unknown, removeForbidden: NullRemover): Validation {
  for (let round = 0; ; round++) {
    if (validate(value)) return { ok: true, value }
    const errors = validate.errors ?? []
    // Else the value would stay in memory until the next one is judged.
    validate.errors = null
    if (round === maxRounds || !removeForbidden(value, errors)) return { ok: false, issues: toIssues(errors) }
  }
}

function removeNulls(value: unknown, errors: readonly ErrorObject[]): boolean {
  let removed = false
  for (const { instancePath, data } of errors) {
    if (data !== null || instancePath === '') continue
    const keys = pointerKeys(instancePath)
    const last = keys.pop() ?? ''
    removed = removeNull(keys.reduce<unknown>(child, value), last) || removed
  }
  return removed
}

/** Where only the first issue is known: takes out that null, and those in the same place of every item of its lists. */
function removeNullsAlike(value: unknown, [error]: readonly ErrorObject[]): boolean {
  if (!error || error.data !== null || error.instancePath === '') return false
  const keys = pointerKeys(error.instancePath)
  const last = keys.pop() ?? ''
  const parents = keys.reduce<unknown[]>(
    (places, key) => places.flatMap((place): unknown[] => (Array.isArray(place) ? place : [child(place, key)])),
    [value],
  )
  let removed = false
  for (const parent of parents) removed = removeNull(parent, last) || removed
  return removed
}

function removeNull(parent: unknown, key: string): boolean {
  if (typeof parent !== 'object' || parent === null || Array.isArray(parent)) return false
  return Object.hasOwn(parent, key) && child(parent, key) === null && Reflect.deleteProperty(parent, key)
}

const pointerKeys = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))

const child = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined

function toIssues(errors: readonly ErrorObject[]): RequestIssue[] {
  const alternatives = new Set<string>()
  for (const { keyword, schemaPath } of errors)
    if (keyword === 'anyOf' || keyword === 'oneOf' || keyword === 'contains') alternatives.add(`${schemaPath}/`)
  const insideAlternative = ({ schemaPath }: ErrorObject) =>
    alternatives.values().some((each) => schemaPath.startsWith(each))
  const issues = new Map<string, RequestIssue>()
  for (const error of errors) {
    if (insideAlternative(error) || error.keyword === 'if') continue
    for (const issue of toIssue(error, errors)) issues.set(`${issue.path}\n${issue.message}`, issue)
    if (issues.size >= maxIssues) break
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
    case allowedKeyword:
      return [{ path, message: 'is not one of the allowed values', allowed: error.schema }]
    case 'const':
      return [{ path, message: 'is not the allowed value', allowed: [params.allowedValue] }]
    case 'contains': {
      const { description } = error.schema as { description?: unknown }
      const what = typeof description === 'string' ? `: ${description}` : ''
      return [{ path, message: `lacks an item that it needs${what}` }]
    }
    case 'anyOf':
    case 'oneOf': {
      const same = branchesOf(error, all).map((each) => each.message ?? '')
      return [
        { path, message: same.length > 0 ? [...new Set(same)].join(', or ') : 'matches none of the allowed forms' },
      ]
    }
    default:
      return [{ path, message: error.message ?? 'is not allowed' }]
  }
}

/** What the alternatives of `error` say of the same value. They stand right before it; to look further costs too much. */
function branchesOf(error: ErrorObject, all: readonly ErrorObject[]): ErrorObject[] {
  const { instancePath, schemaPath } = error
  const branches: ErrorObject[] = []
  for (let at = all.indexOf(error) - 1; at >= 0; at--) {
    const each = all[at]
    if (!each?.instancePath.startsWith(instancePath)) break
    if (each.instancePath === instancePath && each.schemaPath.startsWith(`${schemaPath}/`)) branches.unshift(each)
  }
  return branches
}

function jsonPath(pointer: string): string {
  return pointerKeys(pointer).reduce(
    (path, key) => (/^[0-9]+$/.test(key) ? `${path}[${key}]` : memberPath(path, key)),
    '$',
  )
}

const memberPath = (path: string, key: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
