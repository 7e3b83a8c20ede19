import type { Upstream, UpstreamCall, UpstreamEnd, UpstreamSink } from '../ports/upstream.ts'
import { exchange } from './exchange.ts'
import { outgoingHeaders } from './headers.ts'
import { Pools } from './pools.ts'

/** Outgoing HTTP over pooled connections. */
export class HttpUpstream implements Upstream, AsyncDisposable {
  readonly #pools = new Pools()

  exchange(call: UpstreamCall, sink: UpstreamSink, signal: AbortSignal): Promise<UpstreamEnd> {
    const { origin, ca } = call.upstream
    const { path, method, body, free, timeouts } = call
    const wire = { origin, path, method, headers: outgoingHeaders(call), body, free, timeouts }
    return exchange(this.#pools.get(origin, ca), wire, sink, signal)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pools[Symbol.asyncDispose]()
  }
}
