import { createHash } from 'node:crypto'
import { admission } from '../config/address-range.ts'
import type { ServiceConfig, ServiceDefinition } from '../config/config.ts'
import { parsePattern } from '../config/service-key.ts'
import type { RequestIssue } from '../errors.ts'
import { type FieldRef, fieldName } from '../pricing/field.ts'
import { isRow, type PriceSpec, type RateTree } from '../pricing/spec.ts'
import { canonicalJson } from './canonical-json.ts'
import { lookUp } from './check-fields.ts'
import { everyMethod, fillPath, matchPath, type Route, type RouteTarget } from './route.ts'
import type { SchemaCompiler, Validator } from './validator.ts'

/**
 * A service ready to serve: its configuration compiled. The parts that validate and price (`contract`) are those of
 * the revision a token was sold under; the rest is taken from today's service of the same name where there is one.
 */
export interface Service {
  readonly name: string
  /** Service revision: 16 hex digits over what validates, prices and shapes a request. */
  readonly rev: string
  readonly config: ServiceConfig
  readonly contract: Contract
  /** False for one read back from the ledger whose upstream cannot be called: it needs a variable that is not set. */
  readonly servable: boolean
  /** The path parameters when host and path are this service's, whatever the method. */
  match(target: RouteTarget): ReadonlyMap<string, string> | undefined
  /** The upstream's path for a request; undefined when the template needs a parameter that the request has not. */
  upstreamPath(target: RouteTarget, params: ReadonlyMap<string, string>): string | undefined
  /** Whether this service is for a client. @param address canonical */
  readonly admits: (address: string) => boolean
  /** Checks a JSON result; undefined when any complete answer is a result. */
  readonly validateResult: Validator | undefined
}

export interface Contract {
  readonly route: Route
  readonly price: PriceSpec | 'free'
  readonly maxBodyBytes: number
  readonly body: BodyContract
  /** Undefined: the query goes on as it came. */
  readonly query: QueryContract | undefined
  /** Parameters of the path that the price depends on. */
  readonly pricedParams: readonly string[]
}

export type BodyContract =
  /** Neither validated nor priced: passes on as it came. `null` takes any media type. */
  | { readonly kind: 'opaque'; readonly contentTypes: readonly string[] | null }
  /** Parsed, validated and written anew. */
  | {
      readonly kind: 'structured'
      readonly json: boolean
      readonly multipart: boolean
      readonly validate: Validator | undefined
      /** Top-level fields that the schema speaks of: what they mean is the operator's word. */
      readonly named: readonly string[]
      /** Fields the price reads: they must not be given twice or in another case. */
      readonly priced: readonly FieldPath[]
      /** Those among them that choose between rows for true and false, and that the schema does not say are text. */
      readonly truths: readonly FieldPath[]
      /** A form's text field as the schema's type for it. */
      typed(name: string, text: string): unknown
    }
  /** The service takes no body. */
  | { readonly kind: 'none' }

/** Keys from the top of the body; `*` for every item of a list. */
export type FieldPath = readonly string[]

export interface QueryContract {
  /** Parameters the price depends on. */
  readonly priced: readonly string[]
  /** Parameters that the schema speaks of. */
  readonly named: readonly string[]
  /** Checks and completes the parameters; undefined where they are only priced. */
  readonly check: ((parameters: ReadonlyMap<string, string>) => QueryCheck) | undefined
}

export type QueryCheck =
  | { readonly ok: true; readonly parameters: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly issues: readonly RequestIssue[] }

const definitionFormat = 1

/** @throws Error when a schema does not compile; the message names which */
export function compileService(config: ServiceConfig, compiler: SchemaCompiler): Service {
  const { request, price } = config
  const fields = price === 'free' ? [] : priceFields(price)
  const bodyFields = fields.filter((field) => field.in === 'body')
  const methods = routeMethods(config, bodyFields.length > 0)
  const validateBody = compileNamed('schema', request.schema, () =>
    compiler.compile(request.schema, request.unknownFields),
  )
  const query = compileQuery(config, fields, compiler)
  const template = config.upstream.path === undefined ? undefined : parsePattern(config.upstream.path)
  return {
    name: config.name,
    rev: revisionOf(config.definition),
    config,
    servable: true,
    contract: {
      route: { key: config.key, methods },
      price,
      maxBodyBytes: request.maxBytes,
      body: bodyContract(config, methods, bodyFields, validateBody),
      query,
      pricedParams: fields.flatMap((field) => (field.in === 'path' ? [field.name] : [])),
    },
    match: ({ host, path }) => {
      const wanted = config.key.host
      const reached = wanted === undefined || wanted === host || wanted === host.replace(/:[0-9]+$/, '')
      return reached ? matchPath(config.key, path) : undefined
    },
    admits: admission(config.access),
    upstreamPath: ({ path }, params) => (template && 'segments' in template ? fillPath(template, params) : path),
    validateResult: compileNamed('result.schema', config.result.schema, () =>
      compiler.compile(config.result.schema, 'allow'),
    ),
  }
}

