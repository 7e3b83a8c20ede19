import type { z } from 'zod'
import type { Clock } from '../../ports/clock.ts'
import {
  type InvoiceRequest,
  type InvoiceState,
  type IssuedInvoice,
  type Network,
  type Wallet,
  type WalletCapabilities,
  WalletError,
  type WalletHealth,
} from '../../ports/wallet.ts'
import { AttemptedKeys } from '../http/attempted-keys.ts'
import { expectNetwork } from '../http/expected-network.ts'
import { maxJsonSatMsat, toIssued, tryDecode, wholeSats } from '../http/issued-invoice.ts'
import { measureHealth } from '../http/measure-health.ts'
import { type ReplyReader, readJson, statusError } from '../http/read-reply.ts'
import { type WalletCall, WalletHttp, type WalletReply } from '../http/wallet-http.ts'
import { createdPayment, type PaymentState, paymentPage, paymentState, walletInfo } from './replies.ts'

export interface LnbitsWalletOptions {
  readonly name: string
  /** `https://lnbits.example.com`. */
  readonly url: string
  /** The "Invoice/read key" of the wallet's page, under "API docs". */
  readonly key: string
  readonly ca?: string | undefined
  readonly network?: Network | undefined
  readonly clock: Clock
}

const service = 'LNbits'
/** LNbits allows 200 calls by default; the other half is for the lookups that every sale needs. */
const mintPerMinute = 100
/** Among so many payments a lost invoice is searched. */
const searchedPayments = 100

/**
 * One wallet of an LNbits server, by its invoice key: on the wallet's page, under "API docs", "Invoice/read key". It can
 * make and read invoices and spend nothing.
 *
 * `preimagePrivate` is false: LNbits does not promise to keep the preimage of an unpaid invoice to itself. So a token
 * counts only once a lookup says settled, and LNbits should not be reachable from outside.
 *
 * Whole satoshi only. A retry with the same idempotency key finds the invoice of a lost answer among the wallet's latest
 * hundred payments, as long as this process lives; after a restart it makes a new one. There is no push: the websocket
 * wants the key in its path, where servers log it, and the other ways can be forged. The network is read from an invoice
 * the wallet made before; a wallet without any is taken at the operator's word. The payer's wallet on the same server is
 * paid inside it, and may get no preimage.
 */
export function openLnbitsWallet(options: LnbitsWalletOptions): Wallet {
  return new LnbitsWallet(options)
}

class LnbitsWallet implements Wallet {
  readonly name: string
  readonly kind = 'lnbits'
  readonly #clock: Clock
  readonly #http: WalletHttp
  readonly #reader: ReplyReader
  readonly #expected: Network | undefined
  readonly #attempted = new AttemptedKeys()
  #network: Network | undefined
  #canSpend = false

