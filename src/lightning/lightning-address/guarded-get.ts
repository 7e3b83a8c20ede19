import { lookup as systemLookup } from 'node:dns/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { WalletError } from '../../ports/wallet.ts'
import { isLoopbackAddress, isPublicAddress } from '../../public-address.ts'
import { transportError } from '../http/transport-error.ts'
import type { WalletReply } from '../http/wallet-http.ts'

/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly string[]>

export interface GuardedGetOptions {
  readonly service: string
  /** For tests and development only: addresses of this machine too, and `http` to them. */
  readonly allowLoopback: boolean
  readonly resolve?: Resolve | undefined
}

const maxReplyBytes = 64 * 1024
const certificateTrouble = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/

/**
 * A GET to a URL that somebody else chose: https only, no redirects, at most 64 KiB, and only to the public internet.
 * The name is resolved once, every address it has must be public, and the connection goes to one of exactly those, so
 * that nobody reaches the machines next to the gateway through it.
 * @throws WalletError `rejected` for a URL that may not be called, `unavailable`, `timeout`, `protocol`
 */
export async function guardedGet(url: URL, options: GuardedGetOptions, signal: AbortSignal): Promise<WalletReply> {
  checkUrl(url, options)
  const endpoint = { service: options.service, host: url.host, secure: url.protocol === 'https:' }
  const addresses = await resolveChecked(url, options, signal)
  const headers = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'turnpike' }
  // A connection of its own for every call: none is left when the wallet is closed.
  const call = { method: 'GET', headers, signal, agent: false, lookup: pinned(addresses) } as const
  const answer = Promise.withResolvers<IncomingMessage>()
  try {
    const request = (endpoint.secure ? requestHttps : requestHttp)(url, call, answer.resolve)
    request.on('error', answer.reject)
    request.end()
    return await readReply(await answer.promise, endpoint)
  } catch (thrown) {
    throw certificateError(thrown, endpoint.host, options.service) ?? transportError(endpoint, thrown, signal)
  }
}

/** @throws WalletError `rejected` */
export function checkUrl(url: URL, { service, allowLoopback }: GuardedGetOptions): void {
  const isAllowed = url.protocol === 'https:' || (allowLoopback && url.protocol === 'http:')
  if (!isAllowed || url.username !== '' || url.password !== '') {
    throw new WalletError(
      'rejected',
      `${service} names a URL at ${url.host} that is not plain https; use another address.`,
    )
  }
}

async function resolveChecked(url: URL, options: GuardedGetOptions, signal: AbortSignal): Promise<readonly string[]> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const resolve = options.resolve ?? resolveBySystem
  const addresses = isIP(host) === 0 ? await untilAborted(resolve(host), url.host, options.service, signal) : [host]
  const mayCall = (address: string) =>
    (url.protocol === 'https:' && isPublicAddress(address)) || (options.allowLoopback && isLoopbackAddress(address))
  if (addresses.length === 0 || !addresses.every(mayCall)) {
    throw new WalletError(
      'rejected',
      `${options.service} leads to ${url.host}, which is not on the public internet; use another address.`,
    )
  }
  return addresses
}

async function resolveBySystem(host: string): Promise<readonly string[]> {
  const found = await systemLookup(host, { all: true })
  return found.map(({ address }) => address)
}

/** The name is not looked up a second time: its owner could give another answer. */
function pinned(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, options, done) => {
    const [first] = entries
    if (options.all || !first) done(null, entries)
    else done(null, first.address, first.family)
  }
}

async function readReply(
  answer: IncomingMessage,
  { service, host }: { readonly service: string; readonly host: string },
): Promise<WalletReply> {
  const status = answer.statusCode ?? 0
  if (status >= 300 && status < 400) {
    answer.destroy()
    throw new WalletError('protocol', `${service} at ${host} answered with a redirect, which is not followed.`)
  }
  const chunks: Uint8Array[] = []
  let length = 0
  // Leaving the loop early destroys the answer, and its connection with it.
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > maxReplyBytes) {
      throw new WalletError('protocol', `${service} at ${host} answered with more than ${maxReplyBytes} bytes.`)
    }
    chunks.push(chunk)
  }
  return { status, retryAfter: answer.headers['retry-after'], text: Buffer.concat(chunks, length).toString('utf8') }
}

async function untilAborted<T>(promise: Promise<T>, host: string, service: string, signal: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>()
  const onAbort = () => late.reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, late.promise])
  } catch (thrown) {
    throw transportError({ service, host, secure: true }, thrown, signal)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function certificateError(thrown: unknown, host: string, service: string): WalletError | undefined {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  if (!certificateTrouble.test(code)) return undefined
  return new WalletError(
    'rejected',
    `${service} at ${host} has no certificate that this machine trusts; ask its provider, or use another address.`,
  )
}
