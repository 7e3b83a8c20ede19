import type { Socket } from 'node:net'
import { type AddressRules, clientPrefix, isOwnMachine } from './client-address.ts'

/** How many connections may be open at the same time. */
export interface ConnectionRules {
  readonly addresses: Pick<AddressRules, 'canonical' | 'isProxy'>
  /** Of all clients. */
  readonly connections: number
  /** Of one client; undefined: as many as of all. */
  readonly connectionsPerClient: number | undefined
}

/** The limit that was met. */
export type ConnectionLimit = 'all' | 'client'

export interface ConnectionsOptions {
  /** Today's. */
  readonly rules: () => ConnectionRules
  /** Told of each connection that was closed, the new one or one that waited. */
  readonly onClosed: (limit: ConnectionLimit, which: 'new' | 'waiting') => void
  /** Whether it comes from this machine: no limit per client is for it. */
  readonly isOwn?: (socket: Socket) => boolean
}

interface Connection {
  readonly socket: Socket
  readonly client: Client | undefined
  /** Requests that are not answered yet. */
  requests: number
  /** When it last began to wait for a request. */
  waitsSinceMs: number
}

interface Client {
  readonly prefix: string
  open: number
  /** The one that waits for longest comes first. */
  readonly waiting: Set<Connection>
}

/** One that has waited for less is sending its request, most likely. */
const waitedEnoughMs = 1_000

/**
 * Counts the connections of a listener and closes what is too many before a byte of it is read. Where a limit is met,
 * the connection that has been waiting for a request for longest makes room: one between two requests, or one that
 * dawdles over its first. Without such a one the new connection is closed.
 */
export class Connections {
  readonly #options: ConnectionsOptions
  /** By the address and port of the other end, which a TLS connection shares with the one beneath it. */
  readonly #byPeer = new Map<string, Connection>()
  readonly #clients = new Map<string, Client>()
  readonly #waiting = new Set<Connection>()
  readonly #known = new Set<Connection>()

  constructor(options: ConnectionsOptions) {
    this.#options = options
  }

  /** Open now. */
  get size(): number {
    return this.#known.size
  }

  /** Clients that have some open now. */
  get clients(): number {
    return this.#clients.size
  }

  /** @returns false when the new connection is one too many; it is closed then */
  admit(socket: Socket): boolean {
    const { connections, connectionsPerClient = Number.POSITIVE_INFINITY, addresses } = this.#options.rules()
    const { isOwn = isOwnConnection } = this.#options
    const address = addresses.canonical(socket.remoteAddress ?? '')
    if (address === undefined) {
      // It is gone already.
      socket.destroy()
      return false
    }
    const prefix = isOwn(socket) || addresses.isProxy(address) ? undefined : clientPrefix(address)
    const known = prefix === undefined ? undefined : this.#clients.get(prefix)
    if (known && known.open >= connectionsPerClient && !this.#makeRoom(known.waiting, 'client'))
      return this.#refuse(socket, 'client')
    if (this.size >= connections && !this.#makeRoom(this.#waiting, 'all')) return this.#refuse(socket, 'all')
    this.#add(socket, prefix)
    return true
  }

  /**
   * A request was read on the connection: it makes no room for others until it is answered.
   * @param socket the TLS one, where there is TLS
   * @returns to be called when the answer is over; more than once does no harm
   */
  busy(socket: Socket): () => void {
    const connection = this.#byPeer.get(peerOf(socket))
    if (!connection) return () => undefined
    connection.requests++
    this.#notWaiting(connection)
    let isBusy = true
    return () => {
      if (!isBusy) return
      isBusy = false
      connection.requests--
      if (connection.requests === 0 && this.#known.has(connection)) this.#waits(connection)
    }
  }

  #add(socket: Socket, prefix: string | undefined): void {
    const client = prefix === undefined ? undefined : (this.#clients.get(prefix) ?? newClient(prefix))
    if (client) {
      client.open++
      this.#clients.set(client.prefix, client)
    }
    const connection = { socket, client, requests: 0, waitsSinceMs: 0 }
    const peer = peerOf(socket)
    this.#known.add(connection)
    this.#byPeer.set(peer, connection)
    this.#waits(connection)
    socket.once('close', () => {
      this.#forget(connection)
      if (this.#byPeer.get(peer) === connection) this.#byPeer.delete(peer)
    })
  }

  #waits(connection: Connection): void {
    connection.waitsSinceMs = performance.now()
    this.#waiting.add(connection)
    connection.client?.waiting.add(connection)
  }

  #notWaiting(connection: Connection): void {
    this.#waiting.delete(connection)
    connection.client?.waiting.delete(connection)
  }

  #forget(connection: Connection): void {
    if (!this.#known.delete(connection)) return
    this.#notWaiting(connection)
    const { client } = connection
    if (!client) return
    client.open--
    if (client.open === 0) this.#clients.delete(client.prefix)
  }

  #makeRoom(waiting: ReadonlySet<Connection>, limit: ConnectionLimit): boolean {
    const [longest] = waiting
    if (!longest || performance.now() - longest.waitsSinceMs < waitedEnoughMs) return false
    this.#forget(longest)
    longest.socket.destroy()
    this.#options.onClosed(limit, 'waiting')
    return true
  }

  #refuse(socket: Socket, limit: ConnectionLimit): false {
    socket.destroy()
    this.#options.onClosed(limit, 'new')
    return false
  }
}

const newClient = (prefix: string): Client => ({ prefix, open: 0, waiting: new Set() })

const peerOf = ({ remoteAddress = '', remotePort = 0 }: Socket): string => `${remoteAddress} ${remotePort}`

/** By a loopback address, or by one that this machine has. */
function isOwnConnection({ remoteAddress = '', localAddress }: Socket): boolean {
  return isOwnMachine(remoteAddress.replace(/^::ffff:/, '')) || remoteAddress === localAddress
}
