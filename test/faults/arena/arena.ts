import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDevWallet } from '#src/lightning/dev/dev-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { type Kind, newPurchase, type Purchase } from './buyer.ts'
import { configuration } from './configuration.ts'
import type { Work } from './execution-log.ts'
import { type PaymentEnd, payAtWallet } from './held-buyer.ts'
import { type Started, start } from './processes.ts'

/** The checkout that these tests are part of. */
export const checkout = join(import.meta.dirname, '../../..')

export interface ArenaOptions {
  /** The source that runs; a copy of the checkout may be a changed one. */
  readonly root?: string
  /** The gateway's clock can be stepped. */
  readonly stepped?: boolean
}

interface GatewayStart {
  readonly port: number
  readonly admin: number
  readonly failpoint: string
  readonly until?: RegExp
  readonly onSpawned?: (started: Started) => void
}

/** A gateway, a service and a wallet, all on one disk, and everything that anyone saw of them. */
export class Arena implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'turnpike-faults-'))
  readonly dataDir = join(this.directory, 'data')
  readonly logFile = join(this.directory, 'gateway.log')
  readonly url: string
  readonly purchases: Purchase[] = []
  /** How often a process was ended by force. */
  kills = 0
  /** How often the ledger could not be written to for a while. */
  locks = 0
  /** What every gateway of this arena is started with, beside its failpoint. */
  readonly #options: Required<ArenaOptions>
  readonly #ports: readonly number[]
  #gateway: Started | undefined
  #service: Started | undefined
  #wallet: ReturnType<typeof openDevWallet> | undefined

  private constructor(options: ArenaOptions, ports: readonly number[]) {
    this.#options = { root: checkout, stepped: false, ...options }
    this.#ports = ports
    this.url = `http://127.0.0.1:${ports[0]}`
    mkdirSync(this.dataDir, { mode: 0o700 })
    writeFileSync(join(this.directory, 'gateway.yaml'), configuration(ports[2] ?? 0))
  }

  /** With the service running and, unless a failpoint is for later, the gateway too. */
  static async open(options: ArenaOptions = {}): Promise<Arena> {
    const arena = new Arena(options, await freePorts(5))
    await arena.startService()
    await arena.startGateway()
    return arena
  }

  get gateway(): Started {
    if (!this.#gateway) throw new Error('the gateway was never started')
    return this.#gateway
  }

  get service(): Started {
    if (!this.#service) throw new Error('the service was never started')
    return this.#service
  }

  /** It is the arena's from the beginning of its start on, so that it can come to harm then too. */
  async startGateway(failpoint = ''): Promise<void> {
    const [port = 0, admin = 0] = this.#ports
    await this.startProcess({ port, admin, failpoint, onSpawned: (gateway) => void (this.#gateway = gateway) })
  }

  /** Another gateway on the same data. */
  async startSecond(until = /Turnpike sells/): Promise<Started & { readonly url: string }> {
    const [, , , port = 0, admin = 0] = this.#ports
    const second = await this.startProcess({ port, admin, failpoint: '', until })
    return Object.assign(Object.create(second) as Started, { url: `http://127.0.0.1:${port}` })
  }

  private startProcess({
    port,
    admin,
    failpoint,
    until = /Turnpike sells/,
    onSpawned,
  }: GatewayStart): Promise<Started> {
    const { root, stepped } = this.#options
    const preload = stepped ? ['--import', join(import.meta.dirname, 'stepped-clock.ts')] : []
    const addresses = ['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${admin}`]
    return start({
      args: [
        ...preload,
        join(root, 'bin/turnpike.js'),
        'serve',
        '-c',
        join(this.directory, 'gateway.yaml'),
        ...addresses,
      ],
      env: { TURNPIKE_FAILPOINT: failpoint, TURNPIKE_CLOCK_FILE: join(this.directory, 'clock') },
      logFile: this.logFile,
      until,
      ...(onSpawned && { onSpawned }),
    })
  }

  async startService(): Promise<void> {
    this.#service = await start({
      args: [join(import.meta.dirname, 'sample-service.ts'), String(this.#ports[2]), this.directory, this.dataDir],
      logFile: join(this.directory, 'service.log'),
      until: /listens/,
    })
  }

  async kill(which: 'gateway' | 'service'): Promise<void> {
    const process = this[which]
    if (!process.alive) return
    this.kills++
    await process.kill()
  }

  /** Sets the gateway's clock this far from the machine's. */
  stepClock(ms: number): void {
    writeFileSync(join(this.directory, 'clock'), String(ms))
  }

  /** Lets executions go on that were told to wait for this. */
  open(hold: string, run: number): void {
    writeFileSync(join(this.directory, `${hold}-${run}`), '')
  }

  /** Pays as a wallet of its own would: whatever becomes of the gateway, the buyer has the preimage. */
  readonly pay = (invoice: string): Promise<string> => {
    this.#wallet ??= openDevWallet({ name: 'dev', file: join(this.dataDir, 'dev-wallet.sqlite'), clock: systemClock })
    return this.#wallet.pay(invoice, AbortSignal.timeout(10_000))
  }

  /** Pays with the gateway's own wallet, which may die with it: a payment that is held. */
  readonly payHeld = (invoice: string, forMs?: number): Promise<PaymentEnd | undefined> =>
    payAtWallet(`http://127.0.0.1:${this.#ports[1]}`, invoice, forMs)

  want(kind: Kind, work: Partial<Work> = {}): Purchase {
    const purchase = newPurchase(kind, { units: 7, note: `canary ${this.purchases.length} of the prompts`, ...work })
    this.purchases.push(purchase)
    return purchase
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#wallet?.[Symbol.asyncDispose]()
    await this.#gateway?.kill()
    await this.#service?.kill()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
