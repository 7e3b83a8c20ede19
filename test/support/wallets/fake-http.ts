import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface FakeRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface FakeAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON. */
  readonly body?: unknown
}

export type Fault =
  | {
      readonly kind: 'status'
      readonly status: number
      readonly headers?: Record<string, string>
      readonly body?: unknown
    }
  /** The call is carried out and the connection cut before the answer. */
  | { readonly kind: 'lose_reply' }
  /** The connection is cut and nothing carried out. */
  | { readonly kind: 'reset' }
  /** The connection stays open, silent in both directions. */
  | { readonly kind: 'hang' }
  /** HTTP 200 that is not what the API says. */
  | { readonly kind: 'garbage' }
  | { readonly kind: 'not_http' }
  | { readonly kind: 'huge' }
  /** Half an answer, then the end of the connection. */
  | { readonly kind: 'cut' }

export interface FakeHttpOptions {
  readonly handle: (request: FakeRequest, signal: AbortSignal) => FakeAnswer | Promise<FakeAnswer>
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** The server half of a fake wallet: real sockets, and every way in which a wallet fails. */
export class FakeHttp implements AsyncDisposable {
  readonly requests: FakeRequest[] = []
  readonly #options: FakeHttpOptions
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #port = 0
  #fault: Fault | undefined
  #faultsLeft = 0
  #faultsOn: ((request: FakeRequest) => boolean) | undefined
  #linkIsDead = false
  /** Connections over which no byte will ever come again. */
  readonly #dead = new WeakSet<Socket>()

  constructor(options: FakeHttpOptions) {
    this.#options = options
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://localhost:${this.#port}`
  }

  /** The address behind `localhost`, as it stands in a URL. */
  get address(): string {
    if (!this.#server) throw new Error('the fake is stopped')
    const { address, family } = this.#server.address() as AddressInfo
    return family === 'IPv6' ? `[${address}]` : address
  }

  get openSockets(): number {
    return this.#sockets.size
  }

  /** Starts, on the port of before if there was one. */
  async start(): Promise<this> {
    const handle = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response)
    const { tls, upgrade } = this.#options
    const server = tls ? createTlsServer(tls, handle) : createServer(handle)
    server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#sockets.add(socket)
      if (this.#linkIsDead) this.#dead.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    if (upgrade) {
      server.on('upgrade', (request, socket, head) => {
        socket.on('error', () => undefined)
        upgrade(request, socket, head)
      })
    }
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, 'localhost', resolve)
    })
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
    return this
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** From now on, for so many calls; `undefined` ends it. `on` limits it to some calls. */
  fail(fault: Fault | undefined, times = Number.POSITIVE_INFINITY, on?: (request: FakeRequest) => boolean): void {
    this.#fault = fault
    this.#faultsLeft = times
    this.#faultsOn = on
  }

  /** Nothing is answered over any connection of now and until `false`; what is open then stays dead. */
  killLink(dead: boolean): void {
    this.#linkIsDead = dead
    if (dead) for (const socket of this.#sockets) this.#dead.add(socket)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    message.setEncoding('utf8')
    for await (const chunk of message) body += String(chunk)
    const target = message.url ?? '/'
    const { method = 'GET', headers } = message
    const request = { method, target, url: new URL(target, 'http://fake'), headers, body }
    this.requests.push(request)
    if (this.#dead.has(message.socket)) return
    const fault = this.#nextFault(request)
    if (fault && spoil(fault, response)) return
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const answer = await this.#options.handle(request, gone.signal)
    if (fault?.kind === 'lose_reply') message.socket.destroy()
    else write(response, answer)
  }

  #nextFault(request: FakeRequest): Fault | undefined {
    if (!this.#fault || this.#faultsLeft <= 0 || this.#faultsOn?.(request) === false) return undefined
    this.#faultsLeft -= 1
    return this.#fault
  }
}

function write(response: ServerResponse, { status, headers = {}, body = '' }: FakeAnswer): void {
  if (response.destroyed) return
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const type = typeof body === 'string' ? 'text/plain' : 'application/json'
  response.writeHead(status, { 'content-type': type, ...headers })
  response.end(text)
}

/** @returns whether the request is dealt with */
function spoil(fault: Fault, response: ServerResponse): boolean {
  switch (fault.kind) {
    case 'lose_reply':
      return false
    case 'status':
      write(response, fault)
      return true
    case 'reset':
      response.socket?.destroy()
      return true
    case 'hang':
      return true
    case 'garbage':
      write(response, { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Welcome to nginx!</html>' })
      return true
    case 'not_http':
      response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n')
      return true
    case 'huge':
      write(response, { status: 200, body: `{"filler":"${'x'.repeat(2 * 1024 * 1024)}"}` })
      return true
    case 'cut':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('{"paymentHash":')
      setImmediate(() => response.socket?.destroy())
      return true
  }
}
