import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import type { Config } from '../config/config.ts'
import type { ListenAddress } from '../config/scalars.ts'
import type { Connections } from '../gateway/limits/connections.ts'
import { acceptFrom } from './acceptors.ts'
import { CommandError, exitCodes } from './exit-codes.ts'
import { readTlsFiles, watchTlsFiles } from './tls-files.ts'

export interface ListenOptions {
  /** A Hono app's `fetch`. */
  readonly fetch: (request: Request, env: HttpBindings) => Response | Promise<Response>
  readonly address: ListenAddress
  /** HTTPS with these files, which are read again when they change. */
  readonly tls?: Config['tls']
  /** Told of files that changed: taken up, or why not; then the earlier ones go on. */
  readonly onTlsChange?: (problem: unknown) => void
  readonly onUpgrade?: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** How many there may be. */
  readonly connections?: Connections
  /**
   * For probes and the operator: a request has to come whole within seconds, and an answer that only waits for its
   * client to take it keeps no place from others.
   */
  readonly isOperator?: boolean
}

export interface Listener extends AsyncDisposable {
  readonly address: ListenAddress
  readonly server: Server
  /**
   * Takes no connection any more, closes the idle ones, and has every answer from now on close its own. WebSockets are
   * cut: they have no end to wait for. Resolves when the last connection is closed, however long that takes.
   */
  drain(): Promise<void>
  /** Drains; connections that are still open after a second are cut. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A slow head is cut here; bodies have a limit of their own. */
const headersTimeoutMs = 10_000
/** Bodies that probes and the operator send are short. */
const operatorRequestMs = 10_000
/** Answers that are ended and stand still. When one is out, Node puts the time until the next request in its place. */
const stallMs = { public: 120_000, operator: 10_000 }
/** Node looks this often for slow heads; its own 30 s would let them live four times as long. */
const checkEveryMs = 2_000
/** Above the idle time of common load balancers (60 s), or they would write into a closing connection. */
const keepAliveTimeoutMs = 75_000
/** For a last answer to reach its client, and to be noticed by one that is sending still. */
const goodbyeMs = 1_000
const maxHeaderBytes = 16 * 1024

const tlsHandshakeTimeoutMs = 10_000

/** Serves an app. @throws CommandError when the address cannot be listened on */
export async function listen({
  fetch,
  address,
  tls,
  onTlsChange,
  onUpgrade,
  connections,
  isOperator = false,
}: ListenOptions): Promise<Listener> {
  const listener = getRequestListener(fetch as Parameters<typeof getRequestListener>[0], {
    overrideGlobalObjects: false,
    errorHandler: () => badRequest(),
  })
  const options = {
    headersTimeout: headersTimeoutMs,
    connectionsCheckingInterval: checkEveryMs,
    requestTimeout: isOperator ? operatorRequestMs : 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: maxHeaderBytes,
    noDelay: true,
    // Any other upgrade (h2c, for one) is ignored, as RFC 9110 allows, and the request served as it is.
    shouldUpgradeCallback: (incoming: IncomingMessage) =>
      onUpgrade !== undefined && incoming.headers.upgrade?.toLowerCase() === 'websocket',
  }
  const open = new Set<ServerResponse>()
  /** The answer to the last request on a connection. */
  const lastAnswers = new WeakMap<Duplex, ServerResponse>()
  /** The answer that is for the client of a connection to take. */
  const standing = new WeakMap<Duplex, ServerResponse>()
  let draining: Promise<void> | undefined
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (draining) outgoing.shouldKeepAlive = false
    open.add(outgoing)
    lastAnswers.set(incoming.socket, outgoing)
    const answered = connections?.busy(incoming.socket)
    const { socket } = incoming
    const standsMs = isOperator ? stallMs.operator : stallMs.public
    // All of it is handed over, and the connection is no other request's: what is left is for the client to take.
    outgoing.once('prefinish', () => {
      standing.set(socket, outgoing)
      socket.setTimeout(standsMs)
      if (isOperator) answered?.()
    })
    outgoing.once('finish', () => {
      // The next request is here already, and may take as long as it likes.
      if (socket.timeout === standsMs && standing.get(socket) === outgoing) socket.setTimeout(0)
      if (!incoming.complete) endUnread(incoming, socket)
    })
    outgoing.once('close', () => {
      open.delete(outgoing)
      answered?.()
    })
    void listener(incoming, outgoing)
  }
  const secure =
    tls &&
    createTlsServer(
      { ...options, ...readTlsFiles(tls), minVersion: 'TLSv1.2', handshakeTimeout: tlsHandshakeTimeoutMs },
      onRequest,
    )
  const server: Server = secure ?? createServer(options, onRequest)
  if (connections) admitOnly(server, connections)
  const upgraded = new Set<Duplex>()
  if (onUpgrade) {
    server.on('upgrade', (incoming, socket, head) => {
      // The connection is not free for anything else before the answer is out.
      if (isUnderWay(lastAnswers.get(socket))) return void socket.destroy()
      connections?.busy(incoming.socket)
      upgraded.add(socket)
      socket.once('close', () => upgraded.delete(socket))
      onUpgrade(incoming, socket, head)
    })
  }
  server.on('clientError', (error, socket) => refuseUnreadable(error, socket, lastAnswers.get(socket)))
  const stopAccepting = await acceptFrom(server, address).catch((error: NodeJS.ErrnoException) => {
    throw listenError(address, error)
  })
  const drain = (): Promise<void> => {
    // Only a head that was not sent can still say so.
    for (const outgoing of open) outgoing.shouldKeepAlive = false
    return (draining ??= close(server, stopAccepting, upgraded))
  }
  const bound = server.address() as AddressInfo
  const watched = secure && tls && watchTlsFiles(tls, (files) => secure.setSecureContext(files), onTlsChange)
  return {
    address: { host: address.host, port: bound.port },
    server,
    drain,
    async [Symbol.asyncDispose]() {
      watched?.[Symbol.dispose]()
      const timer = setTimeout(() => server.closeAllConnections(), goodbyeMs)
      await drain()
      clearTimeout(timer)
    },
  }
}

