import { z } from 'zod'
import type { ConfigPath } from './problem.ts'

/**
 * The scalars of the configuration file: each reads what an operator writes and yields one number or record, with the
 * unit in its name, and says in its error what to write instead.
 */

const durationUnitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const sizeUnitBytes: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
}

/** `90s`, `6m`, `1h30m` → milliseconds, above 0. */
export const durationMs = z
  .string({ error: 'write a time with a unit, such as `60s`, `10m` or `24h`' })
  .meta({ title: 'time', pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d) *)+$|\\$\\{', examples: ['60s', '10m', '24h'] })
  .transform((text, context) => {
    const ms = parseDurationMs(text)
    if (Number.isNaN(ms)) {
      context.addIssue(`\`${text}\` is not a time; write a number with a unit, such as \`60s\`, \`10m\` or \`24h\``)
      return z.NEVER
    }
    return ms
  })

/** Timers hold no more, and go off at once when they are given more. */
const longestWaitMs = 2 ** 31 - 1

/** The same for what is waited for: at most 24 days. */
export const waitMs = durationMs.refine(
  (ms) => ms <= longestWaitMs,
  'is longer than can be waited for; write at most `24d`',
)

/** @returns NaN for what is no time of at least 1 ms */
export function parseDurationMs(text: string): number {
  const parts = [...text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)/g)]
  const whole = parts.map(([part]) => part).join('')
  const ms = parts.reduce(
    (sum, [, count = '', unit = '']) => sum + Number(count) * (durationUnitMs[unit] ?? Number.NaN),
    0,
  )
  return whole !== text.replaceAll(' ', '') || !(ms >= 1) || ms > 2 ** 42 ? Number.NaN : Math.round(ms)
}

/** `16MiB`, `500kB`, `1048576` → bytes, above 0. */
export const sizeBytes = z
  .union([z.string(), z.number()], { error: 'write bytes or a size with a unit, such as `64KiB` or `16MiB`' })
  .meta({ title: 'size', examples: ['64KiB', '16MiB', 1048576] })
  .transform((written, context) => {
    const bytes = parseSizeBytes(String(written))
    if (Number.isNaN(bytes)) {
      context.addIssue(
        `\`${written}\` is not a size; write bytes or a number with a unit, such as \`64KiB\` or \`16MiB\``,
      )
      return z.NEVER
    }
    return bytes
  })

/** @returns NaN for what is no size of at least a byte */
export function parseSizeBytes(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([kmg]?i?b)?$/i.exec(text)
  const bytes = match ? Number(match[1]) * (sizeUnitBytes[(match[2] ?? 'b').toLowerCase()] ?? Number.NaN) : Number.NaN
  return Number.isSafeInteger(bytes) && bytes >= 1 ? bytes : Number.NaN
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:8402`, `[::1]:8402`, `0.0.0.0:0` → host and port. */
export const listenAddress = z
  .string({ error: 'write host and port, such as `127.0.0.1:8402`' })
  .meta({ title: 'address', examples: ['127.0.0.1:8402', '[::1]:8402'] })
  .transform((text, context): ListenAddress => {
    const address = parseListenAddress(text)
    if (address) return address
    context.addIssue(`\`${text}\` is not an address to listen on; write host and port, such as \`127.0.0.1:8402\``)
    return z.NEVER
  })

export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):([0-9]{1,5})$/i.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host !== undefined && port <= 65535 ? { host, port } : undefined
}

/** True for an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.[0-9]{1,3}){3}$/.test(host)
}

/** A service or upstream name: it stands in caveats, metrics and the ledger. */
export const slug = z
  .string({ error: 'write a name of `a-z`, `0-9` and `-`; a number needs quotes' })
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/,
    'must be 1 to 40 characters of `a-z`, `0-9` and `-`, with no `-` at either end',
  )
  .meta({ title: 'name' })

/** An absolute http or https URL without user, query or fragment. */
export const httpUrl = z
  .string({ error: 'write a URL, such as `http://127.0.0.1:9000`' })
  .meta({ title: 'URL' })
  .superRefine((text, context) => {
    const problem = httpUrlProblem(text)
    if (problem) context.addIssue(problem)
  })

function httpUrlProblem(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text)) return `\`${text}\` is not a URL; begin with \`http://\` or \`https://\``
  if (!URL.canParse(text)) return `\`${text}\` is not a URL; write for example \`http://127.0.0.1:9000\``
  const url = new URL(text)
  if (url.username !== '' || url.password !== '')
    return 'may have no user and password in it; put credentials into `headers`'
  if (text.includes('?') || text.includes('#'))
    return 'may have no query or fragment; the query of the request is passed on'
  return undefined
}

export type FileKind = 'structured' | 'text' | 'bytes'

/**
 * The values that may instead be given as the name of a file, `x_file`: `structured` files are parsed as JSON or YAML,
 * `text` files have their last line break removed, `bytes` are text or, where they are not, become hex digits. The
 * loader puts the content under `x` before validation. Every header may be given this way too.
 */
const fileKinds: ReadonlyMap<string, FileKind> = new Map<string, FileKind>([
  ['schema', 'structured'],
  ['query', 'structured'],
  ['table', 'structured'],
  ['aliases', 'structured'],
  ['body', 'structured'],
  ['allowlist', 'structured'],
  ['blocklist', 'structured'],
  ['token', 'text'],
  ['ca', 'text'],
  ['tls_cert', 'text'],
  ['password', 'text'],
  ['rune', 'text'],
  ['uri', 'text'],
  ['key', 'text'],
  ['macaroon', 'bytes'],
])

/** How the file that `x_file` names is read; undefined where `path` is not that of such a key. */
export function fileKindAt(path: ConfigPath): FileKind | undefined {
  const key = String(path.at(-1))
  if (!key.endsWith('_file')) return undefined
  // Our own certificate is read from its files again and again.
  if (path.length === 2 && path[0] === 'tls') return undefined
  return path.at(-2) === 'headers' ? 'text' : fileKinds.get(key.slice(0, -'_file'.length))
}

const foreignKeys: ReadonlySet<unknown> = new Set(['schema', 'query', 'body', 'form', 'table', 'aliases'])
/** Sections whose keys are names that an operator chooses. */
const namingKeys: ReadonlySet<unknown> = new Set(['upstreams', 'headers'])

/** Whether a value is somebody else's language: nothing in it is a file name or a `${NAME}` of ours. */
export const isForeign = (path: ConfigPath): boolean => foreignKeys.has(path.at(-1)) && !namingKeys.has(path.at(-2))

export const filePath = z
  .string()
  .min(1)
  .meta({ title: 'file name', description: 'Name of a file to read it from, relative to this one' })
