import type { BodyContract, Contract, FieldPath } from '../../catalog/service.ts'
import { GatewayError, maxIssues, type RequestIssue } from '../../errors.ts'
import { type FieldSource, readField } from '../../pricing/field.ts'
import { foldKey, foldParameter, parameterReadings } from '../../pricing/look-alike.ts'
import type { MediaType } from './media-type.ts'
import { mayBeOverridden, pricedBeside, refuseInBody, refuseInQuery } from './misplaced.ts'
import { checkBoundary, encodeMultipart, type FormPart, parseMultipart, partText } from './multipart.ts'
import { shapeIssues } from './priced-shape.ts'
import { encodeQuery, parseQuery } from './query.ts'
import { respell } from './respell.ts'
import { parseStrictJson } from './strict-json.ts'

/** A request that a contract accepts: what the price is read from, and what the upstream gets. They are one value. */
export interface Prepared {
  readonly fields: FieldSource
  /** Without the question mark. */
  readonly query: string
  /** Written only when there is a call to make: most requests are priced and not yet paid. */
  encodeBody(): EncodedBody
}

export interface EncodedBody {
  /** Replaces the client's; undefined leaves it. */
  readonly contentType: string | undefined
  /** Null when there is none. */
  readonly bytes: Buffer | null
}

export interface RequestParts {
  readonly query: string
  readonly params: ReadonlyMap<string, string>
  readonly mediaType: MediaType
  readonly body: Buffer
}

/**
 * Refuses a body whose media type the contract does not take, before it is read.
 * @throws GatewayError `unsupported_media_type`
 */
export function checkMediaType(contract: BodyContract, mediaType: MediaType): void {
  const { essence } = mediaType
  switch (contract.kind) {
    case 'none':
      return
    case 'opaque':
      if (contract.contentTypes === null || (essence !== undefined && contract.contentTypes.includes(essence))) return
      throw unsupported(contract.contentTypes)
    case 'structured': {
      if (contract.json && essence === 'application/json') {
        const charset = mediaType.parameters.get('charset')
        if (charset === undefined || /^utf-?8$/i.test(charset)) return
        throw new GatewayError('unsupported_media_type', 'JSON is taken in UTF-8 only')
      }
      if (contract.multipart && essence === 'multipart/form-data') return
      throw unsupported([
        ...(contract.json ? ['application/json'] : []),
        ...(contract.multipart ? ['multipart/form-data'] : []),
      ])
    }
  }
}

/**
 * Validates a request under a contract, fills in its defaults, and writes the names of rows as the operator does.
 * @throws GatewayError `unsupported_media_type`, `bad_json`, `bad_multipart`, `bad_body`, `invalid_request`
 */
export function prepare(contract: Contract, request: RequestParts): Prepared {
  checkMediaType(contract.body, request.mediaType)
  const query = prepareQuery(contract, request.query)
  const body = prepareBody(contract.body, request)
  const params = decoded(request.params)
  refuseInBody(contract, request, body.value, params)
  const mayBeForm = mayBeOverridden(contract) || pricedBeside(contract).length > 0
  const fields = respell(contract, { body: body.value, query: query.parameters, params })
  return {
    fields,
    query: fields.query === query.parameters ? query.text : encodeQuery(fields.query),
    encodeBody: mayBeForm ? () => withType(body.encode(), request.mediaType) : body.encode,
  }
}

/** Rack takes a body without a type for a form, whose fields may count before those of query and path, or name the method. */
function withType(encoded: EncodedBody, mediaType: MediaType): EncodedBody {
  const isTyped = encoded.bytes === null || (encoded.contentType ?? mediaType.essence) !== undefined
  return isTyped ? encoded : { ...encoded, contentType: 'application/octet-stream' }
}

function prepareQuery(contract: Contract, query: string): { text: string; parameters: ReadonlyMap<string, string> } {
  if (query !== '') refuseInQuery(contract, query)
  if (!contract.query) return { text: query, parameters: new Map() }
  const parameters = parseQuery(query)
  const { priced } = contract.query
  const folded = new Set(priced.map(foldParameter))
  const issues = [...parameters.keys()]
    .filter((name) => !priced.includes(name) && parameterReadings(name).some((each) => folded.has(each)))
    .map((name) => ({ path: `?${name}`, message: 'is another spelling of a parameter that the price depends on' }))
  if (issues.length > 0) throw invalid(issues)
  if (!contract.query.check) {
    // Some servers begin a new parameter there.
    if (query.includes(';')) throw invalid([{ path: '?', message: 'has a `;` that must be written `%3B`' }])
    return { text: query, parameters }
  }
  const checked = contract.query.check(parameters)
  if (!checked.ok) throw invalid(checked.issues)
  return { text: encodeQuery(checked.parameters), parameters: checked.parameters }
}

interface PreparedBody {
  readonly value: unknown
  readonly encode: () => EncodedBody
}

function prepareBody(contract: BodyContract, { mediaType, body }: RequestParts): PreparedBody {
  switch (contract.kind) {
    case 'none':
      if (body.length > 0) throw new GatewayError('bad_body', 'this request takes no body')
      return { value: undefined, encode: () => ({ contentType: undefined, bytes: null }) }
    case 'opaque':
      return { value: undefined, encode: () => ({ contentType: undefined, bytes: body.length > 0 ? body : null }) }
    case 'structured':
      return mediaType.essence === 'multipart/form-data'
        ? prepareForm(contract, mediaType, body)
        : prepareJson(contract, body)
  }
}

type Structured = Extract<BodyContract, { kind: 'structured' }>

