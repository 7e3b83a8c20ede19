import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTurnpike } from '../cli/run.ts'
import type { Shop } from './buyer.ts'

/** A gateway in a process of its own, whose configuration a test may change while it runs. */
export interface GatewayProcess extends Shop, AsyncDisposable {
  readonly adminUrl: string
  readonly child: ChildProcessWithoutNullStreams
  /** Standard output: one line an event. */
  readonly log: () => readonly LogLine[]
  /** Sends it and resolves with code and signal of the end, and how long that took. */
  stop(...signals: readonly NodeJS.Signals[]): Promise<{ code: number | null; signal: string | null; tookMs: number }>
  kill(): Promise<void>
}

export type LogLine = Readonly<Record<string, unknown>> & { readonly event?: string }

export interface Site extends Disposable {
  readonly directory: string
  readonly file: string
  write(services: string): void
  start(...args: readonly string[]): Promise<GatewayProcess>
}

/** A directory with `gateway.yaml` and data. @param top what stands above the services in every version of the file */
export function makeSite(services: string, top = ''): Site {
  const directory = mkdtempSync(join(tmpdir(), 'turnpike-process-'))
  const file = join(directory, 'gateway.yaml')
  const write = (text: string): void =>
    writeFileSync(file, `listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }\n${top}\n${text}`)
  write(services)
  return {
    directory,
    file,
    write,
    start: (...args) => startProcess(file, args),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

async function startProcess(file: string, args: readonly string[]): Promise<GatewayProcess> {
  const child = startTurnpike(['serve', '--config', file, ...args])
  let out = ''
  child.stdout.on('data', (data: Buffer) => (out += data.toString()))
  const said = await sells(child)
  const [, url = '', adminUrl = ''] = /on (http:\S+); operator on (http:\S+)\./.exec(said) ?? []
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const kill = async (): Promise<void> => {
    if (hasEnded()) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  return {
    url,
    adminUrl,
    child,
    log: () =>
      out
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as LogLine),
    wallet: {
      async pay(invoice) {
        const headers = { 'content-type': 'application/json' }
        const answer = await fetch(`${adminUrl}/dev/pay`, {
          method: 'POST',
          headers,
          body: JSON.stringify({ invoice }),
        })
        return ((await answer.json()) as { preimage: string }).preimage
      },
    },
    async stop(...signals) {
      const begun = performance.now()
      const ended = once(child, 'exit') as Promise<[number | null, string | null]>
      for (const signal of signals) {
        child.kill(signal)
        await new Promise((resolve) => setTimeout(resolve, 150))
      }
      const [code, signal] = await ended
      return { code, signal, tookMs: performance.now() - begun }
    },
    kill,
    [Symbol.asyncDispose]: kill,
  }
}

/** Resolves with what standard error said until it sells. */
function sells(child: ChildProcessWithoutNullStreams): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stderr.on('data', (data: Buffer) => {
      text += data.toString()
      if (/operator on \S+\./.test(text)) resolve(text)
    })
    child.once('exit', () => reject(new Error(`the process ended and said: ${text}`)))
  })
}
