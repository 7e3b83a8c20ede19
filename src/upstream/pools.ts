import { Pool } from 'undici'

/**
 * Connections kept open this long without use are closed by us, before common servers (5 s) close them: a request sent
 * into a closing connection would be lost.
 */
const idleConnectionMs = 3_000
const connectTimeoutMs = 10_000

/** One pool of connections for each origin and set of trusted authorities. */
export class Pools implements AsyncDisposable {
  readonly #pools = new Map<string, Pool>()

  get(origin: string, ca: string | undefined): Pool {
    const key = ca === undefined ? origin : `${origin} ${ca}`
    let pool = this.#pools.get(key)
    if (!pool) {
      pool = new Pool(origin, {
        allowH2: false,
        pipelining: 1,
        keepAliveTimeout: idleConnectionMs,
        keepAliveMaxTimeout: idleConnectionMs,
        // Every call has deadlines of its own.
        headersTimeout: 0,
        bodyTimeout: 0,
        connect: { timeout: connectTimeoutMs, ...(ca !== undefined && { ca }) },
      })
      this.#pools.set(key, pool)
    }
    return pool
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
    this.#pools.clear()
  }
}
