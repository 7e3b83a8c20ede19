import type { ErrorCode, MoneyStatus } from '../errors.ts'

/** What is known of one request while it is handled; becomes its line in the access log. */
export class RequestScope {
  readonly id: string
  readonly startedMs: number
  /** Canonical; whom limits count this request against. */
  readonly clientAddress: string
  /** Name of the service, once it is known. */
  service: string | undefined
  /** On a priced route every answer says what became of the money. */
  priced = false
  /** The answer is about the payment whose genuine token came: until the token turns out to cover nothing here. */
  aboutPayment = false
  money: MoneyStatus | undefined
  code: ErrorCode | undefined
  /** Names a payment in logs without being its hash. */
  paymentRef: string | undefined
  /** Time spent waiting for others: the client's body, a wallet, an upstream. */
  #waitedMs = 0
  readonly #monotonicMs: () => number

  constructor(id: string, clientAddress: string, monotonicMs: () => number) {
    this.id = id
    this.clientAddress = clientAddress
    this.#monotonicMs = monotonicMs
    this.startedMs = monotonicMs()
  }

  /** Counts the time until `waiting` settles as somebody else's. */
  async wait<T>(waiting: Promise<T>): Promise<T> {
    const begun = this.#monotonicMs()
    try {
      return await waiting
    } finally {
      this.#waitedMs += this.#monotonicMs() - begun
    }
  }

  /** Our own share of the time so far, ms. */
  ownMs(): number {
    return Math.max(0, this.#monotonicMs() - this.startedMs - this.#waitedMs)
  }
}
