import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Purchase } from '../client/buy.ts'
import { CommandError, exitCodes } from './exit-codes.ts'

/** The options with which `buy` and `quote` describe a request; as curl's. */
export const requestOptions = {
  data: { type: 'string', short: 'd' },
  form: { type: 'string', short: 'F', multiple: true },
  header: { type: 'string', short: 'H', multiple: true },
} as const

interface RequestValues {
  readonly data?: string | undefined
  readonly form?: string[] | undefined
  readonly header?: string[] | undefined
}

/** @throws CommandError */
export async function readRequestArguments(positionals: readonly string[], values: RequestValues): Promise<Purchase> {
  const [method, url, ...more] = positionals
  if (method === undefined || url === undefined || more.length > 0 || !/^[A-Za-z]+$/.test(method)) {
    throw new CommandError(
      exitCodes.usage,
      'name the method and the URL: POST http://127.0.0.1:8402/api/l402/generate-text',
    )
  }
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
    throw new CommandError(exitCodes.usage, `\`${url}\` is not an http URL`)
  const headers: Record<string, string> = {}
  for (const line of values.header ?? []) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new CommandError(exitCodes.usage, `\`${line}\` is not a header: write \`Name: value\``)
    headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  if (values.form) {
    if (values.data !== undefined) throw new CommandError(exitCodes.usage, 'give either -d or -F')
    const { body, contentType } = await encodeForm(values.form)
    return { method: method.toUpperCase(), url, headers: { ...headers, 'content-type': contentType }, body }
  }
  if (values.data === undefined) return { method: method.toUpperCase(), url, headers, body: undefined }
  const body = values.data.startsWith('@') ? readInput(values.data.slice(1)) : Buffer.from(values.data)
  return { method: method.toUpperCase(), url, headers: { 'content-type': 'application/json', ...headers }, body }
}

/** Encoded once, since the paid request must have the same bytes. */
async function encodeForm(fields: readonly string[]): Promise<{ body: Buffer; contentType: string }> {
  const form = new FormData()
  for (const field of fields) {
    const equals = field.indexOf('=')
    if (equals < 1)
      throw new CommandError(exitCodes.usage, `\`${field}\` is not a form field: write name=value or name=@file`)
    const [name, value] = [field.slice(0, equals), field.slice(equals + 1)]
    if (value.startsWith('@'))
      form.append(name, new Blob([new Uint8Array(readInput(value.slice(1)))]), basename(value.slice(1)))
    else form.append(name, value)
  }
  const encoded = new Response(form)
  return { body: Buffer.from(await encoded.arrayBuffer()), contentType: encoded.headers.get('content-type') ?? '' }
}

function readInput(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (thrown) {
    throw new CommandError(
      exitCodes.notFound,
      `cannot read ${file}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    )
  }
}
