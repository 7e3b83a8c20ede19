import { BlockList, isIP } from 'node:net'
import type { Ajv2020 } from 'ajv/dist/2020.js'
import { foldCase } from '../pricing/look-alike.ts'

/**
 * Rules that JSON Schema cannot say well, as keywords for request schemas:
 *
 * - `publicUrl: true`: an http or https URL of a public host. Loopback, private, link-local and other special
 *   addresses in any spelling are refused, and names that cannot be public.
 * - `dataUri: { mediaTypes: [...], maxBytes: n }`: a base64 data URI of one of the media types, whose decoded content
 *   has at most `maxBytes` bytes.
 *
 * `uniqueItems` is ours too: the compiler's own compares every item with every other, and cannot compare objects that
 * have no prototype.
 */
export function addKeywords(ajv: Ajv2020): void {
  ajv.addKeyword({
    keyword: 'publicUrl',
    type: 'string',
    schemaType: 'boolean',
    errors: false,
    validate: (wanted: boolean, value: string) => !wanted || isPublicUrl(value),
    error: { message: 'must be a public http or https URL' },
  })
  ajv.addKeyword({
    keyword: 'dataUri',
    type: 'string',
    schemaType: 'object',
    metaSchema: {
      type: 'object',
      properties: {
        mediaTypes: { type: 'array', items: { type: 'string', pattern: '^[a-z]+/[a-z0-9.+-]+$' }, minItems: 1 },
        maxBytes: { type: 'integer', minimum: 1 },
      },
      required: ['mediaTypes', 'maxBytes'],
      additionalProperties: false,
    },
    errors: false,
    validate: (rule: DataUriRule, value: string) => isDataUri(rule, value),
    error: {
      message: ({ schema }) => {
        const { mediaTypes, maxBytes } = schema as DataUriRule
        return `must be a base64 data URI of ${mediaTypes.join(', ')} with at most ${maxBytes} bytes`
      },
    },
  })
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    errors: false,
    validate: (wanted: boolean, items: readonly unknown[]) =>
      !wanted || new Set(items.map(sameText)).size === items.length,
    error: { message: 'must NOT have duplicate items' },
  })
  ajv.addKeyword({
    keyword: knownNamesKeyword,
    type: 'object',
    schemaType: 'array',
    errors: false,
    validate: (names: readonly string[], value: object) => caseVariants(names, value).length === 0,
    error: { message: 'has a field that differs from a known one only by case' },
  })
  ajv.addKeyword({
    keyword: closedKeyword,
    type: 'object',
    schemaType: 'array',
    errors: false,
    validate: (names: readonly string[], value: object) => inheritedNames(names, value).length === 0,
    error: { message: 'has a field that is not one of this service' },
  })
}

/**
 * Stands beside `unevaluatedProperties: false`: ajv looks names up in a plain object there, so that in schemas with
 * conditions `__proto__`, `constructor` and whatever else every object inherits would pass as known.
 */
export const closedKeyword = 'x-turnpike-closed'

/** Keys of `value` that every object inherits and the schema does not name. */
export const inheritedNames = (names: readonly string[], value: object): string[] =>
  Object.keys(value).filter((key) => key in Object.prototype && !names.includes(key))

/** Set on every object schema at load: the names it knows, so that no key may be another case of one of them. */
export const knownNamesKeyword = 'x-turnpike-known-names'

/** Keys of `value` that are a known name in another case. */
export function caseVariants(names: readonly string[], value: object): string[] {
  const known = new Set(names)
  const folded = new Set(names.map(foldCase))
  return Object.keys(value).filter((key) => !known.has(key) && folded.has(foldCase(key)))
}

/** The same text for values that are equal, whatever the order of their keys. */
const sameText = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )

interface DataUriRule {
  readonly mediaTypes: readonly string[]
  readonly maxBytes: number
}

const dataUriHead = /^data:([a-z]+\/[a-z0-9.+-]+)(?:;[a-z0-9-]+=[a-z0-9._-]+)*;base64,/i
const base64Text = /^[A-Za-z0-9+/]*={0,2}$/

function isDataUri(rule: DataUriRule, value: string): boolean {
  const head = dataUriHead.exec(value.slice(0, 256))
  if (!head || !rule.mediaTypes.includes((head[1] ?? '').toLowerCase())) return false
  const data = value.slice(head[0].length)
  if (data.length === 0 || data.length % 4 !== 0 || !base64Text.test(data)) return false
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0
  return (data.length / 4) * 3 - padding <= rule.maxBytes
}

// One list a family: to Node a rule for mapped IPv6 addresses is a rule for every IPv4 address.
const special4 = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  special4.addSubnet(net, prefix, 'ipv4')
}
// Public addresses lie in 2000::/3, without these.
const special6 = new BlockList()
for (const [net, prefix] of [
  ['::', 3],
  ['4000::', 2],
  ['8000::', 1],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  special6.addSubnet(net, prefix, 'ipv6')
}

function isPublicUrl(value: string): boolean {
  // Readers of URLs disagree on what lies outside printable ASCII, on backslashes and on several at-signs.
  if (!/^https?:\/\/[^/?#][\x21-\x7e]*$/i.test(value) || value.includes('\\') || !URL.canParse(value)) return false
  const { hostname, username, password } = new URL(value)
  if (username !== '' || password !== '' || value.split(/[/?#]/, 3)[2]?.includes('@')) return false
  if (hostname.startsWith('[')) return !special6.check(hostname.slice(1, -1), 'ipv6')
  if (isIP(hostname) === 4) return !special4.check(hostname, 'ipv4')
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (!name.includes('.') || name.split('.').includes('')) return false
  return !/\.(?:localhost|local|internal|intranet|lan|home|arpa|onion|test|invalid)$/.test(name)
}
