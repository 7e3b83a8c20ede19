import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** The benchmark's processes: the proxies on one core, upstream and load on the other, where cores can be chosen. */
export interface Child {
  readonly port: number
  /** Of the operator's listener, where there is one. */
  readonly adminPort: number | undefined
  /** CPU time used so far, all threads, ms. */
  cpuMs(): Promise<number>
  /** What the process takes after garbage was collected: its JavaScript heap, and all of it. */
  memory(): Promise<{ readonly heapBytes: number; readonly rssBytes: number }>
  /** Sends a message; its answer. */
  ask(question: object): Promise<unknown>
  stop(): Promise<void>
}

export const canPin = spawnSync('taskset', ['-c', '0', 'true']).status === 0

export async function startChild(file: string, args: readonly string[], core: number): Promise<Child> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(process.env.BENCH_PROFILE && { execArgv: ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_PROFILE}`] }),
  })
  if (canPin && child.pid !== undefined) pin(child.pid, core)
  const { port, adminPort } = (await message(child)) as { port: number; adminPort?: number }
  if (canPin && child.pid !== undefined) pin(child.pid, core)
  return {
    port,
    adminPort,
    async memory() {
      child.send('memory')
      return (await message(child)) as { heapBytes: number; rssBytes: number }
    },
    async cpuMs() {
      child.send('cpu')
      return ((await message(child)) as { cpuMs: number }).cpuMs
    },
    async ask(question) {
      child.send(question)
      return await message(child)
    },
    async stop() {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}

/** All threads of a process, those to come included. */
export function pin(pid: number, core: number): void {
  spawnSync('taskset', ['-a', '-cp', String(core), String(pid)])
}

async function message(child: ChildProcess): Promise<unknown> {
  const heard = new AbortController()
  const { signal } = heard
  try {
    const [value] = (await Promise.race([once(child, 'message', { signal }), exitOf(child, signal)])) as [unknown]
    return value
  } finally {
    heard.abort()
  }
}

async function exitOf(child: ChildProcess, signal: AbortSignal): Promise<never> {
  const [code] = (await once(child, 'exit', { signal })) as [number]
  throw new Error(`a benchmark process ended with code ${code}`)
}

/** Called in the child: tells its port once it listens, answers questions about CPU time, ends with its parent. */
export function reportListening(server: Server): void {
  server.listen(0, '127.0.0.1', () => report((server.address() as AddressInfo).port))
}

export function report(port: number, adminPort?: number): void {
  process.on('message', (question) => {
    if (question === 'memory') {
      collectGarbage()
      const { heapUsed: heapBytes, rss: rssBytes } = process.memoryUsage()
      process.send?.({ heapBytes, rssBytes })
      return
    }
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuMs: (user + system) / 1000 })
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ port, adminPort })
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}
