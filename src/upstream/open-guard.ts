import type { Clock } from '../ports/clock.ts'
import type { UpstreamLimits } from '../ports/guard.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { Events } from '../telemetry/events.ts'
import { Guard } from './guard.ts'
import { type CheckedUpstream, HealthChecks } from './health-checks.ts'

interface OfferedCatalog {
  readonly services: readonly { readonly config: { readonly upstream: UpstreamLimits } }[]
}

export interface OpenGuardOptions {
  /** Today's; asked again all the time, so that a reload counts at once. */
  readonly catalog: () => OfferedCatalog
  readonly upstream: Pick<Upstream, 'exchange'>
  readonly clock: Clock
  readonly events: Pick<Events, 'breaker' | 'queued'>
  readonly random: (bytes: number) => Buffer
}

/** The guard of all upstreams, and the checks that feed it. */
export function openGuard({ catalog, upstream, clock, events, random }: OpenGuardOptions) {
  let known: { readonly catalog: OfferedCatalog; readonly upstreams: readonly UpstreamLimits[] } | undefined
  const today = (): readonly UpstreamLimits[] => {
    const current = catalog()
    if (known?.catalog !== current)
      known = { catalog: current, upstreams: current.services.map(({ config }) => config.upstream) }
    return known.upstreams
  }
  const guard = new Guard({
    clock,
    today,
    onBreaker: (name, state, by) => events.breaker(name, state, by),
    onWaited: (name, waitedMs) => events.queued(name, waitedMs),
  })
  const healthChecks = new HealthChecks({
    upstream,
    checked: () => checkedOf(today()),
    onChecked: (name, good) => guard.checked(name, good),
    onStopped: (name) => guard.uncheck(name),
    newRequestId: () => random(16).toString('base64url'),
  })
  return { guard, healthChecks }
}

/** One of each name. */
function checkedOf(upstreams: readonly UpstreamLimits[]): CheckedUpstream[] {
  const checked = new Map<string, CheckedUpstream>()
  for (const { name, origin, ca, health } of upstreams) if (health) checked.set(name, { name, origin, ca, health })
  return [...checked.values()]
}
