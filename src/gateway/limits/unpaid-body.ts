import type { ServerResponse } from 'node:http'
import type { Service } from '../../catalog/service.ts'
import type { Gateway } from '../gateway.ts'
import type { RequestScope } from '../scope.ts'
import { expectChallenge, limitUnpaidBytes, refuse } from './client-limits.ts'

/** What is asked before bytes of a body are taken. */
export interface BodyAllowance {
  /** The length that the head gives, before anything is read. @throws GatewayError `rate_limited` */
  declared(bytes: number): void
  /** A piece that has come. @throws GatewayError `rate_limited` */
  received(bytes: number): void
  /** What came of it is held no more, since it was refused or broke off. */
  dropped(): void
}

/** So much of each body is not counted as held, so that many large ones never keep out the usual small ones. */
export const freeBytes = 64 * 1024
const crowdedRetryMs = 2_000

/**
 * The allowance of a request that has not paid. To read, hash and judge a body costs us, so it is counted against the
 * client first; and what all such bodies hold of our memory is bounded.
 * @throws GatewayError `rate_limited` where the challenge at its end would be refused
 */
export function unpaidBody(
  gateway: Gateway,
  outgoing: ServerResponse,
  scope: RequestScope,
  service: Service,
): BodyAllowance {
  expectChallenge(gateway, scope, service)
  return countedBody(gateway, outgoing, scope, service)
}

/** The same for a request that gets no challenge at its end. */
export function countedBody(
  gateway: Gateway,
  outgoing: ServerResponse,
  scope: RequestScope,
  service: Service,
): BodyAllowance {
  const { use } = gateway
  let isDeclared = false
  let received = 0
  let held = 0
  const dropped = (): void => {
    use.heldBytes -= held
    held = 0
  }
  return {
    declared(bytes) {
      isDeclared = true
      limitUnpaidBytes(gateway, scope, service, bytes)
    },
    received(bytes) {
      if (!isDeclared) limitUnpaidBytes(gateway, scope, service, bytes)
      received += bytes
      const more = Math.max(0, received - freeBytes) - held
      if (more === 0) return
      if (use.heldBytes + more > gateway.settings.clients.unpaidBytesAtOnce)
        refuse(gateway, 'unpaid_bytes_at_once', service, crowdedRetryMs)
      if (held === 0) outgoing.once('close', dropped)
      held += more
      use.heldBytes += more
    },
    dropped,
  }
}