  constructor({ name, url, key, ca, network, clock }: LnbitsWalletOptions) {
    this.name = name
    this.#clock = clock
    this.#expected = network
    this.#http = new WalletHttp({ service, url, ca, headers: { 'x-api-key': key } })
    this.#reader = {
      endpoint: this.#http.endpoint,
      clock,
      whenUnauthorized: 'give the Invoice/read key of the wallet (its page, under API docs) as key',
    }
  }

  get capabilities(): WalletCapabilities {
    return {
      unitMsat: 1000n,
      maxMsat: maxJsonSatMsat,
      network: this.#network,
      lookup: true,
      push: 'none',
      preimagePrivate: false,
      mintPerMinute,
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    const { id } = await this.#readWallet(signal)
    this.#canSpend = typeof id === 'string'
    this.#network = expectNetwork(service, await this.#readNetwork(signal), this.#expected)
  }

  async createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    const { amountMsat, idempotencyKey } = request
    const amount = wholeSats(service, amountMsat)
    if (this.#attempted.meet(idempotencyKey)) {
      const earlier = await this.#findEarlier(idempotencyKey, amountMsat, signal)
      if (earlier) return earlier
    }
    const json = {
      out: false,
      amount,
      unit: 'sat',
      memo: request.description,
      expiry: request.expirySeconds,
      extra: { turnpike: idempotencyKey },
    }
    const reply = await this.#call({ method: 'POST', path: '/api/v1/payments', body: { json } }, signal)
    const made = readJson(this.#http.endpoint, 'payments', reply, createdPayment)
    const bolt11 = made.bolt11 ?? made.payment_request
    if (bolt11 == null) throw new WalletError('protocol', `${service} made an invoice and did not give it.`)
    return toIssued(service, {
      bolt11,
      paymentHash: made.payment_hash,
      amountMsat: made.amount == null ? amountMsat : BigInt(made.amount),
    })
  }

  async lookup({ paymentHash }: Pick<IssuedInvoice, 'paymentHash'>, signal: AbortSignal): Promise<InvoiceState> {
    const reply = await this.#http.send({ method: 'GET', path: `/api/v1/payments/${paymentHash}` }, signal)
    if (reply.status === 404) return { state: 'unknown' }
    const state = readJson(this.#http.endpoint, 'payments', this.#accept(reply), paymentState)
    return this.#stateOf(state, paymentHash)
  }

  health(signal: AbortSignal): Promise<WalletHealth> {
    return measureHealth(this.#clock, async () => {
      await this.#readWallet(signal)
      return {
        detail: 'LNbits answers and the key is accepted.',
        warnings: [preimageWarning, ...(this.#canSpend ? [spendingWarning] : [])],
      }
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#http[Symbol.asyncDispose]()
  }

  #stateOf({ paid, details }: PaymentState, paymentHash: string): InvoiceState {
    // LNbits answers a key that is not good like no key at all: without what only the owner sees.
    if (!details) throw this.#keyRefused()
    if (details.payment_hash !== paymentHash) {
      throw new WalletError('protocol', `${service} answered with another payment than the one it was asked for.`)
    }
    // The wallet's own payment to somebody else under the same hash is no income.
    if (details.amount <= 0) return { state: 'unknown' }
    if (paid) return { state: 'settled', receivedMsat: BigInt(details.amount) }
    const expiresAt = tryDecode(details.bolt11 ?? undefined)?.expiresAt
    const expired = expiresAt !== undefined && this.#clock.nowMs() >= expiresAt * 1000
    return { state: expired ? 'expired' : 'open' }
  }

  async #findEarlier(key: string, amountMsat: bigint, signal: AbortSignal): Promise<IssuedInvoice | undefined> {
    const { data } = await this.#readLatest(searchedPayments, signal)
    const found = data.find(
      ({ extra, amount, status }) => readKey(extra) === key && BigInt(amount) === amountMsat && status !== 'success',
    )
    if (found?.bolt11 == null) return undefined
    return toIssued(service, { bolt11: found.bolt11, paymentHash: found.payment_hash, amountMsat })
  }

  async #readNetwork(signal: AbortSignal): Promise<Network | undefined> {
    const { data } = await this.#readLatest(10, signal)
    return tryDecode(data.find(({ amount }) => amount > 0)?.bolt11 ?? undefined)?.network
  }

  async #readLatest(limit: number, signal: AbortSignal): Promise<z.output<typeof paymentPage>> {
    const latest = new URLSearchParams({ limit: String(limit), sortby: 'time', direction: 'desc' })
    const reply = await this.#call({ method: 'GET', path: `/api/v1/payments/paginated?${latest.toString()}` }, signal)
    return readJson(this.#http.endpoint, 'payments/paginated', reply, paymentPage)
  }

  async #readWallet(signal: AbortSignal): Promise<z.output<typeof walletInfo>> {
    const reply = await this.#call({ method: 'GET', path: '/api/v1/wallet' }, signal)
    return readJson(this.#http.endpoint, 'wallet', reply, walletInfo)
  }

  async #call(call: WalletCall, signal: AbortSignal): Promise<WalletReply> {
    const reply = await this.#http.send(call, signal)
    // Newer versions say of an unknown key that its wallet is not found.
    if (reply.status === 404 && /wallet/i.test(reply.text)) throw this.#keyRefused()
    return this.#accept(reply)
  }

  #accept(reply: WalletReply): WalletReply {
    if (reply.status === 400 || reply.status === 422) {
      throw new WalletError('rejected', `${service} refuses the request (HTTP ${reply.status}); its log tells why.`)
    }
    const error = statusError(this.#reader, reply)
    if (error) throw error
    return reply
  }

  #keyRefused(): WalletError {
    const { host } = this.#http.endpoint
    return new WalletError(
      'unauthorized',
      `${service} at ${host} does not know the key; ${this.#reader.whenUnauthorized}.`,
    )
  }
}

const spendingWarning =
  'The key of LNbits is the admin key, which can spend; use the Invoice/read key of the same wallet.'
const preimageWarning =
  'LNbits does not promise to keep the preimages of unpaid invoices to itself: a token counts only once it says settled, and it should not be reachable from outside.'

function readKey(extra: unknown): unknown {
  return typeof extra === 'object' && extra !== null && 'turnpike' in extra ? extra.turnpike : undefined
}
