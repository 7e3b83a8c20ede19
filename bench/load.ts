import { connect, type Socket } from 'node:net'

export interface LoadResult {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly requests: number
  /** Answers by status. */
  readonly statuses: Readonly<Record<number, number>>
}

export interface LoadOptions {
  readonly port: number
  readonly connections: number
  readonly durationMs: number
  /** The next request as bytes; undefined ends the load. */
  readonly next: () => Buffer | undefined
}

/**
 * Closed-loop load over bare sockets: every connection sends its next request when the answer to the last one is whole.
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = []
  const statuses: Record<number, number> = {}
  const begun = performance.now()
  const until = begun + options.durationMs
  await Promise.all(
    Array.from({ length: options.connections }, () =>
      runConnection(options, until, (status, ms) => {
        latencies.push(ms)
        statuses[status] = (statuses[status] ?? 0) + 1
      }),
    ),
  )
  const seconds = (performance.now() - begun) / 1000
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return {
    perSecond: latencies.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    requests: latencies.length,
    statuses,
  }
}

function runConnection(
  { port, next }: LoadOptions,
  until: number,
  record: (status: number, ms: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let sentAt = 0
    let received: Buffer = Buffer.alloc(0)
    const send = (): void => {
      const request = performance.now() < until ? next() : undefined
      if (!request) {
        socket.end()
        resolve()
        return
      }
      sentAt = performance.now()
      socket.write(request)
    }
    socket.on('connect', send)
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = received.toString('latin1', 0, end)
      const length = Number(/\r\ncontent-length: *([0-9]+)/i.exec(head)?.[1] ?? Number.NaN)
      if (Number.isNaN(length)) {
        reject(new Error(`an answer without a length: ${head}`))
        socket.destroy()
        return
      }
      if (received.length < end + 4 + length) return
      received = received.subarray(end + 4 + length)
      record(Number(head.slice(9, 12)), performance.now() - sentAt)
      send()
    })
    socket.on('error', reject)
  })
}
