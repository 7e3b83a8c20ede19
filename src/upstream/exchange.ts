import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { reach } from '../failpoints.ts'
import type { UpstreamCall, UpstreamEnd, UpstreamFault, UpstreamHead, UpstreamSink } from '../ports/upstream.ts'
import { incomingHeaders } from './headers.ts'

/** A call as it goes on the wire. */
export interface WireCall {
  readonly origin: string
  readonly path: string
  readonly method: string
  /** Name, value, name, value. */
  readonly headers: readonly string[]
  readonly body: Uint8Array | Readable | null
  readonly free: boolean
  /** The call gets a connection that nothing else uses after it. */
  readonly lastOnConnection: boolean
  readonly timeouts: UpstreamCall['timeouts']
}

/**
 * One HTTP exchange on a dispatcher: sends the call, feeds the sink, and resolves with how it ended. Deadlines are the
 * call's own: the whole exchange, the first byte, and the gap between two pieces.
 */
export function exchange(
  dispatcher: Dispatcher,
  call: WireCall,
  sink: UpstreamSink,
  signal: AbortSignal,
): Promise<UpstreamEnd> {
  const { promise, resolve } = Promise.withResolvers<UpstreamEnd>()
  const handler = new ExchangeHandler(call, sink, signal, resolve)
  try {
    dispatcher.dispatch(
      {
        origin: call.origin,
        path: call.path,
        method: call.method,
        headers: call.headers as string[],
        body: call.body instanceof Uint8Array && call.body.length === 0 ? null : call.body,
        ...(call.lastOnConnection && { reset: true }),
      },
      handler,
    )
  } catch (thrown) {
    handler.onResponseError(undefined, thrown)
  }
  return promise
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #call: WireCall
  readonly #sink: UpstreamSink
  readonly #signal: AbortSignal
  readonly #resolve: (end: UpstreamEnd) => void
  readonly #total: NodeJS.Timeout
  #gap: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | undefined
  #begun = false
  #ended = false
  readonly #onAbort = () => this.#fail('aborted', this.#signal.reason)

  constructor(call: WireCall, sink: UpstreamSink, signal: AbortSignal, resolve: (end: UpstreamEnd) => void) {
    this.#call = call
    this.#sink = sink
    this.#signal = signal
    this.#resolve = resolve
    this.#total = setTimeout(() => this.#fail('total_timeout', undefined), call.timeouts.totalMs)
    this.#gap = setTimeout(() => this.#fail('first_byte_timeout', undefined), call.timeouts.firstByteMs)
    signal.addEventListener('abort', this.#onAbort, { once: true })
    if (signal.aborted) this.#onAbort()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended) {
      controller.abort(new Error('the call is over'))
      return
    }
    this.#controller = controller
  }

  onRequestSent(): void {
    reach('sent')
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#ended || status < 200) return
    this.#begun = true
    clearTimeout(this.#gap)
    this.#gap = setTimeout(() => this.#fail('idle_timeout', undefined), this.#call.timeouts.idleMs)
    const received = flatHeaders(controller.rawHeaders)
    const framing = framingOf(this.#call.method, status, received)
    this.#sink.head({ status, headers: incomingHeaders(received, this.#call.free), framing })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ended) return
    this.#gap.refresh()
    const taken = this.#sink.data(chunk)
    if (!taken) return
    controller.pause()
    taken.then(
      () => {
        this.#gap.refresh()
        controller.resume()
      },
      (reason: unknown) => this.#fail('aborted', reason),
    )
  }

  onResponseEnd(
    _controller: Dispatcher.DispatchController,
    trailers: Record<string, string | string[] | undefined>,
  ): void {
    const flat = Object.entries(trailers ?? {}).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value ?? '']).flatMap((each) => [name, each]),
    )
    this.#end({ kind: 'complete', trailers: flat })
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: unknown): void {
    this.#fail(faultOf(error), error)
  }

  #fail(fault: UpstreamFault, cause: unknown): void {
    if (this.#ended) return
    this.#end({ kind: 'fault', fault, sent: this.#controller !== undefined, begun: this.#begun, cause })
    this.#controller?.abort(cause instanceof Error ? cause : new Error(fault))
  }

  #end(end: UpstreamEnd): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#total)
    clearTimeout(this.#gap)
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#resolve(end)
  }
}

function flatHeaders(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (Array.isArray(raw)) return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))
  return Object.entries(raw ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).flatMap((each) => [name, each]),
  )
}

/** How the end of a body is known: RFC 9112, section 6.3. */
function framingOf(method: string, status: number, headers: readonly string[]): UpstreamHead['framing'] {
  if (method === 'HEAD' || status === 204 || status === 304) return 'none'
  let framing: UpstreamHead['framing'] = 'close'
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]?.toLowerCase()
    if (name === 'transfer-encoding' && /(?:^|,)\s*chunked\s*$/i.test(headers[at + 1] ?? '')) return 'chunked'
    if (name === 'content-length') framing = 'length'
  }
  return framing
}

function faultOf(error: unknown): UpstreamFault {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  switch (code) {
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
    case 'ENOENT':
      return 'refused'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
      return 'dns'
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return 'connect_timeout'
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
    case 'UND_ERR_CLOSED':
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return 'reset'
    default:
      return /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|EPROTO|HOSTNAME_MISMATCH|INVALID_CA)/.test(
        code,
      )
        ? 'tls'
        : 'protocol'
  }
}
