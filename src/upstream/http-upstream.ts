import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { UpgradeTarget, Upstream, UpstreamCall, UpstreamEnd, UpstreamSink } from '../ports/upstream.ts'
import { exchange } from './exchange.ts'
import { outgoingHeaders } from './headers.ts'
import { Pools } from './pools.ts'
import { WebSocketProxy } from './websocket.ts'

/** Outgoing HTTP over pooled connections. */
export class HttpUpstream implements Upstream, AsyncDisposable {
  readonly #pools = new Pools()
  readonly #webSockets = new WebSocketProxy()

  exchange(call: UpstreamCall, sink: UpstreamSink, signal: AbortSignal): Promise<UpstreamEnd> {
    const { origin, ca } = call.upstream
    const { path, method, body, free, timeouts } = call
    // A server that answers without reading the body takes the rest of the connection for further requests. JSON that
    // was written here cannot be one; bytes of the client's can, so their connection ends with them.
    const lastOnConnection = body !== null && call.contentType !== 'application/json'
    const wire = { origin, path, method, headers: outgoingHeaders(call), body, free, lastOnConnection, timeouts }
    return exchange(this.#pools.get(origin, ca), wire, sink, signal)
  }

  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer, to: UpgradeTarget): void {
    this.#webSockets.join(incoming, socket, head, to)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#webSockets.close()
    return this.#pools[Symbol.asyncDispose]()
  }
}
