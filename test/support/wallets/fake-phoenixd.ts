import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { type FakeAnswer, FakeHttp, type FakeRequest } from './fake-http.ts'
import { type FakeInvoice, FakeNode } from './fake-node.ts'

const chains = { bc: 'mainnet', tb: 'testnet3', tbs: 'signet', bcrt: 'regtest' } as const
const badAuth = 'Invalid authentication (use basic auth with the http password set in phoenix.conf)'

/**
 * phoenixd 0.8 as its Api.kt has it: form in, JSON out, errors as text, two passwords, a websocket that repeats nothing
 * and pings. The preimage stands in the lookup of an unpaid invoice. (The real one knows no regtest; this one does.)
 */
export class FakePhoenixd implements AsyncDisposable {
  readonly node: FakeNode
  readonly http: FakeHttp
  /** Cannot spend. */
  readonly limitedPassword = 'a1'.repeat(32)
  readonly fullPassword = 'b2'.repeat(32)
  channels = [{ state: 'Normal', channelId: 'c0'.repeat(32), balanceSat: 50_000, inboundLiquiditySat: 1_950_000 }]
  /** Taken from what is received, as for liquidity. */
  liquidityFeeSat = 0
  pingEveryMs = 10_000
  readonly #websockets = new WebSocketServer({ noServer: true, handleProtocols: () => false })
  readonly #pings = new Set<NodeJS.Timeout>()

  constructor(node = new FakeNode()) {
    this.node = node
    this.http = new FakeHttp({
      handle: (request) => this.#handle(request),
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
    })
  }

  async start(): Promise<this> {
    await this.http.start()
    return this
  }

  get listeners(): number {
    return this.#websockets.clients.size
  }

  settle(paymentHash: string): string {
    const preimage = this.node.settle(paymentHash)
    const invoice = this.node.invoices.get(paymentHash)
    const amountSat = Number((invoice?.amountMsat ?? 0n) / 1000n)
    this.announce({ type: 'payment_received', timestamp: this.node.nowMs(), amountSat, paymentHash })
    return preimage
  }

  announce(event: unknown): void {
    for (const client of this.#websockets.clients)
      client.send(typeof event === 'string' ? event : JSON.stringify(event))
  }

  stopPinging(): void {
    for (const timer of this.#pings) clearInterval(timer)
  }

  async stop(): Promise<void> {
    for (const client of this.#websockets.clients) client.terminate()
    await this.http.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    this.stopPinging()
    this.#websockets.close()
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.url !== '/websocket' || this.#rightsOf(request.headers.authorization) === 'none') {
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return
    }
    this.#websockets.handleUpgrade(request, socket, head, (client: WebSocket) => {
      const timer = setInterval(() => client.ping(), this.pingEveryMs)
      this.#pings.add(timer)
      client.on('error', () => undefined)
      client.once('close', () => {
        clearInterval(timer)
        this.#pings.delete(timer)
      })
    })
  }

  #rightsOf(authorization: string | undefined): 'none' | 'limited' | 'full' {
    const [scheme, encoded = ''] = (authorization ?? '').split(' ')
    if (scheme !== 'Basic') return 'none'
    const password = Buffer.from(encoded, 'base64').toString().split(':')[1]
    if (password === this.fullPassword) return 'full'
    return password === this.limitedPassword ? 'limited' : 'none'
  }

  #handle(request: FakeRequest): FakeAnswer {
    const rights = this.#rightsOf(request.headers.authorization)
    const { pathname, searchParams } = request.url
    const spends = pathname === '/payinvoice'
    if (rights === 'none' || (spends && rights === 'limited')) {
      return { status: 401, headers: { 'www-authenticate': 'Basic realm="Ktor Server"' }, body: badAuth }
    }
    const route = `${request.method} ${pathname}`
    if (route === 'GET /getinfo') {
      const chain = chains[this.node.network]
      return ok({
        nodeId: `02${'ab'.repeat(32)}`,
        channels: this.channels,
        chain,
        blockHeight: 1,
        version: '0.8.0-fake',
      })
    }
    if (route === 'POST /createinvoice') return this.#createInvoice(new URLSearchParams(request.body))
    if (route === 'POST /payinvoice') return missing('invoice')
    if (route === 'GET /payments/incoming') return this.#list(searchParams)
    const [, hash] = /^GET \/payments\/incoming\/([0-9a-f]{64})$/.exec(route) ?? []
    const invoice = hash === undefined ? undefined : this.node.invoices.get(hash)
    return invoice ? ok(this.#describe(invoice)) : { status: 404, body: 'Not found' }
  }

  #createInvoice(form: URLSearchParams): FakeAnswer {
    const amount = form.get('amountSat') ?? ''
    if (!/^[0-9]+$/.test(amount)) return { status: 400, body: 'Parameter amountSat has an invalid type (integer)' }
    const description = form.get('description')
    if (description === null) return { status: 400, body: 'Must provide either a description or descriptionHash' }
    if (description.length > 128) {
      return { status: 400, body: 'Request parameter description is too long (max 128 characters)' }
    }
    const invoice = this.node.make({
      amountMsat: BigInt(amount) * 1000n,
      description,
      expirySeconds: Number(form.get('expirySeconds') ?? 3600),
      reference: form.get('externalId') ?? '',
    })
    return ok({ amountSat: Number(amount), paymentHash: invoice.paymentHash, serialized: invoice.bolt11 })
  }

  #list(query: URLSearchParams): FakeAnswer {
    const all = query.get('all') === 'true'
    const externalId = query.get('externalId')
    const found = [...this.node.invoices.values()]
      .filter(({ reference }) => externalId === null || reference === externalId)
      .filter(({ settleIndex }) => all || settleIndex !== undefined)
    return ok(found.slice(0, Number(query.get('limit') ?? 20)).map((invoice) => this.#describe(invoice)))
  }

  #describe(invoice: FakeInvoice): Record<string, unknown> {
    const isPaid = invoice.settleIndex !== undefined
    const requestedSat = Number(invoice.amountMsat / 1000n)
    return {
      type: 'incoming_payment',
      subType: 'lightning',
      paymentHash: invoice.paymentHash,
      preimage: invoice.preimage,
      externalId: invoice.reference,
      description: invoice.description,
      invoice: invoice.bolt11,
      isPaid,
      isExpired: !isPaid && this.node.isExpired(invoice),
      requestedSat,
      receivedSat: isPaid ? requestedSat - this.liquidityFeeSat : 0,
      fees: isPaid ? this.liquidityFeeSat * 1000 : 0,
      createdAt: invoice.createdAtMs,
      expiresAt: invoice.expiresAt * 1000,
      ...(invoice.settledAtMs !== undefined && { completedAt: invoice.settledAtMs }),
    }
  }
}

const ok = (body: unknown): FakeAnswer => ({ status: 200, body })
const missing = (name: string): FakeAnswer => ({ status: 400, body: `Request parameter ${name} is missing` })
