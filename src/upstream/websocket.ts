import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createProxyServer } from 'http-proxy-3'
import type { UpgradeTarget } from '../ports/upstream.ts'
import { switchingHeaders, upgradeHeaders } from './headers.ts'

/**
 * WebSocket upgrades of free routes. The proxy library is used for nothing else: with plain HTTP it forwards bodies
 * that it has declared empty and skips its header hook for some requests.
 */
export class WebSocketProxy {
  readonly #proxy = createProxyServer({ ws: true, xfwd: false, changeOrigin: true })

  /** Handshakes under way, and our ends of the connections to upstreams. */
  readonly #open = new Set<ClientRequest | Duplex>()

  readonly #targets = new WeakMap<Duplex, UpgradeTarget>()

  constructor() {
    this.#proxy.on('proxyReqWs', (request, _incoming, socket) => {
      this.#track(request)
      request.on('upgrade', (answer) => {
        answer.headers = switchingHeaders(answer.rawHeaders)
      })
      // The library, which listens after this event, passes any other answer on as it is: with cookies and challenges.
      process.nextTick(() => {
        request.removeAllListeners('response').on('response', (answer) => {
          answer.destroy()
          this.#targets.get(socket)?.refuse()
        })
      })
    })
    this.#proxy.on('open', (socket) => this.#track(socket))
    this.#proxy.on('error', (_error, _incoming, response) => {
      if ('destroy' in response) response.destroy()
    })
  }

  join(incoming: IncomingMessage, socket: Duplex, head: Buffer, to: UpgradeTarget): void {
    socket.on('error', () => socket.destroy())
    this.#targets.set(socket, to)
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

const detailed = ({ protocol, hostname, port }: URL) => ({
  protocol,
  host: hostname,
  hostname,
  port: Number(port) || (protocol === 'wss:' ? 443 : 80),
})
