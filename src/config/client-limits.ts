import { z } from 'zod'
import { addressRanges } from './address-range.ts'
import { filePath, parseDurationMs, parseSizeBytes, sizeBytes } from './scalars.ts'

/** The part of the configuration that says who may come, and how often. */

/** A bucket that holds `amount` and is filled again, evenly, within `perMs`. */
export interface Rate {
  readonly amount: number
  readonly perMs: number
}

/** As it was given by the file; `off` is no limit. */
export type RateLimit = Rate | 'off'

/** How often one service may be asked; undefined: no limit. */
export interface RequestLimits {
  readonly perToken: Rate | undefined
  readonly perClient: Rate | undefined
}

export interface ClientLimits {
  readonly challenges: Rate | undefined
  readonly unpaidBytes: Rate | undefined
  readonly unpaidBytesAtOnce: number
  readonly connections: number
  readonly connectionsPerClient: number | undefined
  readonly webSockets: number
  readonly webSocketsPerClient: number | undefined
}

export interface TrustedProxies {
  /** Ranges in canonical text. */
  readonly from: readonly string[]
  readonly hops: number
}

const off = z.literal(['off', false]).transform((): RateLimit => 'off')

const rateOf = (parseAmount: (text: string) => number, title: string, examples: string[]) =>
  z.union(
    [
      off,
      z
        .string()
        .meta({ title, examples })
        .transform((text, context): RateLimit => {
          const [, amount = '', per = ''] = /^([^/]+)\/([^/]+)$/.exec(text) ?? []
          const rate = { amount: parseAmount(amount.trim()), perMs: parseDurationMs(withCount(per.trim())) }
          if (rate.amount >= 1 && rate.perMs >= 1) return rate
          context.addIssue(`\`${text}\` is not a rate; write for example \`${examples.join('` or `')}\``)
          return z.NEVER
        }),
    ],
    { error: `write a rate such as \`${examples[0]}\`, or \`off\`` },
  )

/** `m` is one minute. */
const withCount = (per: string): string => (/^[a-z]/.test(per) ? `1${per}` : per)

const wholeNumber = (text: string): number => (/^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN)
const requestRate = rateOf(wholeNumber, 'rate', ['240/m', '10/s', '1000/1h'])
const byteRate = rateOf(parseSizeBytes, 'bytes in a time', ['256MiB/m', '64MiB/10s'])

export const rateLimits = z
  .strictObject({
    per_token: requestRate.describe('Requests with one token, however often its result is fetched').optional(),
    per_client: requestRate.describe('Requests of one client, paid or not').optional(),
  })
  .describe('How often it may be asked; what is above gets 429 with `Retry-After`, and no token is spent by it')
export type RateLimitsInput = z.output<typeof rateLimits>

const lists = {
  allow: 'Addresses that may come; all others get 403',
  block: 'Addresses that get 403, also where `allowlist` names them',
}

/** For the file and for each service. */
export const accessShape = {
  allowlist: addressRanges.min(1).describe(lists.allow).optional(),
  allowlist_file: filePath.optional(),
  blocklist: addressRanges.describe(lists.block).optional(),
  blocklist_file: filePath.optional(),
}

const countOrOff = (usual: number) =>
  z.union([z.literal(['off', false]).transform(() => 'off' as const), z.int().min(1)], {
    error: `write a number such as \`${usual}\`, or \`off\``,
  })

/** For the file alone. */
export const clientsShape = {
  trusted_proxies: z
    .strictObject({
      from: addressRanges.min(1).describe('Where they connect from; `X-Forwarded-For` is read from nobody else'),
      hops: z
        .int()
        .min(1)
        .max(16)
        .describe('How many of them a request passes: so many entries of `X-Forwarded-For` are theirs'),
    })
    .describe('Proxies in front that say who the client is; without it nobody is believed')
    .optional(),
  ...accessShape,
  limits: z
    .strictObject({
      challenges: requestRate
        .describe('Challenges (402), each with an invoice, for one client; each payment gives it four of them back')
        .prefault('120/5m'),
      unpaid_bytes: byteRate
        .describe('Bodies of one client’s requests without a payment; they are counted before they are read')
        .prefault('256MiB/m'),
      unpaid_bytes_at_once: sizeBytes
        .describe('Bodies without a payment in memory at the same time, of all clients; 64 KiB of each do not count')
        .prefault('512MiB'),
      connections: z
        .int()
        .min(16)
        .max(1_000_000)
        .describe('Connections of all clients at the same time; never more than half of the files that may be open')
        .default(8192),
      connections_per_client: countOrOff(256)
        .describe('Connections of one client at the same time; those of trusted proxies have no such limit')
        .prefault(256),
      websockets: z
        .int()
        .min(1)
        .max(1_000_000)
        .describe('WebSockets of all clients at the same time; never more than half of the connections')
        .default(1024),
      websockets_per_client: countOrOff(64)
        .describe('WebSockets of one client at the same time, also of one behind a trusted proxy')
        .prefault(64),
    })
    .prefault({})
    .describe(
      'What one client may ask for without paying; a client is its /24 (IPv4) or /48 (IPv6), one on this machine has no limit',
    ),
}

export const readRate = (rate: RateLimit | undefined): Rate | undefined => (rate === 'off' ? undefined : rate)

export const readCount = (count: number | 'off'): number | undefined => (count === 'off' ? undefined : count)

/** What a service does not say is the file's. */
export function readRateLimits(own: RateLimitsInput | undefined, shared: RateLimitsInput | undefined): RequestLimits {
  return {
    perToken: readRate(own?.per_token ?? shared?.per_token),
    perClient: readRate(own?.per_client ?? shared?.per_client),
  }
}
