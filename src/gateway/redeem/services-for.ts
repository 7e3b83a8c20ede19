import type { GenuineToken } from '../../l402/token.ts'
import type { Gateway } from '../gateway.ts'
import type { StoredRequest } from './stored-request.ts'

/** As for a request that came by itself: the service as it was sold, and today's of that name where it leads there. */
export function servicesFor(
  gateway: Pick<Gateway, 'catalog' | 'revisions'>,
  { terms }: GenuineToken,
  { target, method }: StoredRequest,
) {
  const today = gateway.catalog().match(method, target)
  return {
    sold: gateway.revisions.resolve(terms.rev),
    today: today.kind === 'service' && today.service.name === terms.service ? today.service : undefined,
  }
}
