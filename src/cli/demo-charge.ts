import type { Config } from '../config/config.ts'

const onDelivery: ReadonlySet<string> = new Set(['api-l402-generate-music', 'api-l402-generate-text'])
/** What a configuration that says `on_delivery` and no more has. */
const holdMs = 20_000

/**
 * The configuration of the demo: two services take the money when the result is stored. The example itself charges
 * upfront, so that it loads with any wallet in place of the development wallet.
 */
export function chargedOnDelivery(config: Config): Config {
  if (!config.lightning.wallets.every(({ kind }) => kind === 'dev')) return config
  const services = config.services.map((service) =>
    onDelivery.has(service.name) && !service.stream
      ? { ...service, charge: { when: 'on_delivery', holdMs } as const }
      : service,
  )
  return Object.freeze({ ...config, services: Object.freeze(services) })
}
