import { type ClientRequest, type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createProxyServer } from 'http-proxy-3'
import type { UpgradeTarget } from '../ports/upstream.ts'
import { headerRecord, incomingHeaders, upgradeHeaders } from './headers.ts'

/** One WebSocket, from its handshake until both ends are closed. */
interface Join {
  readonly to: UpgradeTarget
  /** The client's end. */
  readonly client: Socket
  /** The ends, and the handshake, that are not closed yet. */
  readonly open: Set<ClientRequest | Duplex>
}

/**
 * WebSocket upgrades of free routes. The proxy library is used for nothing else: with plain HTTP it forwards bodies
 * that it has declared empty and skips its header hook for some requests.
 */
export class WebSocketProxy {
  readonly #proxy = createProxyServer({ ws: true, xfwd: false, changeOrigin: true })

  /** Handshakes under way, and our ends of the connections to upstreams. */
  readonly #open = new Set<ClientRequest | Duplex>()
  readonly #joins = new WeakMap<IncomingMessage, Join>()

  constructor() {
    this.#proxy.on('proxyReqWs', (request, incoming) => {
      const join = this.#joins.get(incoming)
      if (!join) return void request.destroy()
      this.#track(join, request)
      request.once('upgrade', (_answer, end: Socket) => {
        this.#track(join, end)
        // The library joins the two ends after this.
        process.nextTick(couple, join, end)
      })
      bound(request, join)
      screen(request, join.to.refuse)
    })
    this.#proxy.on('error', (_error, _incoming, response) => {
      if ('destroy' in response) response.destroy()
    })
  }

  join(incoming: IncomingMessage, socket: Duplex, head: Buffer, to: UpgradeTarget): void {
    socket.on('error', () => socket.destroy())
    const join = { to, client: incoming.socket, open: new Set<ClientRequest | Duplex>() }
    watch(join, socket)
    this.#joins.set(incoming, join)
    incoming.url = to.path
    incoming.headers = upgradeHeaders(to)
    const secure = to.upstream.origin.startsWith('https:')
    const target = new URL(to.upstream.origin.replace(/^http/, 'ws'))
    this.#proxy.ws(incoming, socket, head, {
      target: to.upstream.ca === undefined ? target : { ...detailed(target), ca: to.upstream.ca },
      secure,
    })
  }

  /** An upstream that does not answer the end of its client with its own would keep the process alive. */
  close(): void {
    this.#proxy.close()
    for (const each of this.#open) each.destroy()
  }

  #track(join: Join, each: ClientRequest | Duplex): void {
    watch(join, each)
    this.#open.add(each)
    each.once('close', () => this.#open.delete(each))
  }
}

function watch({ open, to }: Join, each: ClientRequest | Duplex): void {
  open.add(each)
  each.once('close', () => {
    open.delete(each)
    if (open.size === 0) to.closed()
  })
}

/** At most, for what one end has sent to reach the other when it is closed; clients are the slower ones. */
const goodbyeMs = { client: 30_000, upstream: 5_000 }

/** What the library leaves open: how long nothing may happen, and an end that stays when the other is gone. */
function couple({ client, to }: Join, upstream: Socket): void {
  // All that goes either way passes the client’s end.
  client.setTimeout(to.idleMs, () => client.destroy())
  client.once('close', () => letGo(upstream, Math.min(goodbyeMs.upstream, to.idleMs)))
  upstream.once('close', () => letGo(client, Math.min(goodbyeMs.client, to.idleMs)))
}

/** What it has to send still is sent; what comes from it is for nobody, and unread would hide that it has left. */
function letGo(end: Socket, withinMs: number): void {
  if (end.destroyed) return
  end.resume()
  const timer = setTimeout(() => end.destroy(), withinMs)
  end.once('close', () => clearTimeout(timer))
}

/** What the library leaves open: how long a handshake may take, whose it is, and an answer that is no handshake. */
function bound(request: ClientRequest, { client, to }: Join): void {
  const leave = (): void => void request.destroy()
  const timer = setTimeout(() => request.destroy(new Error('no answer in time')), to.answerWithinMs)
  const answered = (): void => clearTimeout(timer)
  client.once('close', leave)
  request.once('close', answered).once('upgrade', () => {
    answered()
    client.off('close', leave)
  })
  request.once('response', (response) => {
    answered()
    // What its client sends on is no reason to wait for the rest of a page, or for the client to take it.
    response.setTimeout(to.idleMs, () => client.destroy())
    response.once('end', () => letGo(client, Math.min(goodbyeMs.client, to.idleMs)))
    // It is copied to the socket without a look at whether that takes it.
    response.on('data', () => {
      if (!client.writableNeedDrain) return
      response.pause()
      client.once('drain', () => response.resume())
    })
  })
}

/** The library copies answers as they are; cookies, challenges and demands for payment are not the upstream's to send. */
function screen(request: ClientRequest, refuse: () => void): void {
  request.on('upgrade', (answer) => {
    const switching = { connection: 'Upgrade', upgrade: 'websocket' }
    answer.headers = Object.assign(headerRecord(incomingHeaders(answer.rawHeaders, true)), switching)
  })
  // The library begins to listen after the event that this is called in.
  process.nextTick(() => {
    const copying = request.listeners('response')
    request.removeAllListeners('response').on('response', (answer) => {
      // Agents pay whatever a 402 asks for.
      if (answer.statusCode === 402) {
        answer.destroy()
        refuse()
        return
      }
      answer.headers = headerRecord(incomingHeaders(answer.rawHeaders, true))
      answer.statusMessage = STATUS_CODES[answer.statusCode ?? 0] ?? ''
      for (const copy of copying) copy.call(request, answer)
    })
  })
}

const detailed = ({ protocol, hostname, port }: URL) => ({
  protocol,
  host: hostname,
  hostname,
  port: Number(port) || (protocol === 'wss:' ? 443 : 80),
})
