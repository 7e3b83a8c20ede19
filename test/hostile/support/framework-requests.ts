import type { Sent } from '../../support/buyer.ts'
import type { Random } from './random.ts'

/** What is asked for: each of these is priced by another part of the request. */
export const kinds = ['speak', 'make', 'form', 'items'] as const
export type Kind = (typeof kinds)[number]

const sane: Readonly<Record<string, readonly string[]>> = {
  text: ['a', 'abcdefghijk', 'é\u{1f600}'],
  steps: ['1', '2', '9'],
  quality: ['low', 'high'],
  _method: ['DELETE', 'PUT', 'delete'],
}
const odd: readonly string[] = [
  '',
  ' 1',
  '1 ',
  '01',
  '1e1',
  '0x10',
  '1.5',
  '٣',
  'HIGH',
  ' high',
  'a\0bbbbb',
  'a&text=bbbbb',
]

const spellings: readonly ((name: string) => string)[] = [
  ...['[]', '[0]', '[a]', ' ', '.', '_', '[', ']', '\0', '=', ';', '[][]', '\u00a0'].map(
    (end) => (name: string) => name + end,
  ),
  ...[' ', '.', '_', '[', ']', '?', '\0', '\ufeff', 'a[', '[['].map((start) => (name: string) => start + name),
  (name) => `[${name}]`,
  (name) => `a[${name}]`,
  (name) => name.toUpperCase(),
  (name) => name.replace('_', ' '),
  (name) => name.replace('_', '.'),
]

const types: readonly string[] = [
  'application/x-www-form-urlencoded',
  'application/x-www-form-urlencoded',
  'application/x-www-form-urlencoded; charset=utf-8',
  'application/x-www-form-urlencoded; charset=IBM037',
  'application/x-www-form-urlencoded; charset=utf-7',
  'application/json',
  'application/json; charset=utf-16',
  'application/vnd.api+json',
  'application/jsonp',
  'text/x-json',
  'text/plain',
  'text/plain; of="/json"',
  'text/plain; charset=utf-7',
  'application/octet-stream',
  'multipart/form-data; boundary=b',
  'multipart/form-data; boundary=b; charset=utf-16',
  'multipart/mixed; boundary=b',
  'multipart/related; boundary=b',
  '',
]

type Field = readonly [name: string, value: string]

/** A request near what a service takes: most of its fields as they should be, and up to two that should not be there. */
export function makeRequest(random: Random, kind: Kind): Sent {
  const own = kind === 'speak' ? ['text'] : kind === 'items' ? [] : ['steps', 'quality']
  const query = kind === 'speak' ? fieldsOf(random, own) : random.below(4) === 0 ? fieldsOf(random, []) : []
  const path = `/${kind === 'items' ? 'items/1' : kind}${query.length > 0 ? `?${urlencoded(random, query)}` : ''}`
  const isRead = kind === 'make' || kind === 'form'
  if (!isRead && random.below(4) === 0) return { method: 'POST', path, headers: typed(random.of(types)) }
  const usual = kind === 'make' ? 'application/json' : 'multipart/form-data; boundary=b'
  const type = isRead && random.below(8) > 0 ? usual : random.of(types)
  const fields = fieldsOf(random, isRead ? own : random.of([['other'], own]))
  return { method: 'POST', path, headers: typed(type), body: Buffer.from(bodyOf(random, type, fields)) }
}

const typed = (type: string): Record<string, string> => (type === '' ? {} : { 'content-type': type })

function fieldsOf(random: Random, own: readonly string[]): Field[] {
  const names = Object.keys(sane)
  const more = Array.from({ length: random.of([0, 0, 1, 1, 2]) }, () => {
    const name = random.of(names)
    return [random.below(3) === 0 ? name : random.of(spellings)(name), valueOf(random, name)] as const
  })
  const fields = [...own.map((name) => [name, valueOf(random, name)] as const), ...more]
  return random.below(3) === 0 ? fields.toReversed() : fields
}

const valueOf = (random: Random, name: string): string =>
  random.below(8) === 0 ? random.of(odd) : random.of(sane[name] ?? ['1'])

function bodyOf(random: Random, type: string, fields: readonly Field[]): string {
  if (type.includes('json')) {
    return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${numberOr(value)}`).join(',')}}`
  }
  if (!type.includes('multipart')) return urlencoded(random, fields)
  const part = ([name, value]: Field) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  return `${fields.map(part).join('')}--b--\r\n`
}

const numberOr = (value: string): string => (/^[1-9]\d*$/.test(value) ? value : JSON.stringify(value))

function urlencoded(random: Random, fields: readonly Field[]): string {
  const everyByte = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const inUtf7 = (text: string) => `+${Buffer.from(text, 'utf16le').swap16().toString('base64').replace(/=+$/, '')}-`
  const asUsual = (text: string) => encodeURIComponent(text).replaceAll('%20', '+')
  const write = () => random.of([asUsual, asUsual, asUsual, asUsual, everyByte, inUtf7])
  return fields.map(([name, value]) => `${write()(name)}=${write()(value)}`).join(random.of(['&', '&', '&', '&', ';']))
}
