import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildCatalog } from '#src/catalog/build.ts'
import { type RunningGateway, startGateway } from '#src/cli/start-gateway.ts'
import { loadConfigText } from '#src/config/load.ts'
import { formatProblem } from '#src/config/problem.ts'
import type { Clock } from '#src/ports/clock.ts'
import type { Disk } from '#src/ports/disk.ts'
import type { Wallet } from '#src/ports/wallet.ts'
import { CountingWallet } from './counting-wallet.ts'
import { disconnectFrom } from './raw-socket.ts'

/** A whole gateway in this process, on real sockets, with its data in a directory of its own. */
export interface TestGateway extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly adminUrl: string
  readonly running: RunningGateway
  /** The development wallet; counts the invoices it was asked for and can be made to fail. */
  readonly wallet: CountingWallet
  readonly dataDir: string
  /** Every line of the log so far. */
  readonly log: string[]
  /** Ends this gateway and starts another one on the same data, as a redeploy would. */
  restart(changes?: Partial<Pick<GatewayOptions, 'config' | 'environment'>>): Promise<TestGateway>
}

export interface GatewayOptions {
  /** The configuration as YAML, without `listen`, `admin` and `data`. */
  readonly config: string
  readonly clock?: Clock
  /** Instead of the one that the data is on. */
  readonly disk?: Disk
  readonly dataDir?: string
  readonly environment?: Readonly<Record<string, string>>
  /** Directory that files named by the configuration are found in. */
  readonly baseDir?: string
  /** Instead of the development wallet, which is there all the same and not asked. */
  readonly wallets?: readonly Wallet[]
  readonly logLevel?: 'silent' | 'info' | 'debug' | 'trace'
}

export async function openGateway(options: GatewayOptions): Promise<TestGateway> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'turnpike-'))
  const environment = options.environment ?? {}
  const text = `listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }\ndata: ${dataDir}\n${options.config}`
  const file = join(options.baseDir ?? dataDir, 'gateway.yaml')
  const loaded = loadConfigText(text, file, environment)
  const built = loaded.config && buildCatalog(loaded.config)
  const problems = [...loaded.problems, ...(built?.problems ?? [])]
  if (!loaded.config || !built || problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'))
  const log: string[] = []
  const stopping = new AbortController()
  let wallet: CountingWallet | undefined
  const running = await startGateway({
    config: loaded.config,
    catalog: built.catalog,
    environment,
    signal: stopping.signal,
    onFatal(cause) {
      throw cause
    },
    telemetry: { level: options.logLevel ?? 'debug', destination: { write: (line) => void log.push(line) } },
    overrides: {
      ...(options.clock && { clock: options.clock }),
      ...(options.disk && { disk: options.disk }),
      wallets(directory, clock) {
        wallet = new CountingWallet(directory, clock)
        return options.wallets ?? [wallet]
      },
    },
  })
  if (!wallet) throw new Error('the gateway opened no wallet')
  const close = async (): Promise<void> => {
    stopping.abort()
    await running[Symbol.asyncDispose]()
    await wallet?.[Symbol.asyncDispose]()
  }
  return {
    url: running.publicUrl,
    adminUrl: running.adminUrl,
    running,
    wallet,
    dataDir,
    log,
    async restart(changes = {}) {
      await close()
      return await openGateway({ ...options, ...changes, dataDir })
    },
    async [Symbol.asyncDispose]() {
      disconnectFrom({ url: running.publicUrl })
      await close()
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