function prepareJson(contract: Structured, body: Buffer): PreparedBody {
  if (body.length === 0) throw new GatewayError('bad_json', 'the body is empty')
  const value = validate(contract, parseStrictJson(body), (key) => [foldKey(key)])
  const spelt = contract.truths.flatMap((path) => readField({ in: 'body', path }, { body: value, ...nothingElse }))
  const issues = spelt
    .filter((found) => typeof found.value === 'string' && /^(?:true|false)$/i.test(found.value))
    .map(({ at }) => ({ path: at, message: 'must be true or false and not text, which is true for most readers' }))
  if (issues.length > 0) throw invalid(issues)
  return { value, encode: () => ({ contentType: 'application/json', bytes: Buffer.from(JSON.stringify(value)) }) }
}

function prepareForm(contract: Structured, mediaType: MediaType, body: Buffer): PreparedBody {
  const parts = parseMultipart(body, checkBoundary(mediaType.parameters.get('boundary')))
  const form = Object.create(null) as Record<string, unknown>
  for (const part of parts) {
    const value = part.filename === undefined ? contract.typed(part.name, partText(part)) : fileFacts(part)
    const before = form[part.name]
    if (before !== undefined && contract.priced.some(([name]) => name === part.name)) {
      throw invalid([{ path: `$.${part.name}`, message: 'is given more than once, and the price depends on it' }])
    }
    form[part.name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value]
  }
  const given = new Set(Object.keys(form))
  const value = validate(contract, form, parameterReadings) as Record<string, unknown>
  const asPriced = parts.map((part) => asTextOf(part, contract))
  return { value, encode: () => encodeForm(asPriced, given, value) }
}

/**
 * Readers take a text field of some types for a file, or decode it by its charset: they would find another value than the
 * price, or none. Where no price depends on it, it may be JSON.
 */
function asTextOf(part: FormPart, { priced }: Structured): FormPart {
  const isJson = jsonInUtf8.test(part.contentType ?? '')
  if (part.filename !== undefined || (isJson && priced.every(([name]) => name !== part.name))) return part
  return { ...part, contentType: undefined }
}

const jsonInUtf8 = /^application\/(?:[a-z0-9.-]+\+)?json(?:[ \t]*;[ \t]*charset="?utf-?8"?)?$/i

/** The parts that were kept, with the text that was priced, then the text fields that the schema filled in. */
function encodeForm(
  parts: readonly FormPart[],
  given: ReadonlySet<string>,
  value: Record<string, unknown>,
): EncodedBody {
  const kept = parts.flatMap((part) => {
    const text = value[part.name]
    if (text === undefined) return []
    return typeof text === 'string' ? { ...part, content: Buffer.from(text) } : part
  })
  const filledIn = Object.entries(value).flatMap(([name, added]): FormPart[] =>
    given.has(name) ? [] : [{ name, filename: undefined, contentType: undefined, content: Buffer.from(String(added)) }],
  )
  const { body, boundary } = encodeMultipart([...kept, ...filledIn])
  return { contentType: `multipart/form-data; boundary=${boundary}`, bytes: body }
}

/** What schema and price may look at in an uploaded file. */
const fileFacts = ({ filename, contentType, content }: FormPart) => ({
  filename,
  contentType: contentType ?? 'application/octet-stream',
  bytes: content.length,
})

function validate(contract: Structured, value: unknown, readings: Readings): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid([{ path: '$', message: 'must be a JSON object' }])
  }
  const issues = contract.priced.flatMap((path) => spellingIssues(path, value, '$', readings))
  if (issues.length > 0) throw invalid(issues)
  const checked = contract.validate ? contract.validate(value) : ({ ok: true, value } as const)
  if (!checked.ok) throw invalid(checked.issues)
  const misshapen = shapeIssues(contract.priced, checked.value)
  if (misshapen.length > 0) throw invalid(misshapen)
  return checked.value
}

/** What lenient readers make of a name; the first is the one that most of them agree on. */
type Readings = (name: string) => readonly string[]

const nothingElse = { query: new Map<string, string>(), params: new Map<string, string>() }

/** A key in another spelling than a priced one would be priced as absent, and read by a lenient upstream. */
function spellingIssues([key, ...rest]: FieldPath, value: unknown, at: string, readings: Readings): RequestIssue[] {
  if (key === undefined || typeof value !== 'object' || value === null) return []
  if (key === '*') {
    return Array.isArray(value)
      ? value.flatMap((item, index) => spellingIssues(rest, item, `${at}[${index}]`, readings))
      : []
  }
  const [folded = ''] = readings(key)
  // Readers that are asked for `options.steps` by its path take a key of that name first.
  const joined = rest.length > 0 ? `${foldKey(key)}.` : undefined
  const variants = Object.keys(value).filter(
    (each) =>
      each !== key && (readings(each).includes(folded) || (joined !== undefined && foldKey(each).startsWith(joined))),
  )
  return [
    ...variants.map((each) => ({ path: `${at}.${each}`, message: `differs from \`${key}\` only by its spelling` })),
    ...spellingIssues(rest, (value as Record<string, unknown>)[key], `${at}.${key}`, readings),
  ]
}

/** As the upstream's router will read them: a row of a price table is named by the text, not by its escapes. */
const decoded = (params: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  new Map([...params].map(([name, text]) => [name, decodeURIComponent(text)]))

function invalid(found: readonly RequestIssue[]): GatewayError {
  const issues = found.slice(0, maxIssues)
  const [first] = issues
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  return new GatewayError('invalid_request', `${first?.path} ${first?.message}${more}`, { issues })
}

function unsupported(accepted: readonly string[]): GatewayError {
  const list = accepted.join(', ')
  return new GatewayError('unsupported_media_type', `send the body as ${list}`, { headers: { Accept: list } })
}
