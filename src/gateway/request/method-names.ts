import { GatewayError } from '../../errors.ts'
import { tryAsAny } from './body-names.ts'
import { type MediaType, wordsOf } from './media-type.ts'
import { partNames } from './multipart.ts'

/**
 * Names of fields which some reader may take for `_method`, in a body that passes on as it came. It may be of any shape,
 * and is sold as it is: only what may name a method is looked for.
 * @throws GatewayError `unsupported_media_type` for a form in letters that are not those of ASCII; `bad_body` where more
 *   names than anybody needs resemble it
 */
export function methodNames({ mediaType, body }: { readonly mediaType: MediaType; readonly body: Buffer }): string[] {
  if (body.length === 0) return []
  const { essence = '', parameters } = mediaType
  const type = wordsOf(mediaType)
  const isMultipart = type.includes('multipart')
  const isForm = type.includes('urlencoded')
  if ((isForm || isMultipart) && !asciiLetters.test(parameters.get('charset') ?? 'utf-8'))
    throw new GatewayError('unsupported_media_type', 'a form is taken in UTF-8 only')
  if (isMultipart) return inMultipart(body, essence === 'multipart/form-data' ? parameters.get('boundary') : undefined)
  const names = isForm ? inForm(body.toString('latin1')) : []
  return type.includes('json') && isInJson(body) ? [...names, '_method'] : names
}

/** Tomcat reads forms by the charset that they name, for example those of old mainframes. */
const asciiLetters = /^(?:utf-?8|us-ascii|ascii|iso-?8859-[0-9]+|latin-?[0-9]|windows-125[0-9]|cp125[0-9]|koi8-[ru])$/i

const letters = (spellingsOf: (letter: string, hex: string) => string): string =>
  Array.from('method', (letter) => `(?:${spellingsOf(letter, letter.charCodeAt(0).toString(16))})`).join('')

const hexOfCapital = (letter: string): string => letter.toUpperCase().charCodeAt(0).toString(16)

/** Each letter as it is or as an escape, of those too that only some readers know. */
const inEscapes = letters((letter, hex) => `${letter}|%(?:u00)?${hex}|%(?:u00)?${hexOfCapital(letter)}`)

const formName = new RegExp(`(?:^|[&;])([^=&;]*?${inEscapes}[^=&;]{0,200})`, 'gi')

const inForm = (text: string): string[] => resembling(text, formName)

/** Names of parts; Rack reads other multipart bodies than forms too, and takes `Content-ID` for a name. */
const partName = new RegExp(
  `^content-[a-z]+:(?:[^\\r\\n]|\\r?\\n[ \\t]){0,2000}?` +
    `(?:name[ \\t]*=|name\\*[ \\t]*=[ \\t]*[\\w-]{0,40}'[\\w-]{0,20}'|(?<=^content-id:))[ \\t]*["']?` +
    `([^"';\\r\\n]{0,40}?${letters((letter, hex) => `\\\\?(?:${letter}|%${hex}|%${hexOfCapital(letter)})`)}[^"';\\r\\n]{0,100})`,
  'gim',
)

function inMultipart(body: Buffer, boundary: string | undefined): string[] {
  try {
    if (boundary !== undefined) return partNames(body, boundary).filter((name) => /method/i.test(name))
  } catch {
    // It is no form that every reader takes for the same; some may read it all the same.
  }
  return resembling(body.toString('latin1'), partName)
}

/** More would take long to compare, and nobody has paid. */
const mostNames = 1_000

function resembling(text: string, expression: RegExp): string[] {
  const names: string[] = []
  for (const [, name = ''] of text.matchAll(expression)) {
    names.push(...decoded(name.replaceAll('\\', '')))
    if (names.length > mostNames) throw new GatewayError('bad_body', 'too many names in the body resemble `_method`')
  }
  return names
}

/** As readers that are strict decode it, and as those that are not. */
function decoded(name: string): string[] {
  const text = name.replaceAll('+', ' ')
  const loose = text.replace(/%(?:u00)?([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  try {
    return [loose, decodeURIComponent(text)]
  } catch {
    return [loose]
  }
}

/** To parse more for one name would take long, and nobody has paid. */
const mostParsedBytes = 64 * 1024

/** The key `_method`, each character as it is or as an escape. */
const methodKey = new RegExp(
  `"(?:_|\\\\u005f)${letters((letter, hex) => `${letter}|\\\\u00${hex}|\\\\u00${hexOfCapital(letter)}`)}"\\s*:`,
  'i',
)

/** Laravel takes it from JSON too: from the top, but in a large body it may stand nowhere. */
function isInJson(body: Buffer): boolean {
  if (!methodKey.test(body.toString('latin1'))) return false
  if (body.length > mostParsedBytes) return true
  const value = tryAsAny(body)
  return typeof value === 'object' && value !== null && Object.keys(value).some((key) => /^_method$/i.test(key))
}
