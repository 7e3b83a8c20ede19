import type { IncomingMessage } from 'node:http'
import type { Duplex, Readable } from 'node:stream'

/** Where a call goes and what the operator adds to it. */
export interface UpstreamTarget {
  /** Limits and health belong to this name. */
  readonly name: string
  /** `http://host:port`. */
  readonly origin: string
  /** PEM of the authorities to trust instead of the usual ones. */
  readonly ca: string | undefined
  /** Set on every call, lower-case names; they replace what the client sent. */
  readonly headers: Readonly<Record<string, string>>
  /** Headers of the client that are passed on besides the usual ones, lower case. */
  readonly forwardHeaders: readonly string[]
}

/** What is passed on about the client. */
export interface ClientFacts {
  /** Name, value, name, value, as received. */
  readonly rawHeaders: readonly string[]
  readonly address: string
  readonly host: string
  readonly scheme: 'http' | 'https'
}

/** One HTTP call to an upstream. */
export interface UpstreamCall {
  readonly upstream: UpstreamTarget
  /** Path and query exactly as they go on the request line. */
  readonly path: string
  readonly method: string
  readonly client: ClientFacts
  /** On a free route conditions, ranges and encodings are passed on; on a priced one only whole results are asked for. */
  readonly free: boolean
  readonly requestId: string
  readonly idempotencyKey: string | undefined
  /** Replaces the client's Content-Type. */
  readonly contentType: string | undefined
  readonly body: Uint8Array | Readable | null
  readonly timeouts: { readonly totalMs: number; readonly firstByteMs: number; readonly idleMs: number }
}

export interface UpstreamHead {
  readonly status: number
  /** Name, value, name, value, as they may go to the buyer: nothing hop-by-hop, no cookies. */
  readonly headers: readonly string[]
  /** How the end of the body is known. `close` cannot tell a whole body from a cut one. */
  readonly framing: 'length' | 'chunked' | 'none' | 'close'
}

/** Why a call brought no whole answer. */
export type UpstreamFault =
  | 'refused'
  | 'dns'
  | 'tls'
  | 'connect_timeout'
  | 'reset'
  | 'first_byte_timeout'
  | 'idle_timeout'
  | 'total_timeout'
  | 'protocol'
  | 'aborted'

export type UpstreamEnd =
  | { readonly kind: 'complete'; readonly trailers: readonly string[] }
  /** `sent`: bytes of the request may have reached the upstream. `begun`: a response head was seen. */
  | {
      readonly kind: 'fault'
      readonly fault: UpstreamFault
      readonly sent: boolean
      readonly begun: boolean
      readonly cause: unknown
    }

export interface UpstreamSink {
  head(head: UpstreamHead): void
  /**
   * Takes a chunk of the body. A promise holds the upstream back until it resolves; a rejection aborts the call with
   * fault `aborted` and the rejection as cause.
   */
  data(chunk: Buffer): Promise<void> | undefined
}

/** Outgoing HTTP. */
export interface Upstream {
  /** Makes the call and reports once how it ended. Never rejects: a failure is an `UpstreamEnd`. */
  exchange(call: UpstreamCall, sink: UpstreamSink, signal: AbortSignal): Promise<UpstreamEnd>
  /** Joins a client's WebSocket handshake to the upstream's. Errors close the socket. */
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer, to: UpgradeTarget): void
}

export interface UpgradeTarget {
  readonly upstream: UpstreamTarget
  /** Path and query. */
  readonly path: string
  readonly client: ClientFacts
  readonly requestId: string
  /** Answers the client when the upstream asks for payment instead. */
  readonly refuse: () => void
  /** Until the upstream answers the handshake. */
  readonly answerWithinMs: number
  /** Both ends are closed when no byte went either way for so long. */
  readonly idleMs: number
  /** Called once, when the client's end and the upstream's are closed, whatever came of the handshake. */
  readonly closed: () => void
}
