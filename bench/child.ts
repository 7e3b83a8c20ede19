import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { fileURLToPath } from 'node:url'

/** The benchmark's processes: the proxies on one core, upstream and load on the other, where cores can be chosen. */
export interface Child {
  readonly port: number
  /** CPU time used so far, all threads, ms. */
  cpuMs(): Promise<number>
  stop(): Promise<void>
}

export const canPin = spawnSync('taskset', ['-c', '0', 'true']).status === 0

export async function startChild(file: string, args: readonly string[], core: number): Promise<Child> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(process.env.BENCH_PROFILE && { execArgv: ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_PROFILE}`] }),
  })
  if (canPin && child.pid !== undefined) pin(child.pid, core)
  const { port } = (await message(child)) as { port: number }
  if (canPin && child.pid !== undefined) pin(child.pid, core)
  return {
    port,
    async cpuMs() {
      child.send('cpu')
      return ((await message(child)) as { cpuMs: number }).cpuMs
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
  const settled = new AbortController()
  const { signal } = settled
  try {
    const ended = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`a benchmark process ended with code ${code}`)
    })
    const [value] = (await Promise.race([once(child, 'message', { signal }), ended])) as [unknown]
    return value
  } finally {
    settled.abort()
  }
}

/** Called in the child: tells its port once it listens, answers questions about CPU time, ends with its parent. */
export function reportListening(server: Server): void {
  server.listen(0, '127.0.0.1', () => report((server.address() as AddressInfo).port))
}

export function report(port: number): void {
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuMs: (user + system) / 1000 })
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ port })
}
