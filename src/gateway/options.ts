import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { Gateway } from './gateway.ts'
import type { Target } from './request/target.ts'
import { commonHeaders } from './respond.ts'
import type { RequestScope } from './scope.ts'

const probeMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
const preflightSeconds = '600'

/**
 * OPTIONS is answered here and never reaches an upstream: browsers ask it before they send a credential, and it must
 * not cost anything.
 * @throws GatewayError `not_found`
 */
export function answerOptions(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  target: Target,
): void {
  const catalog = gateway.catalog()
  const allowed = probeMethods.filter((method) => catalog.match(method, target).kind === 'service')
  if (allowed.length === 0) throw new GatewayError('not_found')
  const methods = [...allowed, 'OPTIONS'].join(', ')
  outgoing.writeHead(204, {
    allow: methods,
    'access-control-allow-methods': methods,
    'access-control-allow-headers':
      incoming.headers['access-control-request-headers'] ?? 'Authorization, Content-Type, L402-New, Prefer',
    'access-control-max-age': preflightSeconds,
    vary: 'Access-Control-Request-Headers',
    ...commonHeaders(scope, undefined),
  })
  outgoing.end()
}
