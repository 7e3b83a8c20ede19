import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'

/** A child process that was started and can be ended in any way. */
export interface Started {
  readonly pid: number
  readonly alive: boolean
  /** It ended by SIGKILL, and not by itself. */
  readonly killed: boolean
  /** Resolves when it has ended. */
  readonly ended: Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Ends it by SIGKILL and waits for that. */
  kill(): Promise<void>
}

/** Every child that may still live. */
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

export interface StartOptions {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** All that it says goes here. */
  readonly logFile: string
  /** It is started when standard error has said this. */
  readonly until: RegExp
  /** Told of the process before it is started. */
  readonly onSpawned?: (started: Started) => void
}

/** @throws Error when the process ends before it says what it should */
export async function start({ args, env = {}, logFile, until, onSpawned }: StartOptions): Promise<Started> {
  const child = spawn(process.execPath, ['--import', join(import.meta.dirname, 'ends-with-parent.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  children.add(child)
  const log = createWriteStream(logFile, { flags: 'a' })
  let said = ''
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  const ended = once(child, 'exit').then(() => {
    children.delete(child)
    log.end()
  })
  const spoke = new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString()
      if (until.test(said)) resolve()
    })
    void ended.then(() => reject(new Error(`the process ended and said: ${said}`)))
  })
  const started: Started = {
    pid: child.pid ?? 0,
    get alive() {
      return child.exitCode === null && child.signalCode === null
    },
    get killed() {
      return child.signalCode === 'SIGKILL'
    },
    ended,
    signal: (signal) => void child.kill(signal),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
  onSpawned?.(started)
  await spoke
  return started
}

/** Waits until something holds. @throws Error after `withinMs` */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const untilMs = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await passed(10)
  }
}