/** The first 16 hex digits of SHA-256 over the definition's sold part in canonical JSON. */
export function revisionOf(definition: ServiceDefinition): string {
  const text = canonicalJson({
    format: definitionFormat,
    key: definition.key,
    name: definition.name,
    sold: definition.sold,
  })
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** Every field a price reads. */
export function priceFields(price: PriceSpec): FieldRef[] {
  const fields = new Map<string, FieldRef>()
  const add = (list: readonly FieldRef[]) => {
    for (const field of list) fields.set(fieldName(field), field)
  }
  for (const { quantity, rate } of price.lines) {
    if (quantity.kind !== 'one') add(quantity.of)
    if (rate.kind !== 'table') continue
    for (const { first } of rate.by) add(first)
    add(rate.guarded)
  }
  return [...fields.values()]
}

function routeMethods({ key, request, price }: ServiceConfig, pricedByBody: boolean): readonly string[] {
  if (key.method !== undefined) return key.method === 'GET' ? ['GET', 'HEAD'] : [key.method]
  return price !== 'free' && (request.schema !== undefined || pricedByBody) ? ['POST'] : everyMethod
}

function bodyContract(
  { request, price }: ServiceConfig,
  methods: readonly string[],
  bodyFields: readonly FieldRef[],
  validate: Validator | undefined,
): BodyContract {
  if (methods.every((method) => method === 'GET' || method === 'HEAD' || method === 'DELETE')) return { kind: 'none' }
  if (!validate && bodyFields.length === 0) return { kind: 'opaque', contentTypes: request.contentTypes ?? null }
  const media = request.contentTypes ?? ['application/json']
  const types = propertyTypes(request.schema)
  return {
    kind: 'structured',
    json: media.includes('application/json'),
    multipart: media.includes('multipart/form-data'),
    validate,
    named: [...types.keys()],
    priced: bodyFields.flatMap((field) => (field.in === 'body' ? [field.path] : [])),
    truths: price === 'free' ? [] : truthsOf(price, request.schema),
    typed: (name, text) => typedValue(text, types.get(name)),
  }
}

function truthsOf(price: PriceSpec, schema: unknown): FieldPath[] {
  return price.lines.flatMap(({ rate }) => {
    if (rate.kind !== 'table') return []
    return rate.by.flatMap(({ first }, level) => {
      if (!rowsAt(rate.rows, level).some((key) => /^(?:true|false)$/i.test(key))) return []
      const paths = first.flatMap((field) => (field.in === 'body' ? [field.path] : []))
      return paths.filter((path) => {
        const { types, values } = lookUp(schema, path)
        return !types?.includes('string') && !values?.some((value) => typeof value === 'string')
      })
    })
  })
}

/** The names of the rows that the field of one level chooses from. */
function rowsAt(rows: RateTree, level: number): string[] {
  if (level === 0) return [...rows.keys()]
  return [...rows.values()].flatMap((node) => (isRow(node) ? [] : rowsAt(node, level - 1)))
}

function compileQuery(
  { request }: ServiceConfig,
  fields: readonly FieldRef[],
  compiler: SchemaCompiler,
): QueryContract | undefined {
  const priced = fields.flatMap((field) => (field.in === 'query' ? [field.name] : []))
  const validate = compileNamed('query', request.query, () => compiler.compile(request.query, request.unknownFields))
  if (!validate && priced.length === 0) return undefined
  if (!validate) return { priced, named: [], check: undefined }
  const types = propertyTypes(request.query)
  const check = (parameters: ReadonlyMap<string, string>): QueryCheck => {
    const typed = Object.fromEntries([...parameters].map(([name, text]) => [name, typedValue(text, types.get(name))]))
    const checked = validate(typed)
    if (!checked.ok)
      return { ok: false, issues: checked.issues.map((issue) => ({ ...issue, path: `?${issue.path.slice(2)}` })) }
    return { ok: true, parameters: new Map(Object.entries(typed).map(([name, value]) => [name, String(value)])) }
  }
  return { priced, named: [...types.keys()], check }
}

/** A number or a truth value only from its shortest spelling, since other readers of queries differ on the rest. */
function typedValue(text: string, type: string | undefined): unknown {
  if ((type === 'integer' || type === 'number') && /^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?$/.test(text))
    return Number(text)
  return type === 'boolean' && (text === 'true' || text === 'false') ? text === 'true' : text
}

function propertyTypes(schema: unknown): Map<string, string | undefined> {
  const properties = typeof schema === 'object' && schema !== null && 'properties' in schema ? schema.properties : {}
  return new Map(
    Object.entries(properties as Record<string, { type?: unknown }>).map(([name, { type }]) => [
      name,
      typeof type === 'string' ? type : undefined,
    ]),
  )
}

function compileNamed(what: string, schema: unknown, compile: () => Validator): Validator | undefined {
  if (schema === undefined) return undefined
  try {
    return compile()
  } catch (thrown) {
    throw new SchemaProblem(what, thrown instanceof Error ? thrown.message : String(thrown))
  }
}

/** A schema of a service does not compile. */
export class SchemaProblem extends Error {
  override readonly name = 'SchemaProblem'
  /** `schema`, `query` or `result.schema`. */
  readonly what: string

  constructor(what: string, message: string) {
    super(message)
    this.what = what
  }
}
