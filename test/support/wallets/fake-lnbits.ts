import { type FakeAnswer, FakeHttp, type FakeRequest } from './fake-http.ts'
import { type FakeInvoice, FakeNode } from './fake-node.ts'

interface StoredPayment {
  readonly invoice: FakeInvoice
  readonly extra: unknown
}

/**
 * LNbits 1.5 as its payment_api.py has it: the lookup answers without a key too, and gives `details` to the owner's key
 * only; a wrong key is treated like none. Whole satoshi. It keeps no reference of ours unique.
 */
export class FakeLnbits implements AsyncDisposable {
  readonly node: FakeNode
  readonly http: FakeHttp
  readonly invoiceKey = 'c3'.repeat(16)
  readonly adminKey = 'd4'.repeat(16)
  /** Before 1.0 the invoice is called `payment_request` and the answer is short. */
  old = false
  /** Newer versions answer an unknown key with 404. */
  unknownKeyStatus = 401
  /** Hashes that this wallet paid to somebody else. */
  readonly paidOut = new Map<string, string>()
  readonly #payments = new Map<string, StoredPayment>()

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

  /** As if made by the wallet's own page. */
  makeInvoice(amountSat: number, extra: unknown = {}, memo = 'LNbits', expirySeconds = 3600): FakeInvoice {
    const amountMsat = BigInt(amountSat) * 1000n
    const invoice = this.node.make({ amountMsat, description: memo, expirySeconds })
    this.#payments.set(invoice.paymentHash, { invoice, extra })
    return invoice
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.http.stop()
  }

  #handle(request: FakeRequest): FakeAnswer {
    const { pathname, searchParams } = request.url
    const key = request.headers['x-api-key']
    const rights = key === this.invoiceKey ? 'invoice' : key === this.adminKey ? 'admin' : 'none'
    const [, hash] = /^\/api\/v1\/payments\/([0-9a-f]{64})$/.exec(pathname) ?? []
    if (request.method === 'GET' && hash !== undefined) return this.#lookup(hash, rights !== 'none')
    if (rights === 'none') {
      return {
        status: this.unknownKeyStatus,
        body: { detail: this.unknownKeyStatus === 404 ? 'Wallet not found.' : 'Invalid key' },
      }
    }
    const route = `${request.method} ${pathname}`
    if (route === 'GET /api/v1/wallet') {
      return ok({ name: 'shop', balance: 0, ...(rights === 'admin' && { id: 'e5'.repeat(16) }) })
    }
    if (route === 'GET /api/v1/payments/paginated') {
      const latest = [...this.#payments.values()].toReversed().slice(0, Number(searchParams.get('limit') ?? 10))
      return ok({ data: latest.map((payment) => this.#describe(payment)), total: this.#payments.size })
    }
    if (route === 'POST /api/v1/payments') return this.#create(JSON.parse(request.body) as Record<string, unknown>)
    return { status: 404, body: { detail: 'Not Found' } }
  }

  #create({ out, amount, unit, memo, expiry, extra }: Record<string, unknown>): FakeAnswer {
    if (out !== false) return { status: 403, body: { detail: 'Invoice (or Admin) key required.' } }
    if (typeof amount !== 'number' || !Number.isInteger(amount) || unit !== 'sat') {
      return { status: 422, body: { detail: [{ loc: ['body', 'amount'], msg: 'value is not a valid integer' }] } }
    }
    const invoice = this.makeInvoice(amount, extra, String(memo), Number(expiry ?? 3600))
    const { paymentHash: payment_hash, bolt11 } = invoice
    if (this.old) return { status: 201, body: { payment_hash, payment_request: bolt11, checking_id: payment_hash } }
    return { status: 201, body: { ...this.#describe({ invoice, extra }), payment_request: bolt11 } }
  }

  #lookup(hash: string, keyed: boolean): FakeAnswer {
    const payment = this.#payments.get(hash)
    if (!payment) return { status: 404, body: { detail: 'Payment does not exist.' } }
    const { invoice } = payment
    const paid = invoice.settleIndex !== undefined
    return ok({
      paid,
      status: paid ? 'success' : 'pending',
      ...((keyed || paid) && { preimage: invoice.preimage }),
      ...(keyed && { details: this.#describe(payment) }),
    })
  }

  #describe({ invoice, extra }: StoredPayment): Record<string, unknown> {
    const amount = Number(invoice.amountMsat)
    return {
      checking_id: invoice.paymentHash,
      payment_hash: invoice.paymentHash,
      wallet_id: 'e5'.repeat(16),
      amount: this.paidOut.has(invoice.paymentHash) ? -amount : amount,
      fee: 0,
      bolt11: invoice.bolt11,
      status: invoice.settleIndex === undefined ? 'pending' : 'success',
      memo: invoice.description,
      preimage: invoice.preimage,
      extra,
    }
  }
}

const ok = (body: unknown): FakeAnswer => ({ status: 200, body })
