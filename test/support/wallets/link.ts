import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** The network between a wallet and its server: a loopback port that passes bytes on, until it is broken. */
export class Link implements AsyncDisposable {
  readonly #targetPort: number
  readonly #open = new Set<Socket>()
  /** Connections over which no byte will ever come again. */
  readonly #dead = new WeakSet<Socket>()
  #server: Server | undefined
  #port = 0
  #state: 'good' | 'dead' | 'garbage' = 'good'

  constructor(targetPort: number) {
    this.#targetPort = targetPort
  }

  get port(): number {
    return this.#port
  }

  get connections(): number {
    return this.#open.size
  }

  /** Listens, on the port of before if there was one. */
  async start(): Promise<void> {
    const server = createServer((near) => this.#join(near))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = new Promise((resolve) => server.close(resolve))
    this.cut()
    await closed
  }

  /** Ends every connection that is open now. */
  cut(): void {
    for (const socket of this.#open) socket.destroy()
  }

  /**
   * `dead`: no byte comes through, and neither end is told; what is open now or is opened meanwhile stays so for ever.
   * `garbage`: whoever is connected or connects is sent what nobody can read.
   */
  become(state: 'good' | 'dead' | 'garbage'): void {
    this.#state = state
    if (state === 'dead') for (const socket of this.#open) this.#dead.add(socket)
    if (state === 'garbage') for (const socket of this.#open) spoil(socket)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #join(near: Socket): void {
    this.#open.add(near)
    near.on('error', () => undefined)
    near.once('close', () => this.#open.delete(near))
    if (this.#state === 'garbage') {
      spoil(near)
      return
    }
    if (this.#state === 'dead') this.#dead.add(near)
    const far = connect(this.#targetPort, '127.0.0.1')
    far.on('error', () => near.destroy())
    far.once('close', () => this.#dead.has(near) || near.destroy())
    near.once('close', () => far.destroy())
    near.on('data', (bytes) => this.#dead.has(near) || far.write(bytes))
    far.on('data', (bytes) => this.#dead.has(near) || near.write(bytes))
  }
}

const spoil = (socket: Socket): void => void socket.end('SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n')
