import type { z } from 'zod'
import type { Clock } from '../../ports/clock.ts'
import { WalletError } from '../../ports/wallet.ts'
import type { Endpoint } from './transport-error.ts'
import type { WalletReply } from './wallet-http.ts'

export interface ReplyReader {
  readonly endpoint: Endpoint
  readonly clock: Pick<Clock, 'nowMs'>
  /** The fix, after a semicolon: `give the http-password-limited-access of phoenix.conf as password`. */
  readonly whenUnauthorized: string
}

const maxRetryAfterMs = 3_600_000

/**
 * The failure that a status stands for, the same for every wallet: 401 and 403 `unauthorized`, 429 `rate_limited`, 5xx
 * `unavailable`, redirects and the rest of 1xx–4xx `protocol`.
 * @returns undefined for 2xx
 */
export function statusError(reader: ReplyReader, { status, retryAfter }: WalletReply): WalletError | undefined {
  const { service, host } = reader.endpoint
  const retryAfterMs = readRetryAfter(retryAfter, reader.clock)
  const options = retryAfterMs === undefined ? {} : { retryAfterMs }
  if (status >= 200 && status < 300) return undefined
  if (status === 401 || status === 403) {
    return new WalletError(
      'unauthorized',
      `${service} at ${host} refuses the credential (HTTP ${status}); ${reader.whenUnauthorized}.`,
    )
  }
  if (status === 429) return new WalletError('rate_limited', `${service} at ${host} limits the rate of calls.`, options)
  if (status >= 500) {
    return new WalletError('unavailable', `${service} at ${host} answered with HTTP ${status}.`, options)
  }
  return new WalletError(
    'protocol',
    `${service} at ${host} answered with HTTP ${status}; check that its url is that of ${service} itself.`,
  )
}

/**
 * Reads a JSON answer by its schema. What stands in the answer never comes into the message.
 * @throws WalletError `protocol`
 */
export function readJson<Schema extends z.ZodType>(
  { service, host }: Endpoint,
  what: string,
  { text }: WalletReply,
  schema: Schema,
): z.output<Schema> {
  const read = schema.safeParse(parseJson(text))
  if (read.success) return read.data
  const [issue] = read.error.issues
  const at = issue && issue.path.length > 0 ? ` (see ${issue.path.join('.')})` : ''
  throw new WalletError(
    'protocol',
    `${service} at ${host} answered ${what} with something else than its API says${at}.`,
  )
}

/** Undefined for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Seconds or a date (RFC 9110, section 10.2.3); at most an hour is believed. */
function readRetryAfter(text: string | undefined, clock: Pick<Clock, 'nowMs'>): number | undefined {
  if (text === undefined) return undefined
  const ms = /^[0-9]{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - clock.nowMs()
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfterMs)
}
