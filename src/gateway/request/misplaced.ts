import type { Contract } from '../../catalog/service.ts'
import { GatewayError } from '../../errors.ts'
import { foldParameter, parameterReadings } from '../../pricing/look-alike.ts'
import { partNames } from './multipart.ts'
import type { RequestParts } from './prepare.ts'
import { namesIn } from './query.ts'
import { maxKeyLength } from './strict-json.ts'
import { strictUtf8 } from './strict-utf8.ts'

/**
 * Fields that the price reads in one place of a request and that stand in another. Some frameworks put query, path and
 * body into one map, where a field that one place leaves out is found in another, or another’s value is the one that counts.
 */

/** Parameters that the price reads beside the body. */
export const pricedBeside = ({ query, pricedParams }: Contract): readonly string[] => [
  ...(query?.priced ?? []),
  ...pricedParams,
]

/** @throws GatewayError `invalid_request` where the query has a field that the price reads in the body or the path */
export function refuseInQuery({ body, query, pricedParams }: Contract, text: string): void {
  const elsewhere = [...pricedInBody(body), ...pricedParams]
  const own = query ? [...query.priced, ...query.named] : []
  const found = firstMisplaced(elsewhere, own, () => namesIn(text))
  if (found !== undefined) throw misplaced(`?${found}`, isAmong(pricedParams, found) ? 'the path' : 'the body')
}

/**
 * @param value the body, where the contract reads it
 * @param params of the path, decoded
 * @throws GatewayError `invalid_request` where the body has a field that the price reads in the query or the path; one
 *   of the path may stand in a body that we read too, with the same value
 */
export function refuseInBody(
  contract: Contract,
  request: RequestParts,
  value: unknown,
  params: ReadonlyMap<string, string>,
): void {
  const { body, query, pricedParams } = contract
  const own = body.kind === 'structured' ? [...body.named, ...pricedInBody(body)] : []
  const ofPathAlone = pricedParams.filter((name) => !query?.priced.includes(name))
  const isSame = ([name, given]: [string, unknown]) => ofPathAlone.includes(name) && given === params.get(name)
  const names = () =>
    body.kind === 'structured'
      ? fieldsOf(value).flatMap((field) => (isSame(field) ? [] : field[0]))
      : namesInBody(request)
  const found = firstMisplaced(pricedBeside(contract), own, names)
  if (found !== undefined) throw misplaced(`$.${found}`, isAmong(pricedParams, found) ? 'the path' : 'the query')
}

/** Top-level fields of the body that the price reads. */
const pricedInBody = (body: Contract['body']): string[] =>
  body.kind === 'structured' ? body.priced.map(([name = '']) => name) : []

/**
 * @param elsewhere what the price reads in other places
 * @param own what this place may have all the same, since the price or a schema speaks of it there
 * @param names asked for only where something could be misplaced
 */
function firstMisplaced(
  elsewhere: readonly string[],
  own: readonly string[],
  names: () => readonly string[],
): string | undefined {
  const priced = new Set(elsewhere.map(foldParameter))
  for (const name of own) priced.delete(foldParameter(name))
  if (priced.size === 0) return undefined
  return names().find((name) => parameterReadings(name).some((each) => priced.has(each)))
}

const isAmong = (params: readonly string[], found: string): boolean =>
  params.some((name) => parameterReadings(found).includes(foldParameter(name)))

function misplaced(path: string, place: string): GatewayError {
  const issue = { path, message: `belongs into ${place}: the price depends on it` }
  return new GatewayError('invalid_request', `${issue.path} ${issue.message}`, { issues: [issue] })
}

/** To look at more of them would take long, and nobody has paid. */
const mostFormFields = 1_000

/** Some readers decode more escapes than the standard one, such as `%u0073`. */
const oddName = /(?:^|[&;])[^=&;]*%(?![0-9a-f]{2})/i

function namesInForm(text: string): readonly string[] {
  // Split up to one more than that: a body may have millions.
  const fields = text.split(/[&;]/, mostFormFields + 1).length
  const names = fields > mostFormFields ? [] : namesIn(text)
  if (fields > mostFormFields || names.some(({ length }) => length > maxKeyLength)) throw tooLarge()
  if (oddName.test(text)) throw new GatewayError('bad_body', 'a name in the form has a bad escape')
  return names
}

const tooLarge = () => new GatewayError('bad_body', `the body has at most ${mostFormFields} fields, with short names`)

function namesInBody({ mediaType, body }: RequestParts): readonly string[] {
  const { essence = '', parameters } = mediaType
  if (body.length === 0) return []
  if (essence === 'application/x-www-form-urlencoded') return namesInForm(body.toString())
  if (essence === 'multipart/form-data') return partNames(body, parameters.get('boundary'))
  // Rack reads `multipart/mixed` and `multipart/related` as forms, and names parts by more than their `name`.
  if (essence.startsWith('multipart/'))
    throw new GatewayError('unsupported_media_type', 'of multipart bodies only `multipart/form-data` is taken here')
  // Also `text/x-json` and `application/jsonrequest`; lines of JSON are no object.
  return /[/+-]json(?:request)?$/.test(essence) ? keysOfAny(readAsAny(body)) : []
}

/** A list has no names. To look at more keys than a form may have would take long, and nobody has paid. */
function keysOfAny(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const names: string[] = []
  for (const name in value) {
    names.push(name)
    if (names.length > mostFormFields || name.length > maxKeyLength) throw tooLarge()
  }
  return names
}

/** It passes on as it came, so only its keys have to be the same for all: it may have numbers that we could not hold. */
function readAsAny(body: Buffer): unknown {
  try {
    return JSON.parse(strictUtf8.decode(body))
  } catch {
    throw new GatewayError('bad_json', 'the body is not JSON in UTF-8')
  }
}

const fieldsOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : []
