import { isIP } from 'node:net'
import type { Ajv2020 } from 'ajv/dist/2020.js'
import { foldCase } from '../pricing/look-alike.ts'
import { isPublicAddress } from '../public-address.ts'
import { canonicalJson } from './canonical-json.ts'

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
  // Ajv compares each item with every other one.
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    errors: false,
    validate: (wanted: boolean, items: readonly unknown[]) => !wanted || areUnique(items),
    error: { message: 'must not have the same item twice' },
  })
  ajv.addKeyword({
    keyword: allowedKeyword,
    schemaType: 'array',
    errors: false,
    compile: (allowed: readonly unknown[]) => {
      const texts = new Set(allowed.map(canonicalJson))
      return (value: unknown) => texts.has(canonicalJson(value))
    },
    error: { message: 'is not one of the allowed values' },
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

/** Stands for `const` and `enum` with objects: for ajv an object without a prototype is equal to no other one. */
export const allowedKeyword = 'x-turnpike-allowed'

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

const areUnique = (items: readonly unknown[]): boolean => new Set(items.map(canonicalJson)).size === items.length

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

function isPublicUrl(value: string): boolean {
  // Readers of URLs disagree on what lies outside printable ASCII, on backslashes and on several at-signs.
  if (!/^https?:\/\/[^/?#][\x21-\x7e]*$/i.test(value) || value.includes('\\') || !URL.canParse(value)) return false
  const { hostname, username, password } = new URL(value)
  if (username !== '' || password !== '' || value.split(/[/?#]/, 3)[2]?.includes('@')) return false
  if (hostname.startsWith('[')) return isPublicAddress(hostname.slice(1, -1))
  if (isIP(hostname) === 4) return isPublicAddress(hostname)
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (!name.includes('.') || name.split('.').includes('')) return false
  return !/\.(?:localhost|local|internal|intranet|lan|home|arpa|onion|test|invalid)$/.test(name)
}
