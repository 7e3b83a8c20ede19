import type { Service } from '../catalog/service.ts'
import { GatewayError } from '../errors.ts'
import type { GuardRefusal } from '../ports/guard.ts'
import type { Gateway } from './gateway.ts'

/** A disk is cleared by somebody, not by waiting a little. */
const diskRetryAfterMs = 30_000

/**
 * Nothing is sold that could not be delivered. Asked after the request was found good, right before its invoice.
 * @throws GatewayError `upstream_down`, `upstream_busy`, `disk_short`
 */
export async function mustBeDeliverable({ guard, room }: Gateway, { config }: Service): Promise<void> {
  const refusal = guard.refusesSale(config.upstream)
  if (refusal) throw guardError(refusal)
  if (!(await room.has(config.result.maxBytes))) throw diskShort()
}

/** As an answer; a payment that came with the request stays as it was. */
export const guardError = ({ kind, retryAfterMs }: GuardRefusal): GatewayError =>
  new GatewayError(kind === 'down' ? 'upstream_down' : 'upstream_busy', undefined, { retryAfterMs })

export const diskShort = (): GatewayError =>
  new GatewayError('disk_short', undefined, { retryAfterMs: diskRetryAfterMs })
