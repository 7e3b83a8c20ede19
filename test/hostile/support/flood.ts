import { parentPort, Worker, workerData } from 'node:worker_threads'
import { Agent } from 'undici'

/** Unpaid requests, as many as go, from a thread of their own, so that they do not slow down who measures. */
export interface FloodOptions {
  readonly url: string
  readonly durationMs: number
  readonly connections: number
  /** `one` client, `another` one, or as many as there are addresses. */
  readonly clients: 'one' | 'another' | 'many'
  readonly bodyBytes: number
}

/** Answers by status; 0: connections that broke. */
export type FloodCounts = Readonly<Record<number, number>>

export function flood(options: FloodOptions): Promise<FloodCounts> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

async function run({ url, durationMs, connections, clients, bodyBytes }: FloodOptions): Promise<FloodCounts> {
  const agent = new Agent({ connections, pipelining: 1 })
  const until = performance.now() + durationMs
  const body = JSON.stringify({ prompt: 'x'.repeat(bodyBytes) })
  const counts: Record<number, number> = {}
  let next = 0
  const address = (): string => {
    next++
    if (clients !== 'many') return clients === 'one' ? '198.51.100.66' : '198.51.101.66'
    return `${1 + (next % 100)}.${(next >> 8) & 255}.${next & 255}.9`
  }
  const one = async (): Promise<void> => {
    while (performance.now() < until) {
      const headers = { 'content-type': 'application/json', 'x-forwarded-for': address() }
      const status = await agent
        .request({ origin: url, path: '/make', method: 'POST', headers, body })
        .then(async (answer) => {
          await answer.body.dump()
          return answer.statusCode
        })
        .catch(() => 0)
      counts[status] = (counts[status] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: connections }, one))
  await agent.destroy()
  return counts
}

if (parentPort && workerData !== null)
  void run(workerData as FloodOptions).then((counts) => parentPort?.postMessage(counts))
