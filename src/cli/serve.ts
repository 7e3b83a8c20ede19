import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Config } from '../config/config.ts'
import { isLoopback } from '../config/scalars.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { loadOrExplain, placed } from './load-or-explain.ts'
import { Reloader } from './reload.ts'
import { startGateway } from './start-gateway.ts'
import { untilStopped } from './until-stopped.ts'

export const placementOptions = {
  config: { type: 'string', short: 'c' },
  listen: { type: 'string' },
  admin: { type: 'string' },
  data: { type: 'string' },
  'allow-public-dev-wallet': { type: 'boolean' },
} as const

/** `turnpike serve`: sells what the configuration offers until it is stopped. */
export async function serve(args: string[]): Promise<ExitCode> {
  const { values } = parseArgs({ args, options: placementOptions })
  const file = values.config ?? 'gateway.yaml'
  if (values.config === undefined && !existsSync(file)) throw new CommandError(exitCodes.usage, howToBegin)
  const { config: loaded, catalog, sources } = loadOrExplain(file, process.env)
  const config = placed(loaded, values)
  refusePublicDevWallet(config, values['allow-public-dev-wallet'] ?? false)
  return await untilStopped(async (signal, fatal) => {
    await using opened = new AsyncDisposableStack()
    // Before there is anything to load anew, the signal must not end the process.
    let reloader: Reloader | undefined
    const onHangup = () => void reloader?.reload()
    process.on('SIGHUP', onHangup)
    opened.defer(() => void process.off('SIGHUP', onHangup))
    const gateway = await startGateway({
      config,
      catalog,
      environment: process.env,
      signal,
      onFatal: fatal,
      onWaiting: () => console.error('Another process owns the ledger; waiting for it to end.'),
    })
    const sold = catalog.services.length === 1 ? '1 service' : `${catalog.services.length} services`
    console.error(`Turnpike sells ${sold} on ${gateway.publicUrl}; operator on ${gateway.adminUrl}.`)
    if (config.lightning.wallets.some(({ kind }) => kind === 'dev')) console.error(devWalletWarning)
    opened.use(gateway)
    reloader = opened.use(
      new Reloader({ gateway, file, sources, environment: process.env, placed: (each) => placed(each, values) }),
    )
    if (config.reload.watch) reloader.watch(config.reload.intervalMs)
    return opened.move()
  })
}

const howToBegin = `There is no gateway.yaml here. To begin with the five example endpoints:

  cp gateway.yaml.example gateway.yaml

Its upstreams are the sample services on 127.0.0.1:9000; start them in another terminal:

  npx turnpike demo-services

Or see it all at once, without any file: npm run demo`

const devWalletWarning = 'The development wallet is in use: invoices are real in form, but no money moves.'

/** Anyone who reaches a public listener could be given results for nothing, so it takes a plainly named flag. */
export function refusePublicDevWallet(config: Config, allowed: boolean): void {
  const refusal = allowed ? undefined : publicDevWallet(config)
  if (refusal !== undefined) throw new CommandError(exitCodes.refused, refusal)
}

/** @returns why `serve` refuses the development wallet here; undefined when it does not */
export function publicDevWallet({ listen: { host }, lightning }: Config): string | undefined {
  if (isLoopback(host) || lightning.wallets.every(({ kind }) => kind !== 'dev')) return undefined
  return `The development wallet moves no money, and ${host} can be reached by others. Configure a wallet, listen on 127.0.0.1, or say --allow-public-dev-wallet.`
}
