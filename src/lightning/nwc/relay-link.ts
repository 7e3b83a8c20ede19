import type { WebSocket } from 'ws'
import { WalletError } from '../../ports/wallet.ts'
import type { EventFilter, NostrEvent } from './nostr-event.ts'
import { type RelayMessage, readRelayMessage } from './relay-message.ts'

export interface RelayLinkSetup {
  readonly url: string
  /** Called with whatever the relay sends for a subscription: anybody may have signed it. */
  onEvent(event: NostrEvent): void
  /** The connection broke; it is being made again. */
  onLost(reason: WalletError): void
  readonly pingEveryMs?: number
}

const handshakeTimeoutMs = 4_000
const maxMessageBytes = 256 * 1024
const defaultPingEveryMs = 20_000
const firstRetryMs = 500
const maxRetryMs = 30_000

/**
 * A connection to one relay (NIP-01) that is made again whenever it breaks. Pings find a link that is dead without
 * either end being told.
 */
export class RelayLink implements Disposable {
  readonly #setup: RelayLinkSetup
  readonly #subscriptions = new Map<string, () => EventFilter>()
  readonly #publications = new Map<string, PromiseWithResolvers<void>>()
  #Socket: typeof WebSocket | undefined
  #socket: WebSocket | undefined
  #connecting: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #ping: NodeJS.Timeout | undefined
  #failures = 0
  #heard = true
  #closed = false

  constructor(setup: RelayLinkSetup) {
    this.#setup = setup
  }

  get connected(): boolean {
    return this.#socket?.readyState === 1
  }

