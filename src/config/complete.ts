import { resolve } from 'node:path'
import { readCount, readRate } from './client-limits.ts'
import type { Config, ServiceConfig } from './config.ts'
import { shareLimits } from './limits.ts'
import type { ConfigPath, Place } from './problem.ts'
import { readWallets } from './read-wallets.ts'
import { isLoopback } from './scalars.ts'
import { longestTokenTtlMs, type TopInput } from './schema.ts'
import { checkTimeouts } from './service.ts'
import { readTls } from './tls.ts'

export interface FileFrame {
  readonly file: string
  readonly baseDir: string
  readonly locate: (path: ConfigPath) => Place
  readonly onProblem: (path: ConfigPath, message: string) => void
  /** Sections that stand here with their defaults, since what was written there could not be read. */
  readonly broken: ReadonlySet<string>
}

/** The rules that join sections of the file, and the finished configuration. */
export function complete(input: TopInput, parsed: readonly ServiceConfig[], frame: FileFrame): Config {
  const { onProblem, broken } = frame
  const services = shareLimits(parsed, input.defaults, onProblem)
  checkAdmin(input, onProblem)
  checkListeners(input, onProblem)
  checkTimeouts(input.defaults.timeout, input.defaults.timeout, ['defaults', 'timeout'], onProblem)
  if (input.lightning.invoice_expiry < 1000)
    onProblem(['lightning', 'invoice_expiry'], 'is below a second, which no invoice can say; write for example `10m`')
  if (!broken.has('l402') && !broken.has('lightning') && !broken.has('defaults')) {
    checkTokenTtl(input, services, onProblem)
  }
  const { hold } = input.l402
  return Object.freeze({
    file: frame.file,
    listen: input.listen,
    admin: { listen: input.admin.listen, token: input.admin.token },
    health: input.health,
    tls: input.tls && readTls(input.tls, frame),
    trustedProxies: input.trusted_proxies,
    access: { allowlist: input.allowlist, blocklist: input.blocklist ?? [] },
    limits: {
      challenges: readRate(input.limits.challenges),
      unpaidBytes: readRate(input.limits.unpaid_bytes),
      unpaidBytesAtOnce: input.limits.unpaid_bytes_at_once,
      connections: input.limits.connections,
      connectionsPerClient: readCount(input.limits.connections_per_client),
      webSockets: input.limits.websockets,
      webSocketsPerClient: readCount(input.limits.websockets_per_client),
    },
    publicUrl: input.public_url?.replace(/\/$/, ''),
    contact: input.contact,
    dataDir: resolve(frame.baseDir, input.data),
    disk: { reserveBytes: input.disk.reserve },
    site: input.site,
    lightning: {
      wallets: readWallets(input.lightning.wallet, onProblem),
      invoiceExpiryMs: input.lightning.invoice_expiry,
      timeoutMs: input.lightning.timeout,
      maxOpenInvoices: input.lightning.max_open_invoices,
      requireSettled: input.lightning.require_settled,
    },
    l402: {
      tokenTtlMs: input.l402.token_ttl,
      legacyLsat: input.l402.legacy_lsat,
      hold: {
        limits: { maxOpen: hold.max_open, maxBytes: hold.max_bytes, maxPerClient: hold.max_per_client },
        failures: { perClient: hold.max_failed_per_client, perService: hold.max_failed_per_service },
      },
    },
    shutdown: { graceMs: input.shutdown.grace },
    reload: { watch: input.reload.watch, intervalMs: input.reload.interval },
    log: input.log,
    services,
    locate: frame.locate,
  })
}

type OnProblem = (path: ConfigPath, message: string) => void

function checkAdmin({ admin }: TopInput, onProblem: OnProblem): void {
  // A token whose file could not be read is there without a value, and has been reported.
  if (isLoopback(admin.listen.host) || 'token' in admin) return
  onProblem(
    ['admin', 'listen'],
    'can be reached from other machines, so `token_file` is needed beside it: whoever gets there can spend and read',
  )
}

function checkListeners({ listen, admin, health }: TopInput, onProblem: OnProblem): void {
  if (areOne(listen, admin.listen))
    onProblem(['listen'], 'is where the operator’s listener is (`admin.listen`); give one of them another port')
  if (health && areOne(listen, health.listen))
    onProblem(['health', 'listen'], 'is where buyers connect (`listen`); give one of them another port')
  if (health && areOne(admin.listen, health.listen))
    onProblem(
      ['health', 'listen'],
      'is where the operator’s listener is (`admin.listen`); give one of them another port',
    )
}

type Address = TopInput['listen']

/** Port 0 is another one each time; a listener on every address takes the port of them all. */
const areOne = (one: Address, other: Address): boolean =>
  one.port === other.port && one.port !== 0 && (one.host === other.host || [one, other].some(isEveryAddress))

const isEveryAddress = ({ host }: Address): boolean => host === '0.0.0.0' || host === '::'

/** How long a buyer may take to come back after a failure. */
const retryWindowMs = 10 * 60_000

function checkTokenTtl({ lightning, l402 }: TopInput, services: readonly ServiceConfig[], onProblem: OnProblem): void {
  const calls = services.filter(({ price }) => price !== 'free').map(longestCallMs)
  const needed = lightning.invoice_expiry + Math.max(0, ...calls) + retryWindowMs
  const waits = services.some((service) => longestCallMs(service) > service.timeouts.totalMs)
  if (l402.token_ttl < needed) {
    onProblem(
      ['l402', 'token_ttl'],
      `is ${inWords(l402.token_ttl)} and must be at least ${inWords(needed)}: an invoice paid in its last second (${inWords(lightning.invoice_expiry)}), the longest call${waits ? ' with its wait for a turn' : ''} (${inWords(Math.max(0, ...calls))}) and a retry (${inWords(retryWindowMs)})`,
    )
  }
  if (l402.token_ttl > longestTokenTtlMs) onProblem(['l402', 'token_ttl'], 'must be at most 366d')
}

/** With the wait for a turn, where calls have to wait. */
const longestCallMs = ({ timeouts, upstream }: ServiceConfig): number =>
  timeouts.totalMs + (upstream.maxConcurrent === undefined ? 0 : (upstream.maxQueueWaitMs ?? 0))

/** As a time in the file is written; whole minutes where there are some, rounded up. */
function inWords(ms: number): string {
  if (ms < 60_000) return `${Math.ceil(ms / 1000)}s`
  const minutes = Math.ceil(ms / 60_000)
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60]
  return `${hours > 0 ? `${hours}h` : ''}${rest > 0 ? `${rest}m` : ''}`
}
