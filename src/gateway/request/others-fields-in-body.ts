import type { Contract } from '../../catalog/service.ts'
import { GatewayError } from '../../errors.ts'
import { foldParameter, parameterReadings } from '../../pricing/look-alike.ts'
import { partNames } from './multipart.ts'
import type { RequestParts } from './prepare.ts'
import { namesIn } from './query.ts'
import { maxKeyLength } from './strict-json.ts'

/**
 * Some frameworks put query, path and body into one map, where a parameter that the query leaves out is found in the body,
 * or the body’s value is the one that counts.
 * @param value the body, where the contract reads it
 * @param params of the path, decoded
 * @throws GatewayError `invalid_request` where the body has a field that the price reads in the query or the path; one
 *   of the path may stand in a body that we read too, with the same value
 */
export function refuseInBody(
  { body, query, pricedParams }: Contract,
  request: RequestParts,
  value: unknown,
  params: ReadonlyMap<string, string>,
): void {
  const elsewhere = [...(query?.priced ?? []), ...pricedParams]
  if (elsewhere.length === 0) return
  const priced = new Set(elsewhere.map(foldParameter))
  if (body.kind === 'structured') {
    const own = [...body.named, ...body.priced.map(([name = '']) => name)]
    for (const name of own) priced.delete(foldParameter(name))
  }
  const ofPathAlone = pricedParams.filter((name) => !query?.priced.includes(name))
  const isSame = ([name, given]: [string, unknown]) => ofPathAlone.includes(name) && given === params.get(name)
  const names =
    body.kind === 'structured'
      ? fieldsOf(value).flatMap((field) => (isSame(field) ? [] : field[0]))
      : namesInBody(request)
  const found = names.find((name) => parameterReadings(name).some((each) => priced.has(each)))
  if (found === undefined) return
  const isOfPath = pricedParams.some((name) => parameterReadings(found).includes(foldParameter(name)))
  const place = isOfPath ? 'the path' : 'the query'
  const issue = { path: `$.${found}`, message: `belongs into ${place}: the price depends on it` }
  throw new GatewayError('invalid_request', `${issue.path} ${issue.message}`, { issues: [issue] })
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
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body))
  } catch {
    throw new GatewayError('bad_json', 'the body is not JSON in UTF-8')
  }
}

const fieldsOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : []
