import { createAdminApp } from '../admin/admin-app.ts'
import { createHealthApp } from '../admin/health.ts'
import { Readiness } from '../admin/readiness.ts'
import { createApp, createUpgradeListener, type Shop } from '../app.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Config } from '../config/config.ts'
import type { Environment } from '../config/environment.ts'
import type { ListenAddress } from '../config/scalars.ts'
import { type Context, type ContextOptions, createContext } from '../context.ts'
import { Connections } from '../gateway/limits/connections.ts'
import { Jobs } from '../gateway/redeem/jobs.ts'
import { clientRules } from '../settings.ts'
import { measureConnections } from '../telemetry/guard-metrics.ts'
import type { Telemetry, TelemetryOptions } from '../telemetry/telemetry.ts'
import { createTelemetry } from '../telemetry/telemetry.ts'
import { formatAddress, type ListenOptions, listen } from './listen.ts'
import { mostConnections, mostOpenFiles } from './most-connections.ts'
import { operatorConnections } from './operator-connections.ts'

export interface StartOptions {
  readonly config: Config
  readonly catalog: Catalog
  readonly environment: Environment
  readonly signal: AbortSignal
  readonly onFatal: (cause: unknown) => void
  readonly onWaiting?: () => void
  readonly telemetry?: Pick<TelemetryOptions, 'destination' | 'level'>
  readonly overrides?: Pick<ContextOptions, 'clock' | 'wallets' | 'disk'>
}

export interface RunningGateway extends AsyncDisposable {
  /** `http://127.0.0.1:8402` */
  readonly publicUrl: string
  readonly adminUrl: string
  readonly healthUrl: string | undefined
  readonly context: Context
  readonly telemetry: Telemetry
  readonly readiness: Readiness
}

/**
 * Listens, then opens ledger, keys and wallet; until they are open every request is answered 503. Disposing drains:
 * running jobs and open answers may come to their end within `shutdown.grace`; what is not done then is left to the
 * next process.
 */
export async function startGateway(options: StartOptions): Promise<RunningGateway> {
  const { config, catalog } = options
  const jobs = new Jobs()
  const telemetry = createTelemetry({
    level: options.telemetry?.level ?? config.log.level,
    jobsRunning: () => jobs.size,
    defaultMetrics: true,
    ...(options.telemetry?.destination && { destination: options.telemetry.destination }),
  })
  await using opened = new AsyncDisposableStack()
  const readiness = new Readiness()
  let context: Context | undefined
  const shop: Shop = { sitePrefix: config.site.prefix, context: () => context }
  const openFiles = mostOpenFiles()
  const most = (wanted: number): number => mostConnections(wanted, openFiles)
  const before = clientRules(config, most)
  const wanted = config.limits.connections
  if (before.connections < wanted) telemetry.events.fewConnections(before.connections, wanted)
  const connections = new Connections({
    rules: () => context?.gateway.settings.clients ?? before,
    onClosed: (limit, which) => telemetry.events.connectionClosed(limit, which),
  })
  measureConnections(telemetry.metrics.registry, () => connections.size)
  const publicListener = await listen({
    fetch: createApp(shop).fetch,
    address: config.listen,
    tls: config.tls,
    onTlsChange: (problem) => telemetry.events.certificate(problem),
    onUpgrade: createUpgradeListener(shop),
    connections,
  })
  opened.use(publicListener)
  const health = createHealthApp(readiness, telemetry.metrics.registry)
  let adminHosts: ReadonlySet<string> = new Set()
  const admin = createAdminApp({
    health,
    wallets: () => context?.wallets,
    commands: () => context?.commands,
    token: config.admin.token,
    isOwnHost: (host) => adminHosts.has(host),
  })
  const listenAs = (name: 'admin' | 'health', { fetch }: Pick<ListenOptions, 'fetch'>, address: ListenAddress) =>
    listen({ fetch, address, connections: operatorConnections(name, telemetry.events), isOperator: true })
  const adminListener = opened.use(await listenAs('admin', admin, config.admin.listen))
  const { port } = adminListener.address
  adminHosts = new Set([
    formatAddress(adminListener.address),
    `localhost:${port}`,
    `127.0.0.1:${port}`,
    `[::1]:${port}`,
  ])
  const healthListener = config.health && opened.use(await listenAs('health', health, config.health.listen))
  context = opened.use(
    await createContext({
      config,
      catalog,
      environment: options.environment,
      telemetry,
      jobs,
      signal: options.signal,
      onFatal: options.onFatal,
      mostConnections: most,
      onWaiting() {
        readiness.set({ kind: 'starting', reason: 'another process owns the ledger' })
        options.onWaiting?.()
      },
      ...options.overrides,
    }),
  )
  const running = context
  readiness.set({
    kind: 'serving',
    ledger: running.ledger,
    clock: running.clock,
    degraded: async () => ((await running.gateway.room.status()).isShort ? ['disk_short'] : []),
  })
  const owned = opened.move()
  return {
    publicUrl: `${config.tls ? 'https' : 'http'}://${formatAddress(publicListener.address)}`,
    adminUrl: `http://${formatAddress(adminListener.address)}`,
    healthUrl: healthListener && `http://${formatAddress(healthListener.address)}`,
    context: running,
    telemetry,
    readiness,
    async [Symbol.asyncDispose]() {
      readiness.set({ kind: 'draining' })
      jobs.handOver()
      // Probes are answered until the end, and no request meets a closed ledger before the time is over.
      await within(running.shutdownGraceMs(), Promise.all([publicListener.drain(), jobs.idle()]))
      if (jobs.size > 0) {
        telemetry.events.handedOver(jobs.size)
        await running.release()
      }
      await publicListener[Symbol.asyncDispose]()
      await running[Symbol.asyncDispose]()
      await owned.disposeAsync()
      telemetry.logger.flush()
    },
  }
}

/** Resolves when `done` does, or when the time is over. */
async function within(ms: number, done: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  void done.then(() => resolve())
  await promise
  clearTimeout(timer)
}
