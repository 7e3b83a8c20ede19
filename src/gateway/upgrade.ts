import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ErrorCode, errorCatalogue, GatewayError } from '../errors.ts'
import type { Gateway } from './gateway.ts'
import { clientAddress } from './limits/client-address.ts'
import { limitRequests } from './limits/client-limits.ts'
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
  gateway.upstream.upgrade(incoming, socket, head, {
    upstream: service.config.upstream,
    path: target.query === '' ? path : `${path}?${target.query}`,
    client: clientFacts(incoming, target, address),
    requestId,
    refuse: () => refuseUpgrade(socket, 'upstream_answer_refused'),
    answerWithinMs: service.config.timeouts.firstByteMs,
  })
}

/** Answers on the socket, which has no response object, and ends it. */
export function refuseUpgrade(socket: Duplex, code: ErrorCode): void {
  const { status } = errorCatalogue[code]
  const body = `${JSON.stringify({ status, code })}\n`
  const head = `HTTP/1.1 ${status} ${code}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
  socket.on('error', () => socket.destroy())
  socket.end(head + body)
}
