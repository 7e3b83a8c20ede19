import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Service } from '../catalog/service.ts'
import { GatewayError } from '../errors.ts'
import type { ClientFacts, UpstreamEnd, UpstreamHead } from '../ports/upstream.ts'
import { drained } from './back-pressure.ts'
import type { Gateway } from './gateway.ts'
import { couldNotConnect } from './redeem/call-health.ts'
import { readFraming } from './request/framing.ts'
import { refuseInQuery } from './request/misplaced.ts'
import type { Target } from './request/target.ts'
import { commonHeaders, writeHead } from './respond.ts'
import type { RequestScope } from './scope.ts'

/**
 * Passes a request of a free route straight through, both ways as a stream. The call ends with the client.
 * @throws GatewayError `bad_body`, `invalid_request`; when the upstream gave no answer, or asked for payment itself
 */
export async function forwardFree(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  route: { service: Service; params: ReadonlyMap<string, string>; target: Target; client: ClientFacts },
): Promise<void> {
  const { service, params, target, client } = route
  const { config } = service
  const left = new AbortController()
  const onClose = () => left.abort()
  outgoing.once('close', onClose)
  const path = service.upstreamPath(target, params) ?? target.path
  const hasBody = readFraming(incoming).kind !== 'none'
  // Few servers expect one there, and what a server leaves unread it may take for the next request.
  if (hasBody && (incoming.method === 'GET' || incoming.method === 'HEAD')) {
    throw new GatewayError('bad_body', `a ${incoming.method} request takes no body`)
  }
  if (incoming.method === 'POST') refuseInQuery(service.contract, target.query)
  let head: UpstreamHead | undefined
  let asksForPayment = false
  const begun = gateway.clock.monotonicMs()
  const waiting = gateway.upstream.exchange(
    {
      upstream: config.upstream,
      path: target.query === '' ? path : `${path}?${target.query}`,
      method: incoming.method ?? 'GET',
      client,
      free: true,
      requestId: scope.id,
      idempotencyKey: undefined,
      contentType: undefined,
      body: hasBody ? incoming : null,
      timeouts: config.timeouts,
    },
    {
      head: (received) => {
        // Agents pay whatever a 402 asks for, and this one is not ours.
        asksForPayment = received.status === 402
        if (asksForPayment) return left.abort()
        head = received
        sendHead(incoming, outgoing, scope, received, scope.ownMs() - (gateway.clock.monotonicMs() - begun))
      },
      data: (chunk) => (outgoing.write(chunk) ? undefined : drained(outgoing)),
    },
    left.signal,
  )
  const end = await waiting
  outgoing.off('close', onClose)
  if (asksForPayment) throw new GatewayError('upstream_answer_refused')
  if (end.kind === 'complete') {
    outgoing.end()
    return
  }
  // All that a free call tells of its upstream: anybody may make one, so what a client could bring about must not stop
  // the sale; and that it is answered does not prove that what is sold can be made.
  if (couldNotConnect(end)) gateway.guard.unreachable(config.upstream)
  if (head) outgoing.destroy()
  else if (!left.signal.aborted) throw noAnswer(end)
}

function sendHead(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  head: UpstreamHead,
  ownMs: number,
): void {
  const common = commonHeaders(scope, undefined)
  common['server-timing'] = `turnpike;dur=${Math.max(0, ownMs).toFixed(2)}`
  const flat: string[] = [...head.headers]
  for (const [name, value] of Object.entries(common)) flat.push(name, value)
  if (incoming.complete) outgoing.writeHead(head.status, flat)
  else writeHead(incoming, outgoing, head.status, grouped(flat))
}

function grouped(flat: readonly string[]): Record<string, string[]> {
  const groups: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = (flat[at] ?? '').toLowerCase()
    const group = groups[name] ?? []
    group.push(flat[at + 1] ?? '')
    groups[name] = group
  }
  return groups
}

function noAnswer(end: Extract<UpstreamEnd, { kind: 'fault' }>): GatewayError {
  const timedOut = end.fault.endsWith('_timeout') && end.fault !== 'connect_timeout'
  return new GatewayError(timedOut ? 'upstream_timeout' : 'upstream_unreachable', undefined, { cause: end.cause })
}
