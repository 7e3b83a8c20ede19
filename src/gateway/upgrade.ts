import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { GatewayError } from '../errors.ts'
import type { Gateway } from './gateway.ts'
import { clientAddress } from './limits/client-address.ts'
import { enterWebSocket, limitRequests } from './limits/client-limits.ts'
import { clientFacts, headerLines } from './request/headers.ts'
import { readTarget } from './request/target.ts'

/**
 * A WebSocket handshake: passed on where a free route says so.
 * @throws GatewayError otherwise; the caller answers on the socket
 */
export function handleUpgrade(
  gateway: Gateway,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  requestId: string,
): void {
  const { clients, isOwnHost } = gateway.settings
  const address = clientAddress(incoming, clients.addresses)
  if (!clients.admits(address)) throw new GatewayError('client_refused')
  const target = readTarget(incoming.url ?? '', headerLines(incoming, 'host'), isOwnHost)
  const match = gateway.catalog().match('GET', target)
  if (match.kind === 'none') throw new GatewayError('not_found')
  if (match.kind === 'wrong_method' || !match.service.config.websocket || match.service.contract.price !== 'free') {
    throw new GatewayError('bad_header', 'no WebSocket is offered at this path; send the request without Upgrade')
  }
  const { service, params } = match
  limitRequests(gateway, { clientAddress: address }, service, undefined)
  const path = service.upstreamPath(target, params) ?? target.path
  const { firstByteMs, webSocketIdleMs } = service.config.timeouts
  const leave = enterWebSocket(gateway, { clientAddress: address }, service)
  gateway.upstream.upgrade(incoming, socket, head, {
    upstream: service.config.upstream,
    path: target.query === '' ? path : `${path}?${target.query}`,
    client: clientFacts(incoming, target, address),
    requestId,
    refuse: () => refuseUpgrade(socket, new GatewayError('upstream_answer_refused')),
    answerWithinMs: firstByteMs,
    idleMs: webSocketIdleMs,
    closed: leave,
  })
}

/** For the answer to reach its client. */
const goodbyeMs = 2_000

/** Answers on the socket, which has no response object, and ends it, whatever its client does. */
export function refuseUpgrade(socket: Duplex, { code, status, options }: GatewayError): void {
  const body = `${JSON.stringify({ status, code })}\n`
  const retryMs = options.retryAfterMs
  const retry = retryMs === undefined ? '' : `Retry-After: ${Math.ceil(retryMs / 1000)}\r\n`
  const head = `HTTP/1.1 ${status} ${code}\r\nConnection: close\r\nContent-Type: application/json\r\n${retry}Content-Length: ${body.length}\r\n\r\n`
  socket.on('error', () => socket.destroy())
  socket.end(head + body)
  // What a client sends on and nobody reads would hide that it has left, and one that does not leave kept its place.
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), goodbyeMs)
  socket.once('close', () => clearTimeout(timer))
}
