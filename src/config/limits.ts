import type { BreakerConfig, HealthConfig, ServiceConfig, UpstreamConfig } from './config.ts'
import type { BreakerInput } from './limits-schema.ts'
import type { ConfigPath } from './problem.ts'
import type { TopInput } from './schema.ts'
import type { UpstreamInput } from './service-schema.ts'

/** What an upstream may be asked at once, and when it counts as down. */
type Limits = Pick<UpstreamConfig, 'maxConcurrent' | 'maxQueued' | 'maxQueueWaitMs' | 'breaker' | 'health'>

const defaultBreaker: BreakerConfig = { failures: 5, ratio: 0.5, windowMs: 60_000, cooldownMs: 10_000 }
const defaultMaxQueued = 100
const defaultMaxQueueWaitMs = 60_000

/** The limits that one place in the file gives; what it does not say stays undefined. */
export function readLimits(
  input: Partial<UpstreamInput>,
  headers: Readonly<Record<string, string>>,
  { breaker: shared }: TopInput['defaults'],
): Limits {
  return {
    maxConcurrent: input.max_concurrent,
    maxQueued: input.max_queued,
    maxQueueWaitMs: input.max_queue_wait,
    breaker: input.breaker === undefined ? undefined : readBreaker(input.breaker, shared),
    health: input.health && readHealth(input.health, headers),
  }
}

function readBreaker(input: BreakerInput, shared: BreakerInput | undefined): BreakerConfig | 'off' {
  if (typeof input !== 'object') return 'off'
  const base = shared === undefined ? defaultBreaker : readBreaker(shared, undefined)
  const below = base === 'off' ? defaultBreaker : base
  return {
    failures: input.failures ?? below.failures,
    ratio: input.ratio ?? below.ratio,
    windowMs: input.window ?? below.windowMs,
    cooldownMs: input.cooldown ?? below.cooldownMs,
  }
}

function readHealth(
  { path, every, timeout, expect }: NonNullable<UpstreamInput['health']>,
  headers: Readonly<Record<string, string>>,
): HealthConfig {
  const statuses = typeof expect === 'number' ? [expect] : expect
  return { path, everyMs: every, timeoutMs: timeout, expect: statuses, headers }
}

const limitKeys = {
  maxConcurrent: 'max_concurrent',
  maxQueued: 'max_queued',
  maxQueueWaitMs: 'max_queue_wait',
  breaker: 'breaker',
  health: 'health',
} as const

/**
 * Limits belong to the upstream, and an address that stands in services is one upstream however often it is written:
 * what one of them says holds for all, and two that say different things are a mistake. What nobody says is filled in.
 */
export function shareLimits(
  services: readonly ServiceConfig[],
  { breaker }: TopInput['defaults'],
  onProblem: (path: ConfigPath, message: string) => void,
): ServiceConfig[] {
  const said = new Map<string, Partial<Limits>>()
  for (const service of services) {
    const { upstream } = service
    const before = said.get(upstream.name)
    if (!before) {
      said.set(upstream.name, upstream)
      continue
    }
    for (const [key, name] of Object.entries(limitKeys) as [keyof Limits, string][]) {
      const [first, here] = [before[key], upstream[key]]
      if (first === undefined || here === undefined || same(first, here)) continue
      onProblem(
        [...service.path, 'upstream', name],
        `differs from what another service says of ${upstream.origin}, which is one upstream; give it one entry under \`upstreams\` and \`use\` that`,
      )
    }
    said.set(upstream.name, joined(before, upstream))
  }
  const usual = breaker === undefined ? defaultBreaker : readBreaker(breaker, undefined)
  return services.map((service) => {
    const limits = said.get(service.upstream.name) ?? {}
    const upstream = {
      ...service.upstream,
      maxConcurrent: limits.maxConcurrent,
      maxQueued: limits.maxQueued ?? defaultMaxQueued,
      maxQueueWaitMs: limits.maxQueueWaitMs ?? defaultMaxQueueWaitMs,
      breaker: limits.breaker ?? usual,
      health: limits.health,
    }
    return { ...service, upstream }
  })
}

const joined = (first: Partial<Limits>, second: Partial<Limits>): Partial<Limits> => ({
  maxConcurrent: first.maxConcurrent ?? second.maxConcurrent,
  maxQueued: first.maxQueued ?? second.maxQueued,
  maxQueueWaitMs: first.maxQueueWaitMs ?? second.maxQueueWaitMs,
  breaker: first.breaker ?? second.breaker,
  health: first.health ?? second.health,
})

/** Two health checks are the same whatever headers go with them. */
function same(a: unknown, b: unknown): boolean {
  const plain = (value: unknown) =>
    JSON.stringify(value, (key, inner: unknown) => (key === 'headers' ? undefined : inner))
  return plain(a) === plain(b)
}
