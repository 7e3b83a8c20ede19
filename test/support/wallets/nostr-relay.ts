import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Event, type Filter, matchFilters, verifyEvent } from 'nostr-tools'
import { type WebSocket, WebSocketServer } from 'ws'

/** A NIP-01 relay on loopback: keeps what is replaceable, passes the rest on to whoever listens at the time. */
export class NostrRelay implements AsyncDisposable {
  /** Sees every event that a client publishes; for a wallet that lives in the test itself. */
  onPublished: (event: Event) => void = () => undefined
  /** Why events are refused; undefined: they are not. */
  refusal: string | undefined
  /** Every message of a client, as it came. */
  readonly received: string[] = []
  readonly #kept = new Map<string, Event>()
  readonly #sockets = new Set<Socket>()
  readonly #filters = new Map<WebSocket, Map<string, Filter[]>>()
  #server: Server | undefined
  #websockets: WebSocketServer | undefined
  #port = 0
  #dead = false
  /** Handshakes that are not answered yet. */
  #slow: (() => void)[] | undefined

  get url(): string {
    return `ws://localhost:${this.#port}`
  }

  get connections(): number {
    return this.#sockets.size
  }

  get subscriptions(): number {
    return [...this.#filters.values()].reduce((sum, filters) => sum + filters.size, 0)
  }

  /** Starts, on the port of before if there was one. */
  async start(): Promise<this> {
    const server = createServer()
    const websockets = new WebSocketServer({
      server,
      verifyClient: (_info: unknown, done: (accepted: boolean) => void) => {
        if (this.#slow) this.#slow.push(() => done(true))
        else if (!this.#dead) done(true)
      },
    })
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    websockets.on('connection', (client) => this.#welcome(client))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, 'localhost', resolve)
    })
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
    this.#websockets = websockets
    return this
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = new Promise((resolve) => server.close(resolve))
    this.#websockets?.close()
    this.drop()
    await closed
  }

  /** Cuts every connection. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** What is connected now hears nothing any more, not even a pong; nobody gets in until `false`. */
  killLink(dead: boolean): void {
    this.#dead = dead
    if (!dead) return
    for (const client of this.#filters.keys()) client.pause()
    this.#filters.clear()
  }

  /** Who connects is let in only at the end of it. */
  slowDown(): Disposable {
    const waiting: (() => void)[] = []
    this.#slow = waiting
    return {
      [Symbol.dispose]: () => {
        this.#slow = undefined
        for (const letIn of waiting) letIn()
      },
    }
  }

  /** Something that is no event of Nostr, to everybody. */
  sendRaw(text: string): void {
    for (const client of this.#filters.keys()) client.send(text)
  }

  /** To every client, whatever it asked for and whoever signed it. */
  force(event: Event): void {
    for (const [client, filters] of this.#filters) {
      for (const id of filters.keys()) client.send(JSON.stringify(['EVENT', id, event]))
    }
  }

  publish(event: Event): void {
    if (event.kind < 20_000) this.#kept.set(`${event.kind} ${event.pubkey}`, event)
    for (const [client, subscriptions] of this.#filters) {
      for (const [id, filters] of subscriptions) {
        if (matchFilters(filters, event)) client.send(JSON.stringify(['EVENT', id, event]))
      }
    }
  }

  forget(): void {
    this.#kept.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #welcome(client: WebSocket): void {
    this.#filters.set(client, new Map())
    client.on('error', () => undefined)
    client.on('close', () => this.#filters.delete(client))
    client.on('message', (data) => {
      const text = (data as Buffer).toString('utf8')
      this.received.push(text)
      const [type, first, ...rest] = JSON.parse(text) as [string, unknown, ...unknown[]]
      if (type === 'REQ') {
        const filters = rest as Filter[]
        this.#filters.get(client)?.set(String(first), filters)
        for (const event of this.#kept.values()) {
          if (matchFilters(filters, event)) client.send(JSON.stringify(['EVENT', first, event]))
        }
        client.send(JSON.stringify(['EOSE', first]))
      }
      if (type === 'CLOSE') this.#filters.get(client)?.delete(String(first))
      if (type === 'EVENT') this.#take(client, first as Event)
    })
  }

  #take(client: WebSocket, event: Event): void {
    const refusal = verifyEvent(event) ? this.refusal : 'invalid: bad signature'
    client.send(JSON.stringify(['OK', event.id, refusal === undefined, refusal ?? '']))
    if (refusal !== undefined) return
    this.publish(event)
    this.onPublished(event)
  }
}
