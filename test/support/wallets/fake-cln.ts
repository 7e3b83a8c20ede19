import { type FakeAnswer, FakeHttp, type FakeRequest } from './fake-http.ts'
import { type FakeInvoice, FakeNode } from './fake-node.ts'
import { serverTls } from './tls-files.ts'

interface Rune {
  /** Undefined: unrestricted. */
  readonly methods: readonly string[] | undefined
  /** Calls it is still good for in this minute. */
  callsLeft: number
}

/**
 * Core Lightning's clnrest: POST /v1/<method> with a rune, 201 for success, every error of the RPC inside an HTTP 500,
 * except an unknown method (404) and the rune (401, 403). TLS with an authority of its own; the certificate names `cln`
 * and `localhost`. Labels are unique; `waitanyinvoice` waits.
 */
export class FakeCln implements AsyncDisposable {
  readonly node: FakeNode
  readonly http: FakeHttp
  readonly rune = 'Zm9yIHRlc3RzIG9ubHk-receive=='
  readonly fullRune = 'Zm9yIHRlc3RzIG9ubHk-everything=='
  readonly runes = new Map<string, Rune>([
    [this.rune, { methods: ['invoice', 'listinvoices', 'waitanyinvoice'], callsLeft: Number.POSITIVE_INFINITY }],
    [this.fullRune, { methods: undefined, callsLeft: Number.POSITIVE_INFINITY }],
  ])
  /** Before v23.08 `listinvoices` takes no index. */
  listsByIndex = true
  warnings: Readonly<Record<string, string>> = {}
  /** Where pay_index begins, as on a node that was paid before. */
  payIndexOffset = 0
  /** Seconds a wait lasts at most, so that tests see several. */
  longestWaitMs = 60_000
  readonly #wake = new EventTarget()

  constructor(node = new FakeNode()) {
    this.node = node
    this.http = new FakeHttp({ handle: (request, signal) => this.#handle(request, signal), tls: serverTls() })
  }

  async start(): Promise<this> {
    await this.http.start()
    return this
  }

  settle(paymentHash: string): string {
    const preimage = this.node.settle(paymentHash)
    this.#wake.dispatchEvent(new Event('paid'))
    return preimage
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.http.stop()
  }

  #handle(request: FakeRequest, signal: AbortSignal): FakeAnswer | Promise<FakeAnswer> {
    const [, method = ''] = /^\/v1\/([a-z-]+)$/.exec(request.url.pathname) ?? []
    if (request.method !== 'POST' || method === '') return { status: 404 }
    const { rune: sent } = request.headers
    if (typeof sent !== 'string') return rpcError(403, 1501, 'Not authorized: Missing rune')
    const rune = this.runes.get(sent)
    if (!rune) return rpcError(401, 1502, 'Not authorized: Not derived from master')
    if (rune.methods?.includes(method) === false) {
      return rpcError(401, 1502, `Not permitted: method is not equal to ${rune.methods.join(' or ')}`)
    }
    if (--rune.callsLeft < 0) return rpcError(401, 1502, 'Not permitted: Rate of 600 per minute exceeded')
    const parameters = JSON.parse(request.body) as Record<string, unknown>
    switch (method) {
      case 'invoice':
        return this.#invoice(parameters)
      case 'listinvoices':
        return this.#list(parameters)
      case 'waitanyinvoice':
        return this.#wait(Number(parameters.lastpay_index ?? 0), Number(parameters.timeout ?? 300), signal)
      case 'pay':
        return rpcError(500, -32602, 'missing required parameter: bolt11')
      default:
        return rpcError(404, -32601, `Unknown command '${method}'`)
    }
  }

  #invoice({ amount_msat: amount, label, description, expiry = 604_800 }: Record<string, unknown>): FakeAnswer {
    if (typeof amount !== 'number' || typeof label !== 'string' || typeof description !== 'string') {
      return rpcError(500, -32602, 'missing required parameter')
    }
    const reference = label
    if ([...this.node.invoices.values()].some((known) => known.reference === reference)) {
      return rpcError(500, 900, `Duplicate label '${label}'`)
    }
    const invoice = this.node.make({
      amountMsat: BigInt(amount),
      description,
      expirySeconds: Number(expiry),
      reference,
    })
    return created({
      payment_hash: invoice.paymentHash,
      expires_at: invoice.expiresAt,
      bolt11: invoice.bolt11,
      payment_secret: 'ee'.repeat(32),
      created_index: this.node.invoices.size,
      ...this.warnings,
    })
  }

  #list(filter: Record<string, unknown>): FakeAnswer {
    if ('index' in filter && !this.listsByIndex) return rpcError(500, -32602, 'unknown parameter: index')
    const found = [...this.node.invoices.values()]
      .filter(({ reference }) => filter.label === undefined || reference === filter.label)
      .filter(({ paymentHash }) => filter.payment_hash === undefined || paymentHash === filter.payment_hash)
    const limit = typeof filter.limit === 'number' ? filter.limit : found.length
    return created({ invoices: found.slice(0, limit).map((invoice) => this.#describe(invoice)) })
  }

  async #wait(lastPayIndex: number, timeoutSeconds: number, signal: AbortSignal): Promise<FakeAnswer> {
    const overAtMs = performance.now() + Math.min(timeoutSeconds * 1000, this.longestWaitMs)
    for (;;) {
      const next = this.node.settledInvoices().find((invoice) => this.#payIndex(invoice) > lastPayIndex)
      if (next) return created(this.#describe(next))
      const leftMs = overAtMs - performance.now()
      if (leftMs <= 0 || signal.aborted) return rpcError(500, 904, 'Timed out while waiting for invoice to be paid')
      await this.#paid(leftMs, signal)
    }
  }

  #paid(withinMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const done = () => {
      clearTimeout(timer)
      this.#wake.removeEventListener('paid', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, withinMs)
    this.#wake.addEventListener('paid', done)
    signal.addEventListener('abort', done)
    return promise
  }

  #payIndex({ settleIndex = 0 }: FakeInvoice): number {
    return settleIndex + this.payIndexOffset
  }

  #describe(invoice: FakeInvoice): Record<string, unknown> {
    const paid = invoice.settleIndex !== undefined
    return {
      label: invoice.reference,
      bolt11: invoice.bolt11,
      payment_hash: invoice.paymentHash,
      amount_msat: Number(invoice.amountMsat),
      status: paid ? 'paid' : this.node.isExpired(invoice) ? 'expired' : 'unpaid',
      description: invoice.description,
      expires_at: invoice.expiresAt,
      created_index: 1,
      ...(paid && {
        pay_index: this.#payIndex(invoice),
        amount_received_msat: Number(invoice.amountMsat),
        paid_at: Math.floor((invoice.settledAtMs ?? 0) / 1000),
        payment_preimage: invoice.preimage,
      }),
    }
  }
}

const created = (body: unknown): FakeAnswer => ({ status: 201, body })
const rpcError = (status: number, code: number, message: string): FakeAnswer => ({
  status,
  body: { code, message, data: null },
})
