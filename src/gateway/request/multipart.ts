import { createHash } from 'node:crypto'
import { GatewayError } from '../../errors.ts'
import { strictUtf8 } from './strict-utf8.ts'

/**
 * multipart/form-data (RFC 7578), read so that no two readers see different parts: no preamble, no padding, no
 * look-alike of the delimiter inside a part, plain names only.
 */
export interface FormPart {
  readonly name: string
  /** Undefined for a text field. */
  readonly filename: string | undefined
  /** As sent; undefined when the part has none. */
  readonly contentType: string | undefined
  readonly content: Buffer
}

/** Stands for the boundary in what a token is bound to: most clients make a new boundary when they retry. */
const canonicalBoundary = 'turnpike-canonical-boundary-d41d8cd98f00b204'
const maxParts = 256
const maxPartHeadBytes = 2048

const boundaryText = /^[0-9A-Za-z'()+_,./:=?-]{1,70}$/
const dispositionText = /^form-data;[ \t]*name="([^"\\]*)"(?:;[ \t]*filename="([^"\\]*)")?$/

interface Delimited {
  /** Offsets of the content between delimiters. */
  readonly spans: readonly { readonly start: number; readonly end: number }[]
  readonly epilogue: Buffer
}

/** @throws GatewayError `bad_multipart` */
export function checkBoundary(boundary: string | undefined): string {
  if (boundary === undefined) throw bad('the Content-Type header has no boundary')
  if (!boundaryText.test(boundary)) throw bad('the boundary has characters that are not accepted')
  return boundary
}

/**
 * SHA-256, hex, over the body with the boundary in its delimiter lines replaced by a constant.
 * @throws GatewayError `bad_multipart`
 */
export function hashMultipart(body: Buffer, boundary: string): string {
  if (body.includes(canonicalBoundary)) throw bad('the body contains a text that the gateway keeps for itself')
  const { spans, epilogue } = split(body, boundary)
  const hash = createHash('sha256')
  for (const { start, end } of spans)
    hash.update(`--${canonicalBoundary}\r\n`).update(body.subarray(start, end)).update('\r\n')
  return hash.update(`--${canonicalBoundary}--`).update(epilogue).digest('hex')
}

/** @throws GatewayError `bad_multipart` */
export function parseMultipart(body: Buffer, boundary: string): FormPart[] {
  return split(body, boundary).spans.map(({ start, end }) => readPart(body.subarray(start, end)))
}

/**
 * Every name that any reader may find in a form that passes on as it came.
 * @throws GatewayError `bad_multipart`
 */
export function partNames(body: Buffer, boundary: string | undefined): string[] {
  return split(body, checkBoundary(boundary)).spans.flatMap(({ start, end }) => {
    const head = headOf(body.subarray(start, end)).toString()
    if (head.includes('=?')) throw encodedName()
    const names = [...head.matchAll(nameText)].map(([, name = '']) => name.replaceAll('\\', ''))
    // PHP takes single quotes, and more kinds of space, for part of the syntax; others join `name*0` and `name*1`.
    if (names.length === 0 || names.includes('') || otherName.test(head)) throw bad('the name of a part is not plain')
    return names
  })
}

const nameText = /(?<![a-z])name[ \t]*=[ \t]*(?!')"?([^";\r\n]*)/gi
const otherName = /(?<![a-z])name(?:\*|[ \t]*=[ \t]*')|[\0\v\f]/i

/** Writes parts anew. @returns the body, and the boundary that its Content-Type has to name */
export function encodeMultipart(parts: readonly FormPart[]): { body: Buffer; boundary: string } {
  const hash = createHash('sha256')
  for (const { content } of parts) hash.update(content)
  const boundary = `turnpike-${hash.digest('hex').slice(0, 40)}`
  const pieces: Buffer[] = []
  for (const { name, filename, contentType, content } of parts) {
    const file = filename === undefined ? '' : `; filename="${filename}"`
    const type = contentType === undefined ? '' : `\r\nContent-Type: ${contentType}`
    pieces.push(
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}${type}\r\n\r\n`),
      content,
      crlf,
    )
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`))
  return { body: Buffer.concat(pieces), boundary }
}

const crlf = Buffer.from('\r\n')

function split(body: Buffer, boundary: string): Delimited {
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const spans: { start: number; end: number }[] = []
  if (!body.subarray(0, delimiter.length - 2).equals(delimiter.subarray(2)))
    throw bad('the body does not begin with the boundary')
  let at = delimiter.length - 2
  for (;;) {
    const after = body.toString('latin1', at, at + 2)
    if (after === '--') break
    if (after !== '\r\n') throw bad('a line begins with the boundary and goes on')
    const start = at + 2
    // The line break that ends a delimiter line may also begin the next one: an empty part.
    const end = body.indexOf(delimiter, start - 2)
    if (end < 0) throw bad('the body does not end with the boundary')
    if (end < start) throw bad('a part has no header')
    spans.push({ start, end })
    if (spans.length > maxParts) throw bad(`there are more than ${maxParts} parts`)
    at = end + delimiter.length
  }
  const epilogue = body.subarray(at + 2)
  if (epilogue.length > 0 && !epilogue.equals(crlf)) throw bad('there is more after the last boundary')
  return { spans, epilogue }
}

function readPart(part: Buffer): FormPart {
  const head = headOf(part)
  let disposition: RegExpExecArray | null | undefined
  let contentType: string | undefined
  for (const line of decodeText(head).split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (colon < 1 || /[^a-z-]/.test(name) || /[\r\n\0]/.test(value))
      throw bad('a part has a header line that cannot be read')
    if (name === 'content-disposition') {
      if (disposition !== undefined) throw bad('a part has two Content-Disposition lines')
      disposition = dispositionText.exec(value)
    } else if (name === 'content-type') {
      if (contentType !== undefined) throw bad('a part has two Content-Type lines')
      contentType = value
    } else {
      throw bad(`a part has the header \`${name}\`, which is not accepted`)
    }
  }
  const [, name, filename] = disposition ?? []
  if (name === undefined || name === '') throw bad('a part is not `form-data` with a plain name')
  if (name.includes('=?')) throw encodedName()
  return { name, filename, contentType, content: part.subarray(head.length + 4) }
}

function headOf(part: Buffer): Buffer {
  const end = part.indexOf('\r\n\r\n')
  if (end < 0 || end > maxPartHeadBytes) throw bad('a part has no header, or too long a one')
  return part.subarray(0, end)
}

function decodeText(bytes: Buffer): string {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    throw bad('a name or text field is not UTF-8')
  }
}

/** A text field's content. @throws GatewayError `bad_multipart` */
export const partText = (part: FormPart): string => decodeText(part.content)

/** Readers that were made for mail decode such words: RFC 2047. */
const encodedName = () => bad('the name of a part is encoded (`=?`)')

const bad = (detail: string) => new GatewayError('bad_multipart', detail)
