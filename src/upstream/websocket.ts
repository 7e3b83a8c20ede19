import { type ClientRequest, type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { createProxyServer } from 'http-proxy-3'
import type { UpgradeTarget } from '../ports/upstream.ts'
import { headerRecord, incomingHeaders, upgradeHeaders } from './headers.ts'

/**
 * WebSocket upgrades of free routes. The proxy library is used for nothing else: with plain HTTP it forwards bodies
 * that it has declared empty and skips its header hook for some requests.
 */
export class WebSocketProxy {
  readonly #proxy = createProxyServer({ ws: true, xfwd: false, changeOrigin: true })

  /** Handshakes under way, and our ends of the connections to upstreams. */
  readonly #open = new Set<ClientRequest | Duplex>()
  readonly #targets = new WeakMap<IncomingMessage, UpgradeTarget>()

  constructor() {
    this.#proxy.on('proxyReqWs', (request, incoming, socket) => {
      const to = this.#targets.get(incoming)
      this.#track(request)
      bound(request, socket, to?.answerWithinMs ?? 0)
      screen(request, () => to?.refuse())
    })
    this.#proxy.on('open', (socket) => this.#track(socket))
    this.#proxy.on('error', (_error, _incoming, response) => {
      if ('destroy' in response) response.destroy()
    })
  }

  join(incoming: IncomingMessage, socket: Duplex, head: Buffer, to: UpgradeTarget): void {
    socket.on('error', () => socket.destroy())
    this.#targets.set(incoming, to)
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

  #track(each: ClientRequest | Duplex): void {
    this.#open.add(each)
    each.once('close', () => this.#open.delete(each))
  }
}

/** What the library leaves open: how long a handshake may take, whose it is, and an answer that is no handshake. */
function bound(request: ClientRequest, socket: Duplex, answerWithinMs: number): void {
  const leave = (): void => void request.destroy()
  const timer = setTimeout(() => request.destroy(new Error('no answer in time')), answerWithinMs)
  const answered = (): void => clearTimeout(timer)
  socket.once('close', leave)
  request.once('close', answered).once('upgrade', () => {
    answered()
    socket.off('close', leave)
  })
  request.once('response', (response) => {
    answered()
    // It is copied to the socket without a look at whether that takes it.
    response.on('data', () => {
      if (!socket.writableNeedDrain) return
      response.pause()
      socket.once('drain', () => response.resume())
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
