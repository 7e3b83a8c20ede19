import { relative } from 'node:path'
import type { Catalog } from '#src/catalog/catalog.ts'
import { priceExample } from '#src/catalog/check-examples.ts'
import type { Service } from '#src/catalog/service.ts'
import { formatAddress } from '#src/cli/listen.ts'
import type { Config, UpstreamConfig } from '#src/config/config.ts'
import { sats } from '#src/pricing/price.ts'
import { priceRange } from '#src/pricing/range.ts'

/** What was loaded, as the golden files hold it. */
export function summarise(config: Config, catalog: Catalog, directory: string): unknown {
  return {
    listen: formatAddress(config.listen),
    admin: { listen: formatAddress(config.admin.listen), token: config.admin.token },
    health: config.health && formatAddress(config.health.listen),
    tls: config.tls && Object.values(config.tls).map((file) => relative(directory, file)),
    trustedProxies: config.trustedProxies,
    access: hasAccess(config.access),
    clients: summariseLimits(config),
    publicUrl: config.publicUrl,
    contact: config.contact,
    data: relative(directory, config.dataDir),
    site: `${config.site.prefix} (${config.site.title})`,
    wallets: config.lightning.wallets.map(({ name, kind }) => `${name}: ${kind}`),
    invoiceExpiryMs: config.lightning.invoiceExpiryMs,
    tokenTtlMs: config.l402.tokenTtlMs,
    log: config.log.level,
    services: catalog.services.map(summariseService),
  }
}

function summariseService(service: Service) {
  const { config, contract, name } = service
  const { host, path } = config.key
  const { upstream, timeouts, result, request } = config
  return {
    service: `${name}: ${contract.route.methods.join(',')} ${host ?? ''}${path}`,
    price: contract.price === 'free' ? 'free' : priceRange(contract.price),
    examples: config.examples.map((example) => {
      const priced = priceExample(service, example)
      return priced === 'free' || Array.isArray(priced) ? 'free' : sats({ num: priced.price.msat, den: 1n })
    }),
    upstream: {
      name: upstream.name,
      to: `${upstream.origin}${upstream.path ?? ' (path of the request)'}`,
      headers: upstream.headers,
      forwardHeaders: upstream.forwardHeaders,
      ...(upstream.maxConcurrent !== undefined && {
        queue: `${upstream.maxConcurrent} at once, ${upstream.maxQueued} wait for ${upstream.maxQueueWaitMs} ms`,
      }),
      breaker: summariseBreaker(upstream.breaker),
      health: upstream.health,
      ca: upstream.ca,
    },
    timeouts: `total ${timeouts.totalMs}, first byte ${timeouts.firstByteMs}, idle ${timeouts.idleMs}${config.websocket ? `, of a WebSocket ${timeouts.webSocketIdleMs}` : ''}`,
    body: contract.body.kind === 'structured' ? bodyForms(contract.body) : contract.body.kind,
    contentTypes: request.contentTypes,
    upstreamJob: config.upstreamJob,
    limits: `body ${contract.maxBodyBytes}, result ${result.maxBytes} for ${result.ttlMs} ms, ${config.attempts} attempts`,
    rateLimits: hasSome(config.rateLimits),
    access: hasAccess(config.access),
    flags: (['stream', 'allowUnframed', 'websocket'] as const).filter((flag) => config[flag]),
  }
}

const hasAccess = (access: Config['access']) => (access.allowlist || access.blocklist.length > 0 ? access : undefined)

const hasSome = ({ perToken, perClient }: { perToken: unknown; perClient: unknown }) =>
  perToken || perClient ? { perToken, perClient } : undefined

const rateText = (rate: { readonly amount: number; readonly perMs: number } | undefined): string =>
  rate ? `${rate.amount} in ${rate.perMs} ms` : 'no limit'

/** Undefined where they are the usual ones. */
function summariseLimits({ limits }: Config): string | undefined {
  const { challenges, unpaidBytes, unpaidBytesAtOnce, webSockets, webSocketsPerClient } = limits
  const text = `challenges ${rateText(challenges)}, unpaid bytes ${rateText(unpaidBytes)}, ${unpaidBytesAtOnce} at once, WebSockets ${webSockets} and ${webSocketsPerClient}`
  return text ===
    'challenges 120 in 300000 ms, unpaid bytes 268435456 in 60000 ms, 536870912 at once, WebSockets 1024 and 64'
    ? undefined
    : text
}

/** Undefined where it is the usual one. */
function summariseBreaker(breaker: UpstreamConfig['breaker']): string | undefined {
  if (typeof breaker !== 'object') return breaker
  const { failures, ratio, windowMs, cooldownMs } = breaker
  const text = `${failures} failures, ${ratio} of ${windowMs} ms, sells nothing for ${cooldownMs} ms`
  return text === '5 failures, 0.5 of 60000 ms, sells nothing for 10000 ms' ? undefined : text
}

const bodyForms = ({ json, multipart }: { json: boolean; multipart: boolean }) =>
  [...(json ? ['json'] : []), ...(multipart ? ['form'] : [])].join(' or ')
