import type { ServerResponse } from 'node:http'
import type { Service } from '../../catalog/service.ts'
import type { Gateway } from '../gateway.ts'
import { refuse } from './client-limits.ts'
import { type BodyAllowance, freeBytes } from './unpaid-body.ts'

/** A client that lost its connection sends the same again before the first is known to be gone. */
const bodiesAtOnce = 4
const crowdedRetryMs = 2_000

/**
 * The allowance of a request that belongs to a payment. Its bytes were paid for, but what one payment holds of our
 * memory is bounded all the same: a token, spent ones too, can be sent on any number of connections.
 * @param maxBytes the largest body that it may bring
 */
export function paidBody(
  gateway: Gateway,
  outgoing: ServerResponse,
  service: Service,
  { paymentHash }: { readonly paymentHash: string },
  maxBytes: number,
): BodyAllowance {
  const { paidBytes } = gateway.use
  let received = 0
  let held = 0
  const add = (more: number): void => {
    const total = (paidBytes.get(paymentHash) ?? 0) + more
    if (total > 0) paidBytes.set(paymentHash, total)
    else paidBytes.delete(paymentHash)
    held += more
  }
  const dropped = (): void => {
    if (held > 0) add(-held)
  }
  const hold = (bytes: number): void => {
    const more = bytes - freeBytes - held
    if (more <= 0) return
    if ((paidBytes.get(paymentHash) ?? 0) + more > bodiesAtOnce * maxBytes)
      refuse(gateway, 'paid_bytes_at_once', service, crowdedRetryMs)
    if (held === 0) outgoing.once('close', dropped)
    add(more)
  }
  return {
    declared: hold,
    received(bytes) {
      received += bytes
      hold(received)
    },
    dropped,
  }
}
