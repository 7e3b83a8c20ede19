import type { Random } from './random.ts'

/** What is sold and what is free, side by side; `sold` is what a lenient router must not be led to. */
export const soldPaths = ['/v1/make', '/v1/cheap', '/v1/img/oil', '/v1/models/a/run', '/v1/models@make(it)'] as const

const starts = [
  ...soldPaths,
  '/v1/models/a',
  '/v1/free',
  '/pub/v1/make',
  '/pub/v1/img/oil',
  '/v1',
  '/pub',
  '/',
] as const

const hex = (byte: number, upper: boolean): string => {
  const digits = byte.toString(16).padStart(2, '0')
  return `%${upper ? digits.toUpperCase() : digits}`
}
const encode = (text: string, upper: boolean): string => [...Buffer.from(text)].map((byte) => hex(byte, upper)).join('')

const between = [
  '//',
  '/./',
  '/x/../',
  '/%2e/',
  '/%2E%2E/',
  '/x/%2e%2e/',
  '/..;/',
  '/;/',
  '%2F',
  '%2f',
  '\\',
  '%5C',
  '/%2F',
  '/ /',
  '/x/..%2F',
  '／',
  '%EF%BC%8F',
  '/%20/',
  '\t/',
]
const ends = [
  '/',
  '//',
  '/.',
  '/..',
  '.',
  '..',
  '%20',
  ' ',
  '%2E',
  '%00',
  '\0',
  ';',
  ';v=1',
  '%3B',
  '%09',
  '%0A',
  '\n',
  '\r',
  '#',
  '#x',
  '?',
  '?x=/v1/make',
  '.json',
  '/index.html',
  '%23',
  '%3F',
  '\\',
  '~',
  '*',
  '%C2%A0',
  '%E2%80%A8',
  '::$DATA',
  '+',
]
const heads = [
  '',
  '',
  '',
  '/',
  '.',
  '\\',
  'http://evil.example',
  'http://{host}',
  'HTTP://{host}',
  '//evil.example',
  '/.',
  '/%2e',
  '/v1/..',
  '/pub/..;',
  '/%252e%252e',
  '?',
  '#',
  '*',
  'x',
]
const lookAlikes: Readonly<Record<string, readonly string[]>> = {
  k: ['\u212a', 'ｋ', 'K'],
  s: ['\u017f', 'ｓ'],
  i: ['\u0131', '\u0130', 'ｉ'],
  a: ['á', 'ａ', 'ª', 'а'],
  m: ['ｍ', 'ⅿ'],
  '/': ['⁄', '∕', '／'],
  '1': ['１', '¹'],
}

/** A request target near what is sold: a path of the shop, changed one to four times in ways that routers undo. */
export function makeTarget(random: Random, host: string): string {
  let path: string = random.of(starts)
  const changes = random.below(5)
  for (let change = 0; change < changes; change++) path = mutate(random, path)
  const head = random.below(3) === 0 ? random.of(heads) : ''
  return `${head}${path}`.replace('{host}', host)
}

function mutate(random: Random, path: string): string {
  const at = random.below(path.length)
  const character = path[at] ?? ''
  const replaceWith = (text: string): string => path.slice(0, at) + text + path.slice(at + 1)
  const upper = random.below(2) === 0
  switch (random.below(11)) {
    case 0:
      return replaceWith(character === character.toLowerCase() ? character.toUpperCase() : character.toLowerCase())
    case 1:
      return replaceWith(encode(character, upper))
    case 2:
      return replaceWith(encode(encode(character, upper), upper))
    case 3: {
      const alike = lookAlikes[character.toLowerCase()]
      return alike ? replaceWith(random.of([random.of(alike), encode(random.of(alike), true)])) : path.toUpperCase()
    }
    case 4: {
      const slashes = [...path.matchAll(/\//g)].map(({ index }) => index)
      const slash = slashes.length > 0 ? random.of(slashes) : 0
      return path.slice(0, slash) + random.of(between) + path.slice(slash + 1)
    }
    case 5:
    case 6:
      return path + random.of(ends)
    case 7:
      return `${path.slice(0, at)}${random.of(['%', '%2', '%zz', '%u002f', '%c0%af', '%C0%AE', '%ED%A0%80', '%FF', '\x7f'])}${path.slice(at)}`
    case 8:
      return path.slice(0, at) + path.slice(at + 1)
    case 9:
      return encode(path, upper).replaceAll(/%2[fF]/g, '/')
    default:
      return `${path}${random.of(['/', '/../', '/%2e%2e/'])}${random.of(starts).slice(1)}`
  }
}
