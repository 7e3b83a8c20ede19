import type { HealthCheck, UpstreamLimits } from '../ports/guard.ts'
import type { Upstream, UpstreamCall } from '../ports/upstream.ts'

/** An upstream that is checked. */
export type CheckedUpstream = Pick<UpstreamLimits, 'name' | 'origin' | 'ca'> & { readonly health: HealthCheck }

interface Loop {
  readonly checked: CheckedUpstream
  readonly stop: AbortController
  readonly ended: Promise<void>
}

export interface HealthChecksOptions {
  readonly upstream: Pick<Upstream, 'exchange'>
  /** What is to be checked now; read again every second, since a reload may change it. */
  readonly checked: () => readonly CheckedUpstream[]
  readonly onChecked: (name: string, good: boolean) => void
  /** An upstream that was checked no longer is. */
  readonly onStopped: (name: string) => void
  readonly newRequestId: () => string
}

const reconcileEveryMs = 1_000
/** The first check comes soon, but not from every replica in the same moment. */
const firstWithinMs = 500
/** More of an answer is not read. */
const maxBodyBytes = 64 * 1024

/** Asks upstreams how they are: one loop each, so that no check overlaps another. Disposing ends them all. */
export class HealthChecks implements AsyncDisposable {
  readonly #options: HealthChecksOptions
  readonly #loops = new Map<string, Loop>()
  readonly #timer: NodeJS.Timeout

  constructor(options: HealthChecksOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#reconcile(), reconcileEveryMs)
    this.#timer.unref()
    this.#reconcile()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    const loops = [...this.#loops.values()]
    for (const { stop } of loops) stop.abort()
    await Promise.all(loops.map(({ ended }) => ended))
    this.#loops.clear()
  }

  #reconcile(): void {
    const wanted = new Map(this.#options.checked().map((each) => [each.name, each]))
    for (const [name, loop] of this.#loops) {
      const still = wanted.get(name)
      if (still && isSame(still, loop.checked)) {
        wanted.delete(name)
        continue
      }
      loop.stop.abort()
      this.#loops.delete(name)
      if (!still) this.#options.onStopped(name)
    }
    for (const [name, checked] of wanted) {
      const stop = new AbortController()
      this.#loops.set(name, { checked, stop, ended: this.#run(checked, stop.signal) })
    }
  }

  async #run(checked: CheckedUpstream, signal: AbortSignal): Promise<void> {
    const { everyMs } = checked.health
    await pause(Math.random() * Math.min(everyMs, firstWithinMs), signal)
    while (!signal.aborted) {
      const good = await this.#check(checked, signal)
      if (signal.aborted) return
      this.#options.onChecked(checked.name, good)
      await pause(everyMs * (0.9 + 0.2 * Math.random()), signal)
    }
  }

  async #check({ name, origin, ca, health }: CheckedUpstream, signal: AbortSignal): Promise<boolean> {
    const { timeoutMs, expect } = health
    const enough = new AbortController()
    const call: UpstreamCall = {
      upstream: { name, origin, ca, headers: health.headers, forwardHeaders: [] },
      path: health.path,
      method: 'GET',
      client: {
        rawHeaders: ['user-agent', 'turnpike-health'],
        address: '127.0.0.1',
        host: 'localhost',
        scheme: 'http',
      },
      free: true,
      requestId: this.#options.newRequestId(),
      idempotencyKey: undefined,
      contentType: undefined,
      body: null,
      timeouts: { totalMs: timeoutMs, firstByteMs: timeoutMs, idleMs: timeoutMs },
    }
    let status: number | undefined
    let size = 0
    const sink = {
      head: (head: { status: number }) => {
        status = head.status
      },
      data: (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBodyBytes) enough.abort()
        return undefined
      },
    }
    const end = await this.#options.upstream.exchange(call, sink, AbortSignal.any([signal, enough.signal]))
    if (status === undefined || (end.kind === 'fault' && !enough.signal.aborted)) return false
    return expect ? expect.includes(status) : status >= 200 && status < 300
  }
}

const isSame = (a: CheckedUpstream, b: CheckedUpstream): boolean => JSON.stringify(a) === JSON.stringify(b)

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const over = () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', over)
    resolve()
  }
  const timer = setTimeout(over, ms)
  signal.addEventListener('abort', over)
  if (signal.aborted) over()
  return promise
}