/**
 * What comes of a body after its answer is thrown away, however much it is; so it may not come for long. A request that
 * was broken off has no socket any more.
 */
function endUnread(incoming: IncomingMessage, socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), goodbyeMs)
  incoming.once('close', () => clearTimeout(timer))
}

/** What is not admitted reaches neither TLS nor the parser. */
function admitOnly(server: Server, connections: Connections): void {
  const accept = server.listeners('connection') as ((this: Server, socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    if (connections.admit(socket)) for (const each of accept) each.call(server, socket)
  })
}

export const formatAddress = ({ host, port }: ListenAddress): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

/** What the HTTP parser itself refuses. @param last the answer to the last request that could be read */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex, last: ServerResponse | undefined): void {
  const isAnswering = isUnderWay(last)
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  if (isAnswering && last.req.complete) {
    // What comes behind a request is no reason to write into the answer to it.
    last.shouldKeepAlive = false
    // Else it could send on for ever and look busy, while it takes nothing of the answer.
    socket.pause()
    if (last.listeners('finish').includes(endSocket)) return
    last.once('finish', endSocket)
    return
  }
  if (isAnswering && last.headersSent) {
    socket.destroy()
    return
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  const body = `${JSON.stringify({ title: 'The request cannot be read', status: Number(status.slice(0, 3)), code: 'bad_request' })}\n`
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  leaveSoon(socket)
}

const isUnderWay = (answer: ServerResponse | undefined): answer is ServerResponse =>
  answer !== undefined && !answer.writableFinished && !answer.destroyed

function endSocket(this: ServerResponse): void {
  const { socket } = this.req
  socket.end()
  leaveSoon(socket)
}

/** An end that was sent is not waited for to be answered for long. */
function leaveSoon(socket: Duplex): void {
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), goodbyeMs)
  socket.once('close', () => clearTimeout(timer))
}

const badRequest = () =>
  Response.json(
    { title: 'The request target or Host header is not acceptable', status: 400, code: 'bad_target' },
    { status: 400 },
  )

function listenError({ host, port }: ListenAddress, error: NodeJS.ErrnoException): CommandError {
  const where = formatAddress({ host, port })
  switch (error.code) {
    case 'EADDRINUSE':
      return new CommandError(
        exitCodes.unavailable,
        `${where} is in use by another program; choose another address or stop it`,
      )
    case 'EACCES':
      return new CommandError(
        exitCodes.unavailable,
        `${where} may not be listened on by this user; ports below 1024 need more rights`,
      )
    default:
      return new CommandError(exitCodes.unavailable, `cannot listen on ${where}: ${error.message}`)
  }
}

/** Stops accepting and resolves when the last connection is closed; an open WebSocket has no end to wait for. */
async function close(server: Server, stopAccepting: () => Promise<void>, upgraded: ReadonlySet<Duplex>): Promise<void> {
  const closed = stopAccepting()
  for (const socket of upgraded) socket.destroy()
  // A drained connection would stay open for its keep-alive time.
  const timer = setInterval(() => server.closeIdleConnections(), 200)
  server.closeIdleConnections()
  await closed
  clearInterval(timer)
}
