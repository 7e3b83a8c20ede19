import { addressMatcher, admission, canonicalAddress } from './config/address-range.ts'
import type { Config } from './config/config.ts'
import type { GatewaySettings } from './gateway/gateway.ts'
import type { ClientRules } from './gateway/limits/client-limits.ts'

/** What the request path is told of a configuration. @param most as for {@link clientRules} */
export const settingsOf = (config: Config, most?: (wanted: number) => number): GatewaySettings => ({
  invoiceExpiryMs: config.lightning.invoiceExpiryMs,
  tokenTtlMs: config.l402.tokenTtlMs,
  legacyLsat: config.l402.legacyLsat,
  sitePrefix: config.site.prefix,
  title: config.site.title,
  publicUrl: config.publicUrl,
  contact: config.contact,
  clients: clientRules(config, most),
  isOwnHost: ownHosts(config),
})

/** What a configuration says of clients. @param most how many connections can be taken where so many are wanted */
export function clientRules(
  { trustedProxies, access, limits }: Config,
  most: (wanted: number) => number = (wanted) => wanted,
): ClientRules {
  const addresses = {
    canonical: canonicalAddress,
    isProxy: addressMatcher(trustedProxies?.from ?? []),
    hops: trustedProxies?.hops ?? 0,
  }
  const connections = most(limits.connections)
  // The rest is for those who pay.
  const webSockets = Math.min(limits.webSockets, Math.floor(connections / 2))
  return { addresses, admits: admission(access), ...limits, connections, webSockets }
}

/** The names under which an absolute URL on the request line may call this gateway. */
function ownHosts(config: Config): (host: string) => boolean {
  const { host, port } = config.listen
  const own = new Set([`${host.includes(':') ? `[${host}]` : host}:${port}`, `localhost:${port}`])
  if (config.publicUrl !== undefined) own.add(new URL(config.publicUrl).host.toLowerCase())
  for (const { key } of config.services) if (key.host !== undefined) own.add(key.host)
  return (asked) => own.has(asked)
}
