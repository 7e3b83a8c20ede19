import type { ServerResponse } from 'node:http'
import type { GatewayError } from '../../errors.ts'
import type { Gateway } from '../gateway.ts'
import type { RequestScope } from '../scope.ts'
import { isOwnMachine } from './client-address.ts'

const delayMs = 250
/** More are answered at once: to wait must cost us less than to answer. */
const maxWaiting = 2_000

/**
 * Lets who has not paid and is refused for asking too much wait for that answer, so that a client which asks again at
 * once asks four times a second, and not a thousand times.
 */
export async function delayRefusal(
  { use }: Gateway,
  outgoing: ServerResponse,
  scope: RequestScope,
  { code }: GatewayError,
): Promise<void> {
  if (code !== 'rate_limited' && code !== 'wallet_unavailable') return
  if (scope.aboutPayment || isOwnMachine(scope.clientAddress) || use.waitingRefusals >= maxWaiting) return
  use.waitingRefusals++
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, delayMs)
  outgoing.once('close', resolve)
  await scope.wait(promise)
  clearTimeout(timer)
  outgoing.off('close', resolve)
  use.waitingRefusals--
}
