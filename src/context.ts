import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Commands } from './admin/commands-app.ts'
import { createKeyCommands } from './admin/keys.ts'
import { createPaymentCommands } from './admin/payments.ts'
import type { Catalog } from './catalog/catalog.ts'
import { RevisionStore } from './catalog/revision-store.ts'
import type { Config } from './config/config.ts'
import type { Environment } from './config/environment.ts'
import { DiskRoom } from './gateway/disk-room.ts'
import type { Gateway } from './gateway/gateway.ts'
import { HoldDesk } from './gateway/hold/hold-desk.ts'
import { ClientUse } from './gateway/limits/client-limits.ts'
import { Arrivals } from './gateway/redeem/arrivals.ts'
import { Deliveries } from './gateway/redeem/deliveries.ts'
import type { Jobs } from './gateway/redeem/jobs.ts'
import { Releases } from './gateway/redeem/releases.ts'
import { checkGeneration, writeGeneration } from './keys/generation-file.ts'
import { KeyStore } from './keys/key-store.ts'
import { createRandomPool } from './keys/random-pool.ts'
import { diskOf } from './ledger/data-disk.ts'
import { openSqliteLedger } from './ledger/sqlite/sqlite-ledger.ts'
import { openCashDesk } from './lightning/cash-desk.ts'
import { createWallet } from './lightning/create-wallet.ts'
import { type Clock, systemClock } from './ports/clock.ts'
import type { Disk } from './ports/disk.ts'
import { isHoldWallet } from './ports/hold-wallet.ts'
import type { Ledger } from './ports/ledger.ts'
import type { Wallet } from './ports/wallet.ts'
import { settingsOf } from './settings.ts'
import { measureGuards, measureWebSockets } from './telemetry/guard-metrics.ts'
import { measureHolds } from './telemetry/hold-metrics.ts'
import type { Telemetry } from './telemetry/telemetry.ts'
import { HttpUpstream } from './upstream/http-upstream.ts'
import { openGuard } from './upstream/open-guard.ts'

/** What lives as long as the process: ledger, keys, wallets, connections. The only file that knows the adapters. */
export interface Context extends AsyncDisposable {
  /** As it was at the start: what cannot change without a restart. */
  readonly config: Config
  /** Today's, frozen; a request keeps the one it began with. */
  readonly gateway: Gateway
  /**
   * Puts another catalog, and the settings that may change, in place of today's. Its revisions are in the ledger before
   * anything is sold under them.
   * @throws LedgerError and changes nothing
   */
  adopt(config: Config, catalog: Catalog): Promise<void>
  /** Forgets what is over. It does so by itself every minute. Never throws. */
  forget(): Promise<void>
  /**
   * Lets go of runs that are not to be waited for: no write of theirs reaches the ledger any more, so that the next
   * process finds them as they were and takes them up. Only then are their calls cut.
   */
  release(): Promise<void>
  /** `shutdown.grace`, as it is set today. */
  shutdownGraceMs(): number
  /** What the operator's listener may do. */
  readonly commands: Commands
  readonly ledger: Ledger
  /** In failover order. */
  readonly wallets: readonly Wallet[]
  readonly clock: Clock
  readonly telemetry: Telemetry
}

export interface ContextOptions {
  readonly config: Config
  readonly catalog: Catalog
  readonly environment: Environment
  readonly telemetry: Telemetry
  readonly jobs: Jobs
  readonly signal: AbortSignal
  /** Nothing can be trusted any more: the process has to end. */
  readonly onFatal: (cause: unknown) => void
  /** Another process owns the ledger; the promise resolves when it is gone. */
  readonly onWaiting?: () => void
  readonly clock?: Clock
  /** How many connections can be taken where so many are wanted. */
  readonly mostConnections?: (wanted: number) => number
  /** Instead of the configured ones. */
  readonly wallets?: (dataDir: string, clock: Clock) => readonly Wallet[]
  /** Instead of the one that the data is on. */
  readonly disk?: Disk
}

const pruneEveryMs = 60_000

/**
 * Opens everything in order and undoes it in reverse.
 * @throws LedgerError, KeysProblem, WalletError when the gateway cannot start
 */
