import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import {
  type ErrorCode,
  errorCatalogue,
  GatewayError,
  type MoneyAction,
  type MoneyStatus,
  type RequestIssue,
} from '../errors.ts'
import { LedgerError } from '../ports/ledger.ts'
import type { Gateway, GatewaySettings } from './gateway.ts'
import type { RequestScope } from './scope.ts'

/** The only place where answers of our own are built. */

/** Browsers' clients may read these. */
const exposedHeaders =
  'WWW-Authenticate, L402-Payment, Idempotent-Replayed, Location, Preference-Applied, Accept-Ranges, Content-Range, ETag, Retry-After, Server-Timing, X-Request-Id, Link'

export const corsHeaders: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': exposedHeaders,
}

/** Of answers that we wrote ourselves: nothing in them is a page, a script or a thing to guess the kind of. */
export const ownHeaders: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
}

/** Headers that every answer of the gateway carries. Call it last: it notes our share of the time. */
export function commonHeaders(scope: RequestScope, money: MoneyStatus | undefined): Record<string, string> {
  scope.money = money
  return {
    ...corsHeaders,
    'x-request-id': scope.id,
    'server-timing': `turnpike;dur=${scope.ownMs().toFixed(2)}`,
    ...(money !== undefined && { 'l402-payment': money }),
  }
}

export interface MoneyWord {
  readonly status: MoneyStatus
  readonly action: MoneyAction
}

/** What an error says about the money: without a genuine token there is none to speak of. */
export function moneyOf(error: GatewayError, scope: RequestScope): MoneyWord {
  const { money: status, action } = error
  if (status === 'required' || scope.aboutPayment)
    return { status: scope.aboutPayment && status === 'not-charged' ? 'unspent' : status, action }
  return { status: 'not-charged', action: 'none' }
}

/** Folds whatever was thrown into the answer it stands for. */
export function problemOf(thrown: unknown): GatewayError {
  if (thrown instanceof LedgerError) {
    return new GatewayError('ledger_unavailable', undefined, { retryAfterMs: 5_000, cause: thrown })
  }
  return GatewayError.from(thrown)
}

/** Answers with a problem (RFC 9457). Texts are ours; a 500 says nothing but its code and the request id. */
export function sendProblem(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  { settings, use }: Pick<Gateway, 'settings' | 'use'>,
  error: GatewayError,
): void {
  const { code, status, options } = error
  scope.code = code
  const money = scope.priced ? moneyOf(error, scope) : undefined
  const retryAfter =
    options.retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(options.retryAfterMs / 1000))
  const body = {
    ...problemHead(settings, code, scope.id),
    ...(status !== 500 && error.message !== errorCatalogue[code].title && { detail: sentence(brief(error.message)) }),
    ...(options.issues && { issues: options.issues.map(briefly) }),
    ...(money && { payment: { ...money, ...(options.reference !== undefined && { reference: options.reference }) } }),
    ...(money?.status === 'refundable' && settings.contact !== undefined && { contact: settings.contact }),
    ...(retryAfter !== undefined && { retryAfterSeconds: retryAfter }),
  }
  const text = `${JSON.stringify(body)}\n`
  writeHead(incoming, outgoing, status, {
    ...options.headers,
    'content-type': problemType(incoming),
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...ownHeaders,
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    ...commonHeaders(scope, money?.status),
  })
  const isPaid = scope.aboutPayment && code !== 'rate_limited'
  endUnread(
    incoming,
    outgoing,
    incoming.method === 'HEAD' ? undefined : text,
    () => isPaid || mayDiscard(use, incoming),
  )
}

/** What a client wrote may stand in it, and is not sent back at any length. */
const brief = (text: string): string => (text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters)}…`)
const mostCharacters = 500

const briefly = ({ path, message, ...rest }: RequestIssue): RequestIssue => ({
  path: brief(path),
  message: brief(message),
  ...rest,
})

/** A client that is sending still has this long to notice an answer. */
const lingerMs = 1_000

/** What is thrown away so takes time from those who are served. */
const discardRate = { amount: 16 * 2 ** 20, perMs: 4_000 }
const unknownBytes = 2 ** 20

/** Whether the rest of a refused body may be read, so that a client which sends all of it first sees why. */
function mayDiscard({ discarded }: Gateway['use'], { headers }: IncomingMessage): boolean {
  return discarded.take('', Number(headers['content-length'] ?? unknownBytes), discardRate) === 0
}

/**
 * Ends an answer whose request may not have been read whole. To close a connection with unread bytes on it would break
 * it off, and the client might never see the answer; so what comes is thrown away for a moment first, or left unread for
 * that moment.
 */
function endUnread(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  text: string | undefined,
  mayDiscardRest: () => boolean,
): void {
  if (text === undefined || !isComing(incoming)) {
    outgoing.end(text)
    return
  }
  outgoing.write(text)
  const end = (): void => {
    clearTimeout(timer)
    outgoing.end()
  }
  const timer = setTimeout(end, lingerMs)
  incoming.once('end', end).once('close', end)
  if (mayDiscardRest()) incoming.resume()
}

/** Whether more of the body may come. */
const isComing = ({ headers, complete }: IncomingMessage): boolean =>
  !complete && ((headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined)

export function problemHead(settings: GatewaySettings, code: ErrorCode, requestId: string) {
  const { title, status } = errorCatalogue[code]
  return {
    type: `${settings.publicUrl ?? ''}${settings.sitePrefix}/problems/${code}`,
    title,
    status,
    instance: requestId,
    code,
  }
}

/** `application/json` for everyone who does not ask for the other name of it. */
export function problemType(incoming: IncomingMessage): string {
  return incoming.headers.accept?.includes('application/problem+json') ? 'application/problem+json' : 'application/json'
}

/** An unread body would have to be thrown away before the connection could be used again. */
export function writeHead(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
): void {
  outgoing.writeHead(status, isComing(incoming) ? { ...headers, connection: 'close' } : headers)
}

const sentence = (text: string): string =>
  text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.')