  get host(): string {
    return new URL(this.#setup.url).host
  }

  /**
   * Connects, unless it is connected.
   * @throws WalletError `unavailable`
   */
  async ready(): Promise<void> {
    if (this.#closed) throw new WalletError('unavailable', 'The connection to the wallet is closed.')
    if (this.connected) return
    clearTimeout(this.#retry)
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    await this.#connecting
  }

  /**
   * Asks for events from now on, and again after every reconnection.
   * @param filter made anew for each of them
   */
  subscribe(id: string, filter: () => EventFilter): void {
    if (this.#subscriptions.has(id)) return
    this.#subscriptions.set(id, filter)
    if (this.connected) this.#send(['REQ', id, filter()])
  }

  unsubscribe(id: string): void {
    if (this.#subscriptions.delete(id) && this.connected) this.#send(['CLOSE', id])
  }

  /**
   * Resolves when the relay has taken the event. Once the signal aborts, it is not sent any more.
   * @throws WalletError `unavailable`, `rate_limited`
   */
  async publish(event: NostrEvent, signal: AbortSignal): Promise<void> {
    await this.ready()
    if (signal.aborted) return
    const done = Promise.withResolvers<void>()
    this.#publications.set(event.id, done)
    this.#send(['EVENT', event])
    try {
      await done.promise
    } finally {
      this.#publications.delete(event.id)
    }
  }

  /** Nobody waits for the relay's word on this event any more. */
  forget(eventId: string): void {
    this.#publications.get(eventId)?.resolve()
  }

  /** Something that should have come did not: a link that says nothing now is replaced. */
  suspect(): void {
    if (this.connected) this.#pingNow(2_000)
  }

  [Symbol.dispose](): void {
    this.#closed = true
    clearTimeout(this.#retry)
    clearInterval(this.#ping)
    this.#socket?.terminate()
    this.#fail(new WalletError('unavailable', 'The connection to the wallet is closed.'))
  }

  async #connect(): Promise<void> {
    this.#Socket ??= (await import('ws')).WebSocket
    if (this.#closed) throw new WalletError('unavailable', 'The connection to the wallet is closed.')
    const socket = new this.#Socket(this.#setup.url, {
      handshakeTimeout: handshakeTimeoutMs,
      maxPayload: maxMessageBytes,
      perMessageDeflate: false,
      followRedirects: false,
    })
    this.#socket = socket
    const opened = Promise.withResolvers<void>()
    socket.on('open', () => {
      this.#heard = true
      for (const [id, filter] of this.#subscriptions) this.#send(['REQ', id, filter()])
      clearInterval(this.#ping)
      this.#ping = setInterval(() => this.#pingNow(), this.#setup.pingEveryMs ?? defaultPingEveryMs)
      opened.resolve()
    })
    socket.on('message', (data) => {
      this.#heard = true
      // One Buffer, as `binaryType` is left as it is.
      const message = readRelayMessage((data as Buffer).toString('utf8'))
      if (message) this.#receive(message)
    })
    socket.on('pong', () => {
      this.#heard = true
    })
    let failure: Error | undefined
    socket.on('error', (error) => {
      failure = error
    })
    // Comes after every error.
    socket.on('close', () => {
      const lost = linkError(this.host, failure)
      opened.reject(lost)
      if (this.#socket === socket) this.#lose(lost)
    })
    await opened.promise
  }

  #lose(reason: WalletError): void {
    clearInterval(this.#ping)
    this.#socket = undefined
    this.#fail(reason)
    if (this.#closed) return
    this.#setup.onLost(reason)
    const delayMs = Math.min(firstRetryMs * 2 ** this.#failures++, maxRetryMs) * (0.5 + Math.random() / 2)
    this.#retry = setTimeout(() => void this.ready().catch(() => undefined), delayMs)
    // A gateway that has nothing else to do may end.
    this.#retry.unref()
  }

  #fail(reason: WalletError): void {
    for (const done of this.#publications.values()) done.reject(reason)
  }

  /** A link that has been silent since the last ping is given up. */
  #pingNow(patienceMs?: number): void {
    const socket = this.#socket
    if (!socket) return
    if (!this.#heard) return socket.terminate()
    this.#heard = false
    socket.ping()
    if (patienceMs === undefined) return
    setTimeout(() => {
      if (!this.#heard && this.#socket === socket) socket.terminate()
    }, patienceMs).unref()
  }

  #receive(message: RelayMessage): void {
    switch (message.type) {
      case 'event':
        return this.#setup.onEvent(message.event)
      case 'ok': {
        const publication = this.#publications.get(message.eventId)
        if (message.accepted) {
          // A relay that only opens connections and closes them again is not asked faster and faster.
          this.#failures = 0
          publication?.resolve()
        } else publication?.reject(this.#refusal(message.reason))
        return
      }
      case 'closed':
        // Only a connection made anew asks again.
        if (this.#subscriptions.has(message.subscription)) this.#socket?.terminate()
        return
    }
  }

  #refusal(reason: string): WalletError {
    if (reason.startsWith('rate-limited')) {
      return new WalletError('rate_limited', `The relay ${this.host} limits the rate of requests.`)
    }
    const why = /^(?:auth-required|restricted)/.test(reason)
      ? 'asks for a login that wallets do not need'
      : 'refuses them'
    return new WalletError(
      'unavailable',
      `The relay ${this.host} does not pass requests on: it ${why}; make the connection anew with another relay.`,
    )
  }

  #send(message: readonly unknown[]): void {
    this.#socket?.send(JSON.stringify(message), () => undefined)
  }
}

const certificateTrouble = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|EPROTO|ERR_SSL/

function linkError(host: string, failure: Error | undefined): WalletError {
  const code = failure && 'code' in failure && typeof failure.code === 'string' ? failure.code : ''
  if (certificateTrouble.test(code)) {
    return new WalletError(
      'rejected',
      `The relay ${host} has no certificate that this machine trusts; make the connection anew with another relay.`,
    )
  }
  if (failure?.message.startsWith('Unexpected server response')) {
    return new WalletError(
      'unavailable',
      `What answers at ${host} is no relay now; check the relay in the connection string.`,
    )
  }
  return new WalletError(
    'unavailable',
    `The relay ${host} cannot be reached; check the relay in the connection string, and the network.`,
  )
}