export async function createContext(options: ContextOptions): Promise<Context> {
  const { config, telemetry, catalog, jobs, signal } = options
  const { events, metrics } = telemetry
  const clock = options.clock ?? systemClock
  const { dataDir } = config
  await using opened = new AsyncDisposableStack()
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const ledger = opened.use(
    await openSqliteLedger(
      {
        directory: dataDir,
        clock,
        onDeath: options.onFatal,
        ...(options.onWaiting && { onWaiting: options.onWaiting }),
        onCommit(operations, commitMs) {
          metrics.commitSeconds.observe(commitMs / 1000)
          metrics.commitOperations.observe(operations)
        },
      },
      signal,
    ),
  )
  const generationFile = join(dataDir, 'generation')
  checkGeneration(generationFile, dataDir, ledger.meta)
  let selling = config
  let live = catalog
  const keys = await KeyStore.open({
    file: join(dataDir, 'keys'),
    ledger,
    clock,
    tokenTtlMs: () => selling.l402.tokenTtlMs,
    longestUseMs: () =>
      Math.max(0, ...live.services.map((each) => each.config.timeouts.totalMs + each.config.result.ttlMs)),
  })
  writeGeneration(generationFile, ledger.meta.ledgerId, await ledger.nextGeneration())
  const revisions = await RevisionStore.load({
    ledger,
    clock,
    environment: options.environment,
    tokenTtlMs: () => selling.l402.tokenTtlMs,
    onUnusable: (rev, cause) => events.unexpected(`service revision ${rev} cannot be used`, cause),
  })
  await revisions.adopt(catalog)
  const wallets = options.wallets?.(dataDir, clock) ?? (await createWallets(config, clock))
  for (const wallet of wallets) opened.use(wallet)
  const perMinute = new Map(config.lightning.wallets.map(({ name, mintPerMinute }) => [name, mintPerMinute]))
  const cashDesk = opened.use(
    await openCashDesk(
      {
        wallets: wallets.map((wallet) => ({ wallet, mintPerMinute: perMinute.get(wallet.name) })),
        books: ledger.books,
        clock,
        events,
        onTrouble: (operation, cause) => events.ledgerFailed(operation, cause),
        settings: config.lightning,
      },
      signal,
    ),
  )
  metrics.wallets.watchOpenInvoices(() => cashDesk.openInvoices())
  const upstream = opened.use(new HttpUpstream())
  const random = createRandomPool()
  const { guard, healthChecks } = openGuard({ catalog: () => live, upstream, clock, events, random })
  opened.use(healthChecks)
  const room = new DiskRoom({
    disk: options.disk ?? diskOf(dataDir),
    clock,
    reserveBytes: config.disk.reserveBytes,
    onFailure: (cause) => events.unexpected('the disk of the ledger cannot be asked what is free', cause),
  })
  const use = new ClientUse(clock)
  measureWebSockets(metrics.registry, () => use.webSockets.size)
  measureGuards(metrics.registry, { upstreams: () => guard.status(), disk: () => room.status() })
  const arrivals = new Arrivals()
  const forget = () => prune(ledger, clock, arrivals, telemetry)
  opened.use(everyInterval(pruneEveryMs, forget))
  let holdDesk: HoldDesk | undefined
  let gateway: Gateway = Object.freeze<Gateway>({
    catalog: () => catalog,
    revisions,
    keys: keys.ring,
    ledger,
    issuer: cashDesk.issuer,
    settlement: cashDesk.settlement,
    upstream,
    guard,
    room,
    jobs,
    holdDesk: () => holdDesk,
    deliveries: new Deliveries(ledger, clock, (cause) => events.ledgerFailed('delivered', cause)),
    arrivals,
    releases: opened.use(
      new Releases(ledger, clock, (cause) => events.unexpected('a run that was lost cannot be let go', cause)),
    ),
    clock,
    random,
    events,
    use,
    settings: settingsOf(config, options.mostConnections),
  })
  const adopt = async (wanted: Config, adopted: Catalog): Promise<void> => {
    const before = selling
    selling = wanted
    try {
      await revisions.adopt(adopted)
    } catch (thrown) {
      selling = before
      throw thrown
    }
    live = adopted
    gateway = Object.freeze<Gateway>({
      ...gateway,
      catalog: () => adopted,
      settings: settingsOf(wanted, options.mostConnections),
    })
  }
  const holders = new Map(wallets.filter(isHoldWallet).map((wallet) => [wallet.name, wallet]))
  if (holders.size > 0) {
    const { limits, failures } = config.l402.hold
    const walletNamed = (name: string) => holders.get(name)
    holdDesk = opened.use(new HoldDesk({ gateway: () => gateway, holds: ledger.holds, walletNamed, limits, failures }))
    measureHolds(metrics.registry, holdDesk.open)
    await holdDesk.start()
  }
  const owned = opened.move()
  return {
    config,
    get gateway() {
      return gateway
    },
    adopt,
    forget,
    shutdownGraceMs: () => selling.shutdown.graceMs,
    async release() {
      await cashDesk[Symbol.asyncDispose]()
      await ledger[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
    commands: { payments: createPaymentCommands(() => gateway), keys: createKeyCommands(keys, telemetry.events) },
    ledger,
    wallets,
    clock,
    telemetry,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** @throws WalletError; what was opened by then is closed again */
async function createWallets({ lightning, dataDir }: Config, clock: Clock): Promise<Wallet[]> {
  await using made = new AsyncDisposableStack()
  const wallets: Wallet[] = []
  for (const settings of lightning.wallets) wallets.push(made.use(await createWallet(settings, dataDir, clock)))
  made.move()
  return wallets
}

async function prune(ledger: Ledger, clock: Clock, arrivals: Arrivals, { events }: Telemetry): Promise<void> {
  try {
    while ((await ledger.prune(arrivals.firstMs(clock.nowMs()), clock.monotonicMs())) > 0);
  } catch (thrown) {
    events.ledgerFailed('prune', thrown)
  }
}

function everyInterval(ms: number, run: () => Promise<void>): AsyncDisposable {
  let running: Promise<void> = run()
  const timer = setInterval(() => {
    running = running.then(run)
  }, ms)
  timer.unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
    },
  }
}
