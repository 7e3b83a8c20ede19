import type { Contract } from '../../catalog/service.ts'
import { GatewayError } from '../../errors.ts'
import { foldParameter, parameterReadings } from '../../pricing/look-alike.ts'
import { checkCharset, namesInBody } from './body-names.ts'
import { methodNames } from './method-names.ts'
import type { RequestParts } from './prepare.ts'
import { namesIn } from './query.ts'

/**
 * Fields that the price reads in one place of a request and that stand in another. Some frameworks put query, path and
 * body into one map, where a field that one place leaves out is found in another, or another’s value is the one that counts.
 */

/** Parameters that the price reads beside the body. */
export const pricedBeside = ({ query, pricedParams }: Contract): readonly string[] => [
  ...(query?.priced ?? []),
  ...pricedParams,
]

/** Names the method that Rack, Rails, Laravel, Symfony and Spring take a POST for. */
const methodField = '_method'

/** Whether a request may be taken for one with another method than the gateway sees. */
export const mayBeOverridden = ({ route }: Contract): boolean => route.methods.includes('POST')

/**
 * @throws GatewayError `invalid_request` where the query has a field that the price reads in the body or the path, or one
 *   that names another method
 */
export function refuseInQuery(contract: Contract, text: string): void {
  const { body, query, pricedParams } = contract
  const elsewhere = [...pricedInBody(body), ...pricedParams, ...(mayBeOverridden(contract) ? [methodField] : [])]
  const own = query ? [...query.priced, ...query.named] : []
  const found = firstMisplaced(elsewhere, own, () => namesIn(text))
  if (found !== undefined) throw misplaced('?', found, isAmong(pricedParams, found) ? 'the path' : 'the body')
}

/**
 * @param value the body, where the contract reads it
 * @param params of the path, decoded
 * @throws GatewayError `unsupported_media_type`, `bad_body`, `bad_json`, `bad_multipart` where its fields cannot be told
 * @throws GatewayError `invalid_request` where the body has a field that the price reads in the query or the path, or one
 *   that names another method; one of the path may stand in a body that we read too, with the same value
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
  const beside = pricedBeside(contract)
  // Django decodes the query by it too.
  if (beside.length > 0) checkCharset(request.mediaType)
  const names = () => {
    if (body.kind !== 'structured') return beside.length > 0 ? namesInBody(request) : methodNames(request)
    // To compare every name in all its readings takes long, and there may be many.
    if (beside.length === 0) return Object.keys(value ?? {}).filter((name) => /method/i.test(name))
    return fieldsOf(value).flatMap((field) => (isSame(field) ? [] : field[0]))
  }
  const found = firstMisplaced([...beside, ...(mayBeOverridden(contract) ? [methodField] : [])], own, names)
  if (found !== undefined) throw misplaced('$.', found, isAmong(pricedParams, found) ? 'the path' : 'the query')
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

function misplaced(prefix: '?' | '$.', found: string, place: string): GatewayError {
  const message = isAmong([methodField], found)
    ? 'is taken for the method of the request by some frameworks: send the request with that method'
    : `belongs into ${place}: the price depends on it`
  const issue = { path: `${prefix}${found}`, message }
  return new GatewayError('invalid_request', `${issue.path} ${issue.message}`, { issues: [issue] })
}

const fieldsOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : []
