import { GatewayError } from '../../errors.ts'
import { type MediaType, wordsOf } from './media-type.ts'
import { partNames } from './multipart.ts'
import { namesIn } from './query.ts'
import { maxKeyLength } from './strict-json.ts'
import { strictUtf8 } from './strict-utf8.ts'

/**
 * Names of top-level fields that any reader may find in a body which passes on as it came.
 * @throws GatewayError `unsupported_media_type`, `bad_body`, `bad_json`, `bad_multipart` where readers might differ
 */
export function namesInBody({
  mediaType,
  body,
}: {
  readonly mediaType: MediaType
  readonly body: Buffer
}): readonly string[] {
  if (body.length === 0) return []
  const { essence = '', parameters } = mediaType
  const type = wordsOf(mediaType)
  const isForm = type.includes('urlencoded')
  const isMultipart = type.includes('multipart')
  if (isForm || isMultipart) checkCharset(mediaType)
  if (isMultipart) {
    if (essence === 'multipart/form-data') return partNames(body, parameters.get('boundary'))
    // Rack reads `multipart/mixed` and `multipart/related` as forms, and names parts by more than their `name`.
    throw new GatewayError('unsupported_media_type', 'of multipart bodies only `multipart/form-data` is taken here')
  }
  const inForm = isForm ? namesInForm(body.toString()) : []
  if (!type.includes('json')) return inForm
  // Also `text/x-json` and `application/jsonrequest`. What only resembles them, such as lines of JSON, may be no object.
  const isJson = /[/+-]json(?:request)?$/.test(essence)
  return [...inForm, ...keysOfAny(isJson ? readAsAny(body) : tryAsAny(body))]
}

/**
 * Readers decode names by the charset that the request names: Tomcat those of a form, Django those of the query too.
 * @throws GatewayError `unsupported_media_type`
 */
export function checkCharset({ parameters }: MediaType): void {
  if (/^utf-?8$/i.test(parameters.get('charset') ?? 'utf-8')) return
  throw new GatewayError('unsupported_media_type', 'no charset but UTF-8 is taken here')
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

/** @returns undefined where it is not JSON in UTF-8 */
export function tryAsAny(body: Buffer): unknown {
  try {
    return readAsAny(body)
  } catch {
    return undefined
  }
}
