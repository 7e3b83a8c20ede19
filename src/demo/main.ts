import { parseArgs } from 'node:util'
import { type DemoServicesOptions, startDemoServices } from './services.ts'

interface Arguments extends DemoServicesOptions {
  readonly exitWithStdin: boolean
}

const usage =
  'usage: node src/demo/main.ts --listen 127.0.0.1:9000 [--public-base URL] [--voice-delay-ms N] [--exit-with-stdin]'

const exitCodes = { failed: 1, usage: 2, addressTaken: 3 } as const

await run()

async function run(): Promise<void> {
  const options = readArguments(process.argv.slice(2))
  if (typeof options === 'string') return explain(`${options}\n${usage}`, exitCodes.usage)
  try {
    const services = await startDemoServices(options)
    stopWithParent(options.exitWithStdin, services)
    // Whoever started us may close the pipe once it has read the line, or before.
    process.stdout.on('error', () => {})
    process.stdout.write(`${JSON.stringify({ listening: services.address })}\n`)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EADDRINUSE') {
      return explain(
        `${options.listen} is taken by another process; choose another address with --listen`,
        exitCodes.addressTaken,
      )
    }
    explain(`cannot listen on ${options.listen}: ${String(error)}`, exitCodes.failed)
  }
}

function readArguments(args: readonly string[]): Arguments | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        listen: { type: 'string', default: '127.0.0.1:9000' },
        'public-base': { type: 'string' },
        'voice-delay-ms': { type: 'string', default: '20000' },
        'exit-with-stdin': { type: 'boolean', default: false },
      },
    })
    const { listen, 'public-base': publicBase, 'voice-delay-ms': delay } = values
    if (!/^.+:\d{1,5}$/.test(listen)) return `--listen must be host:port, not ${listen}`
    if (!/^\d{1,8}$/.test(delay)) return `--voice-delay-ms must be a whole number, not ${delay}`
    return {
      listen,
      voiceDelayMs: Number(delay),
      exitWithStdin: values['exit-with-stdin'],
      ...(publicBase === undefined ? {} : { publicBase: publicBase.replace(/\/+$/, '') }),
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Once nothing holds the process any more it ends by itself, with exit code 0. */
function stopWithParent(exitWithStdin: boolean, services: AsyncDisposable): void {
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    if (process.connected) process.disconnect()
    if (exitWithStdin) process.stdin.destroy()
    await services[Symbol.asyncDispose]()
  }
  const stopNow = () => {
    stop().catch((error: unknown) => explain(`cannot stop: ${String(error)}`, exitCodes.failed))
  }
  process.once('SIGTERM', stopNow)
  process.once('SIGINT', stopNow)
  // Says that the parent is gone, however it died; never comes when there is no IPC channel.
  process.once('disconnect', stopNow)
  if (exitWithStdin) process.stdin.resume().once('close', stopNow)
}

function explain(message: string, exitCode: number): void {
  process.stderr.write(`turnpike demo services: ${message}\n`)
  process.exitCode = exitCode
}
