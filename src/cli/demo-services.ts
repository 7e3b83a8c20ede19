import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { untilStopped } from './until-stopped.ts'

export interface DemoServicesProcess extends AsyncDisposable {
  /** `127.0.0.1:9000` */
  readonly address: string
}

export interface DemoServicesPlace {
  readonly listen: string
  /** Where buyers reach the generated files. */
  readonly publicBase: string
  /** How long a voice takes to be cloned. */
  readonly voiceDelayMs: string
}

/** The option of both commands that start the services. */
export const voiceDelayOption = { 'voice-delay-ms': { type: 'string', default: '20000' } } as const

/** @throws CommandError */
export function readVoiceDelay(text: string): string {
  if (/^[0-9]{1,8}$/.test(text)) return text
  throw new CommandError(exitCodes.usage, '--voice-delay-ms needs a whole number')
}

/** Starts the sample services as a process of their own, which ends with this one. @throws CommandError */
export async function startDemoServices({
  listen,
  publicBase,
  voiceDelayMs,
}: DemoServicesPlace): Promise<DemoServicesProcess> {
  const file = fileURLToPath(new URL('../demo/main.ts', import.meta.url))
  const child = fork(file, ['--listen', listen, '--public-base', publicBase, '--voice-delay-ms', voiceDelayMs], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // Ctrl-C reaches every process of the terminal; the services end when this one lets go of them.
    detached: true,
  })
  const address = await Promise.race([firstLine(child), exited(child, listen)])
  return {
    address,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = ''
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk)
    const [line = '', rest] = text.split('\n')
    if (rest !== undefined) return (JSON.parse(line) as { listening: string }).listening
  }
  // It ended without a word; whoever waits for its exit knows why.
  return await new Promise<never>(() => undefined)
}

async function exited(child: ChildProcess, listen: string): Promise<never> {
  await once(child, 'exit')
  throw new CommandError(exitCodes.unavailable, `the sample services could not start on ${listen}`)
}

/** `turnpike demo-services`: only the sample services. */
export async function demoServices(args: string[]): Promise<ExitCode> {
  const { values } = parseArgs({
    args,
    options: {
      listen: { type: 'string', default: '127.0.0.1:9000' },
      'public-base': { type: 'string', default: 'http://127.0.0.1:8402/media' },
      ...voiceDelayOption,
    },
  })
  const voiceDelayMs = readVoiceDelay(values['voice-delay-ms'])
  return await untilStopped(async () => {
    const place = { listen: values.listen, publicBase: values['public-base'], voiceDelayMs }
    const services = await startDemoServices(place)
    console.error(`The sample services run on http://${services.address}.`)
    return services
  })
}
