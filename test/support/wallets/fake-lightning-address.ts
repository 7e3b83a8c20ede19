import { type FakeAnswer, FakeHttp, type FakeRequest } from './fake-http.ts'
import { FakeNode } from './fake-node.ts'

export interface FakeLightningAddressOptions {
  /** Offers LUD-21. */
  readonly verify: boolean
  /** Refuses what is no whole number of satoshi, with an error of HTTP 200. */
  readonly wholeSats: boolean
  readonly minSendable: number
  readonly maxSendable: number
}

/** The provider of one lightning address: three routes, and what a bad one may answer on each of them. */
export class FakeLightningAddress implements AsyncDisposable {
  readonly node = new FakeNode()
  readonly http: FakeHttp
  readonly options: FakeLightningAddressOptions
  metadata = JSON.stringify([
    ['text/plain', 'Pay to shop ⚡'],
    ['text/identifier', 'shop@example.com'],
  ])
  /** Put over each answer of the route; undefined values take a field away. */
  spoil: { payRequest?: object; invoice?: object; verify?: object } = {}
  /** The next invoice is this one again. */
  repeats: string | undefined

  constructor(options: Partial<FakeLightningAddressOptions> = {}) {
    this.options = { verify: true, wholeSats: false, minSendable: 1, maxSendable: 100_000_000_000, ...options }
    this.node.hashesDescriptions = true
    this.http = new FakeHttp({ handle: (request) => this.#answer(request) })
  }

  get address(): string {
    return `shop@${new URL(this.http.url).host}`
  }

  async start(): Promise<this> {
    await this.http.start()
    return this
  }

  settle(paymentHash: string): string {
    return this.node.settle(paymentHash)
  }

  /** How often a route was called. */
  calls(route: 'lnurlp' | 'callback' | 'verify'): number {
    return this.http.requests.filter(({ url }) => url.pathname.includes(`/${route}/`)).length
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.http[Symbol.asyncDispose]()
  }

  #answer({ url }: FakeRequest): FakeAnswer {
    const [, route, last = ''] = /\/(lnurlp|callback|verify)\/([^/]+)$/.exec(url.pathname) ?? []
    if (route === 'lnurlp' && last === 'shop') return ok(this.#payRequest(), this.spoil.payRequest)
    if (route === 'callback') return this.#invoice(url)
    if (route === 'verify') return this.#verify(last)
    return { status: 404, body: { status: 'ERROR', reason: 'Not found' } }
  }

  #payRequest(): object {
    const { minSendable, maxSendable } = this.options
    const callback = `${this.http.url}/callback/shop?session=7`
    return { tag: 'payRequest', callback, minSendable, maxSendable, metadata: this.metadata, commentAllowed: 0 }
  }

  #invoice(url: URL): FakeAnswer {
    const { minSendable, maxSendable, wholeSats, verify } = this.options
    const amount = Number(url.searchParams.get('amount'))
    if (url.searchParams.get('session') !== '7') return ok({ status: 'ERROR', reason: 'The session is missing' })
    if (!Number.isSafeInteger(amount) || amount < minSendable || amount > maxSendable || (wholeSats && amount % 1000)) {
      return ok({ status: 'ERROR', reason: `Amount ${amount} is out of range` })
    }
    const made = this.node.make({ amountMsat: BigInt(amount), description: this.metadata, expirySeconds: 3600 })
    const verifyUrl = `${this.http.url}/verify/${made.paymentHash}`
    const body = { status: 'OK', pr: this.repeats ?? made.bolt11, routes: [], ...(verify && { verify: verifyUrl }) }
    return ok(body, this.spoil.invoice)
  }

  #verify(paymentHash: string): FakeAnswer {
    const invoice = this.node.invoices.get(paymentHash)
    if (!invoice) return ok({ status: 'ERROR', reason: 'Not found' })
    const settled = invoice.settleIndex !== undefined
    const body = { status: 'OK', settled, preimage: settled ? invoice.preimage : null, pr: invoice.bolt11 }
    return ok(body, this.spoil.verify)
  }
}

const ok = (body: object, over: object = {}): FakeAnswer => ({ status: 200, body: { ...body, ...over } })
