/** One HTTP call to an upstream, complete: nothing is added to it or taken from it afterwards. */
export interface UpstreamCall {
  /** `http://host:port`. */
  readonly origin: string
  /** Path and query exactly as they go on the request line. */
  readonly path: string
  readonly method: string
  /** Name, value, name, value. */
  readonly headers: readonly string[]
  readonly body: Uint8Array | null
  readonly totalMs: number
  readonly firstByteMs: number
  readonly idleMs: number
}

export interface UpstreamHead {
  readonly status: number
  /** Name, value, name, value, as received. */
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
  | { readonly kind: 'fault'; readonly fault: UpstreamFault; readonly sent: boolean; readonly begun: boolean; readonly cause: unknown }

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
}
