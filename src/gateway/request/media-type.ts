import { GatewayError } from '../../errors.ts'

export interface MediaType {
  /** `type/subtype`, lower case; undefined when the header is absent. */
  readonly essence: string | undefined
  /** Lower-case names. */
  readonly parameters: ReadonlyMap<string, string>
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const essenceText = new RegExp(`^(${token}/${token})[ \\t]*(?:;|$)`)
const parameterText = new RegExp(`;[ \\t]*(${token})=(?:(${token})|"((?:[^"\\\\]|\\\\.)*)")[ \\t]*(?=;|$)`, 'y')

/**
 * Reads Content-Type strictly, since two readers of a sloppy one may take the body for different things.
 * @throws GatewayError `unsupported_media_type`
 */
export function readMediaType(lines: readonly string[]): MediaType {
  const [line, ...others] = lines
  if (line === undefined) return { essence: undefined, parameters: new Map() }
  if (others.length > 0) throw new GatewayError('unsupported_media_type', 'there is more than one Content-Type header')
  const text = line.trim()
  const match = essenceText.exec(text)
  if (!match) throw new GatewayError('unsupported_media_type', 'the Content-Type header is not a media type')
  const essence = (match[1] ?? '').toLowerCase()
  const parameters = new Map<string, string>()
  let at = text.indexOf(';')
  while (at >= 0 && at < text.length) {
    if (/^;[ \t]*$/.test(text.slice(at))) break
    parameterText.lastIndex = at
    const parameter = parameterText.exec(text)
    const name = parameter?.[1]?.toLowerCase()
    if (!parameter || name === undefined || parameters.has(name)) {
      throw new GatewayError('unsupported_media_type', 'the parameters of the Content-Type header cannot be read')
    }
    parameters.set(name, parameter[2] ?? (parameter[3] ?? '').replace(/\\(.)/g, '$1'))
    at = parameterText.lastIndex
  }
  return { essence, parameters }
}

/**
 * The whole header in small letters, for readers that look for a word anywhere in it: formidable for `urlencoded` and
 * `multipart`, Laravel for `/json`.
 */
export const wordsOf = ({ essence = '', parameters }: MediaType): string =>
  [essence, ...[...parameters].flat()].join(' ').toLowerCase()
