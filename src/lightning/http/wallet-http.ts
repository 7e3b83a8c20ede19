import type { Socket } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import { buildConnector, Pool, WebSocket } from 'undici'
import { WalletError } from '../../ports/wallet.ts'
import { type Endpoint, transportError } from './transport-error.ts'

export interface WalletHttpOptions {
  /** What sentences call the other side: `phoenixd`, `BTCPay Server`. */
  readonly service: string
  /** `http(s)://host[:port][/path]`; the path is put before every call's. */
  readonly url: string
  /** Sent with every call; the credential is among them. */
  readonly headers: Readonly<Record<string, string>>
  /** PEM of the only authorities to trust; undefined: those the machine trusts. */
  readonly ca?: string | undefined
  /** A certificate with this name is taken too, where only `ca` is trusted: such software names itself, not its host. */
  readonly alsoNamed?: string | undefined
  readonly maxReplyBytes?: number
}

export interface WalletCall {
  readonly method: 'GET' | 'POST'
  /** Begins with a slash; may carry a query. */
  readonly path: string
  readonly body?:
    | { readonly form: Readonly<Record<string, string>> }
    | { readonly json: Readonly<Record<string, unknown>> }
}

/** An answer of any status, whole. It may hold a preimage: it goes into no message. */
export interface WalletReply {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
}

const defaultMaxReplyBytes = 1024 * 1024
/** Below the idle time of common servers: a call sent into a closing connection would be lost. */
const idleConnectionMs = 3_000
const connectTimeoutMs = 10_000
const maxConnections = 32

/**
 * HTTP to one wallet: its connections, its credential, a limit on what it may answer. Redirects are not followed and
 * nothing is sent twice. Every call ends by its signal alone.
 */
export class WalletHttp implements AsyncDisposable {
  readonly endpoint: Endpoint
  readonly #headers: Readonly<Record<string, string>>
  readonly #prefix: string
  readonly #socketUrl: string
  readonly #maxReplyBytes: number
  readonly #pool: Pool
  readonly #sockets = new Set<Socket>()

  /** @throws WalletError `rejected` when the URL is not one that can be called */
  constructor(options: WalletHttpOptions) {
    const url = readUrl(options)
    this.endpoint = { service: options.service, host: url.host, secure: url.protocol === 'https:' }
    this.#prefix = url.pathname.replace(/\/+$/, '')
    this.#socketUrl = `${this.endpoint.secure ? 'wss' : 'ws'}://${url.host}${this.#prefix}`
    this.#headers = options.headers
    this.#maxReplyBytes = options.maxReplyBytes ?? defaultMaxReplyBytes
    const connect = buildConnector({
      timeout: connectTimeoutMs,
      ...(options.ca !== undefined && { ca: options.ca, checkServerIdentity: identityCheck(options.alsoNamed) }),
    })
    this.#pool = new Pool(url.origin, {
      allowH2: false,
      pipelining: 1,
      connections: maxConnections,
      keepAliveTimeout: idleConnectionMs,
      keepAliveMaxTimeout: idleConnectionMs,
      headersTimeout: 0,
      bodyTimeout: 0,
      // A websocket leaves the pool, so its connection is remembered here.
      connect: (target, done) =>
        connect(target, (error, socket) => {
          if (error) return done(error, null)
          this.#sockets.add(socket)
          socket.once('close', () => this.#sockets.delete(socket))
          done(null, socket)
        }),
    })
  }

  /**
   * Sends one call and reads the whole answer, whatever its status.
   * @throws WalletError `unavailable`, `timeout`, `protocol`
   */
  async send(call: WalletCall, signal: AbortSignal): Promise<WalletReply> {
    const { contentType, body } = encodeBody(call)
    try {
      const answer = await this.#pool.request({
        method: call.method,
        path: `${this.#prefix}${call.path}`,
        headers: { accept: 'application/json', ...(contentType && { 'content-type': contentType }), ...this.#headers },
        body,
        signal,
      })
      const retryAfter = answer.headers['retry-after']
      return {
        status: answer.statusCode,
        retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
        text: await this.#readText(answer.body),
      }
    } catch (thrown) {
      throw transportError(this.endpoint, thrown, signal)
    }
  }

  /** Opens a websocket on the same host with the same credential. Closing it is the caller's business; dispose cuts it. */
  openWebSocket(path: string): WebSocket {
    return new WebSocket(`${this.#socketUrl}${path}`, { headers: { ...this.#headers }, dispatcher: this.#pool })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy()
    for (const socket of this.#sockets) socket.destroy()
  }

  async #readText(body: AsyncIterable<Uint8Array>): Promise<string> {
    const chunks: Uint8Array[] = []
    let length = 0
    // Leaving the loop early destroys the body, and its connection with it.
    for await (const chunk of body) {
      length += chunk.length
      if (length > this.#maxReplyBytes) {
        throw new WalletError(
          'protocol',
          `${this.endpoint.service} at ${this.endpoint.host} answered with more than ${this.#maxReplyBytes} bytes.`,
        )
      }
      chunks.push(chunk)
    }
    return Buffer.concat(chunks, length).toString('utf8')
  }
}

function identityCheck(alsoNamed: string | undefined): typeof checkServerIdentity {
  return (host, certificate) => {
    const problem = checkServerIdentity(host, certificate)
    return problem && alsoNamed !== undefined ? checkServerIdentity(alsoNamed, certificate) : problem
  }
}

function encodeBody({ body }: WalletCall): { contentType: string | undefined; body: string | null } {
  if (body === undefined) return { contentType: undefined, body: null }
  if ('json' in body) return { contentType: 'application/json', body: JSON.stringify(body.json) }
  return { contentType: 'application/x-www-form-urlencoded', body: new URLSearchParams(body.form).toString() }
}

function readUrl({ service, url }: WalletHttpOptions): URL {
  const parsed = URL.parse(url)
  const usable =
    parsed &&
    (parsed.protocol === 'http:' || parsed.protocol === 'https:') &&
    parsed.username === '' &&
    parsed.password === '' &&
    parsed.search === '' &&
    parsed.hash === ''
  if (!usable) {
    throw new WalletError(
      'rejected',
      `The url of ${service} is not of the form https://host:port; write it without user name, password or query.`,
    )
  }
  return parsed
}
