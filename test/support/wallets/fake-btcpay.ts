import { type FakeAnswer, FakeHttp, type FakeRequest } from './fake-http.ts'
import { type FakeInvoice, FakeNode } from './fake-node.ts'

const create = 'btcpay.store.cancreatelightninginvoice'
const view = 'btcpay.store.canviewlightninginvoice'

/**
 * BTCPay Server's Greenfield for one store: amounts of millisatoshi as text, ids of its own, 404 with a code for an
 * unknown invoice, 403 that names the missing permission, 400 `generic-error` and 503 for the node behind.
 */
export class FakeBtcpay implements AsyncDisposable {
  readonly node: FakeNode
  readonly http: FakeHttp
  readonly store = '9CiNzKoANXxmk5ayZngSXrHTiVvvgCrwrpFQd4m2K776'
  readonly token = 'f6'.repeat(20)
  permissions: readonly string[] = [`${create}:${this.store}`, `${view}:${this.store}`]
  nodeState: 'well' | 'unconfigured' | 'unavailable' | 'failing' = 'well'
  /** Versions before 1.6 do not tell the payment hash. */
  tellsHash = true
  readonly #ids = new Map<string, FakeInvoice>()

  constructor(node = new FakeNode(), tls?: { key: string; cert: string }) {
    this.node = node
    this.http = new FakeHttp({ handle: (request) => this.#handle(request), ...(tls && { tls }) })
  }

  async start(): Promise<this> {
    await this.http.start()
    return this
  }

  settle(paymentHash: string): string {
    return this.node.settle(paymentHash)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.http.stop()
  }

  #handle(request: FakeRequest): FakeAnswer {
    if (request.headers.authorization !== `token ${this.token}`) {
      return apiError(401, 'unauthenticated', 'Authentication is required for accessing this endpoint')
    }
    const { pathname } = request.url
    const route = `${request.method} ${pathname}`
    if (route === 'GET /api/v1/api-keys/current') {
      return ok({ apiKey: this.token, label: 'turnpike', permissions: this.permissions })
    }
    const [, store, id] = /^\/api\/v1\/stores\/([^/]+)\/lightning\/BTC\/invoices(?:\/(.+))?$/.exec(pathname) ?? []
    if (store === undefined) return { status: 404 }
    if (store !== this.store) return apiError(404, 'store-not-found', 'The store was not found')
    const needed = request.method === 'POST' ? create : view
    const implied = needed === view ? [view, create] : [create]
    const granted = this.permissions.some((permission) => {
      const [policy = '', scope = store] = permission.split(':')
      return scope === store && (implied.includes(policy) || policy === 'unrestricted')
    })
    if (!granted) return apiError(403, 'missing-permission', `Insufficient API Permissions: ${needed}`)
    if (this.nodeState === 'unconfigured') {
      return apiError(404, 'lightning-not-configured', 'The lightning node is not set up')
    }
    if (this.nodeState === 'unavailable') {
      return apiError(503, 'lightning-node-unavailable', 'The lightning node is unavailable (RpcException: no route)')
    }
    if (request.method === 'GET' && id !== undefined) return this.#get(decodeURIComponent(id))
    if (request.method === 'POST') return this.#create(JSON.parse(request.body) as Record<string, unknown>)
    return { status: 405 }
  }

  #create({ amount, description, expiry }: Record<string, unknown>): FakeAnswer {
    if (typeof amount !== 'string' || !/^[0-9]+$/.test(amount) || typeof expiry !== 'number' || expiry <= 0) {
      return { status: 422, body: [{ path: 'amount', message: 'Amount should be more or equals to 0' }] }
    }
    if (this.nodeState === 'failing') return apiError(400, 'generic-error', 'rpc error: code = Unavailable')
    const invoice = this.node.make({
      amountMsat: BigInt(amount),
      description: String(description),
      expirySeconds: expiry,
    })
    this.#ids.set(`inv/${this.#ids.size + 1}`, invoice)
    return ok(this.#describe(`inv/${this.#ids.size}`, invoice))
  }

  #get(id: string): FakeAnswer {
    const invoice = this.#ids.get(id)
    if (!invoice) return apiError(404, 'invoice-not-found', 'Impossible to find a lightning invoice with this id')
    return ok(this.#describe(id, invoice))
  }

  #describe(id: string, invoice: FakeInvoice): Record<string, unknown> {
    const paid = invoice.settleIndex !== undefined
    return {
      id,
      status: paid ? 'Paid' : this.node.isExpired(invoice) ? 'Expired' : 'Unpaid',
      BOLT11: invoice.bolt11,
      paymentHash: this.tellsHash ? invoice.paymentHash : null,
      preimage: paid ? invoice.preimage : null,
      paidAt: paid ? Math.floor((invoice.settledAtMs ?? 0) / 1000) : null,
      expiresAt: invoice.expiresAt,
      amount: String(invoice.amountMsat),
      amountReceived: paid ? String(invoice.amountMsat) : null,
      customRecords: null,
    }
  }
}

const ok = (body: unknown): FakeAnswer => ({ status: 200, body })
const apiError = (status: number, code: string, message: string): FakeAnswer => ({ status, body: { code, message } })
