import type { RateLimitsInput } from './client-limits.ts'
import type { ServiceDefinition } from './config.ts'
import { asBlock } from './document.ts'
import type { TopInput } from './schema.ts'

/** Everything that shapes, prices and serves one service, with defaults and the shared upstream written out. */
export function defineService(
  key: string,
  full: Record<string, unknown>,
  written: Record<string, unknown>,
  file: Record<string, unknown>,
  { defaults }: Pick<TopInput, 'defaults'>,
): ServiceDefinition {
  const { request, price } = full
  const { request: _request, price: _price, examples: _examples, upstream, ...others } = written
  const use = asBlock(upstream)?.use
  const shared = typeof use === 'string' ? asBlock(asBlock(file.upstreams)?.[use]) : undefined
  const path = asBlock(upstream)?.path
  const url =
    typeof shared?.url === 'string' && typeof path === 'string'
      ? `${shared.url.replace(/\/$/, '')}${path}`
      : shared?.url
  const result = { ttl: `${defaults.result.ttl}ms`, max_bytes: defaults.result.max_bytes, ...asBlock(others.result) }
  return {
    format: 1,
    name: key,
    key,
    sold: { price, request: { max_bytes: defaults.request.max_bytes, ...asBlock(request) } },
    served: {
      attempts: defaults.attempts,
      ...others,
      timeout: writtenTimeout(others.timeout, defaults.timeout, others.websocket === true),
      ...(defaults.rate_limits && {
        rate_limits: { ...writtenRates(defaults.rate_limits), ...asBlock(others.rate_limits) },
      }),
      result,
      upstream: shared ? { ...shared, url } : upstream,
    },
  }
}

const writtenRates = (limits: RateLimitsInput): Record<string, string> =>
  Object.fromEntries(
    Object.entries(limits).flatMap(([key, rate]) =>
      rate === undefined ? [] : [[key, rate === 'off' ? rate : `${rate.amount}/${rate.perMs}ms`]],
    ),
  )

/** A service's own times, completed with the file's, so that they mean the same without the file. */
function writtenTimeout(own: unknown, shared: TopInput['defaults']['timeout'], webSocket: boolean): unknown {
  const { websocket_idle: webSocketIdle, ...parts } = typeof shared === 'number' ? { total: shared } : shared
  const ofWebSockets = webSocket && webSocketIdle !== undefined ? { websocket_idle: `${webSocketIdle}ms` } : undefined
  if (own !== undefined && !asBlock(own)) return ofWebSockets ? { total: own, ...ofWebSockets } : own
  const inherited = Object.fromEntries(Object.entries(parts).map(([key, ms]) => [key, `${ms}ms`]))
  return { ...inherited, ...ofWebSockets, ...asBlock(own) }
}
