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
import { expectNetwork } from '../http/expected-network.ts'
import { jsonMsat, maxJsonMsat, toIssued, tryDecode } from '../http/issued-invoice.ts'
import { measureHealth } from '../http/measure-health.ts'
import { parseJson, type ReplyReader, readJson, statusError } from '../http/read-reply.ts'
import { type WalletCall, WalletHttp, type WalletReply } from '../http/wallet-http.ts'
import { KnownIds } from './known-ids.ts'
import { judgePermissions } from './permissions.ts'
import { apiError, apiKey, type LightningInvoice, lightningInvoice } from './replies.ts'

export interface BtcpayWalletOptions {
  readonly name: string
  /** `https://btcpay.example.com`. */
  readonly url: string
  /** Its id, in the store's settings. */
  readonly store: string
  /** An API key. */
  readonly token: string
  /** As BTCPay names the coin: `BTC`. */
  readonly crypto: string
  readonly ca?: string | undefined
  readonly network?: Network | undefined
  readonly clock: Clock
}

const service = 'BTCPay Server'
const unusedHash = '0'.repeat(64)

/**
 * The Lightning node of a BTCPay store, over Greenfield. The API key that suffices has two permissions, for this store
 * only: `btcpay.store.cancreatelightninginvoice` and `btcpay.store.canviewlightninginvoice` (Account, Manage Account, API
 * Keys, Generate Key, "Select specific stores"), or opened for the operator to agree to:
 * ```
 * https://btcpay.example.com/api-keys/authorize?applicationName=turnpike&strict=true&selectiveStores=true&permissions=btcpay.store.cancreatelightninginvoice&permissions=btcpay.store.canviewlightninginvoice
 * ```
 * A store on the server's own node needs `btcpay.server.cancreatelightninginvoiceinternalnode` too.
 *
 * Exact to the millisatoshi, if the node behind is. Greenfield keeps no reference of ours, so a retry after a lost answer
 * makes a second invoice: the first is never shown to anybody and expires. There is no push: the webhooks are for store
 * invoices, not for these. A lookup needs the invoice's `ref`; by the hash alone it
 * finds what this process made, and what a node (lnd) keeps under the hash. The network is not told; every invoice is held to that of
 * the configuration.
 */
export function openBtcpayWallet(options: BtcpayWalletOptions): Wallet {
  return new BtcpayWallet(options)
}

class BtcpayWallet implements Wallet {
  readonly name: string
  readonly kind = 'btcpay'
  readonly #clock: Clock
  readonly #http: WalletHttp
  readonly #reader: ReplyReader
  readonly #store: string
  readonly #expected: Network | undefined
  readonly #invoices: string
  readonly #ids = new KnownIds()
  #network: Network | undefined
  #excess: readonly string[] = []

  constructor({ name, url, store, token, crypto, ca, network, clock }: BtcpayWalletOptions) {
    this.name = name
    this.#clock = clock
    this.#store = store
    this.#expected = network
    this.#http = new WalletHttp({ service, url, ca, headers: { authorization: `token ${token}` } })
    this.#invoices = `/api/v1/stores/${encodeURIComponent(store)}/lightning/${encodeURIComponent(crypto)}/invoices`
    this.#reader = {
      endpoint: this.#http.endpoint,
      clock,
      whenUnauthorized: 'give as token an API key that may create and view Lightning invoices of this store',
    }
  }

  get capabilities(): WalletCapabilities {
    return {
      unitMsat: 1n,
      maxMsat: maxJsonMsat,
      network: this.#network,
      lookup: true,
      push: 'none',
      preimagePrivate: true,
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#checkKey(signal)
    await this.#find(unusedHash, signal)
    this.#network = expectNetwork(service, undefined, this.#expected)
  }

  async createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    const { amountMsat, description, expirySeconds } = request
    const json = { amount: String(jsonMsat(service, amountMsat)), description, expiry: expirySeconds }
    const reply = this.#accept(await this.#http.send({ method: 'POST', path: this.#invoices, body: { json } }, signal))
    const made = readJson(this.#http.endpoint, 'invoices', reply, lightningInvoice)
    const issued = toIssued(
      service,
      { bolt11: made.BOLT11, paymentHash: made.paymentHash ?? undefined, amountMsat: made.amount },
      made.id,
    )
    this.#ids.remember(issued.paymentHash, made.id)
    return issued
  }

  async lookup(
    { paymentHash, ref }: Pick<IssuedInvoice, 'paymentHash' | 'ref'>,
    signal: AbortSignal,
  ): Promise<InvoiceState> {
    const invoice = await this.#find(ref === paymentHash ? this.#ids.idOf(paymentHash) : ref, signal)
    if (!invoice) return { state: 'unknown' }
    // The id is BTCPay's own; only the hash says that this is the invoice which was sold.
    const found = invoice.paymentHash ?? tryDecode(invoice.BOLT11)?.paymentHash
    if (found !== paymentHash) {
      throw new WalletError('protocol', `${service} answered with another invoice than the one it was asked for.`)
    }
    return stateOf(invoice)
  }

  health(signal: AbortSignal): Promise<WalletHealth> {
    return measureHealth(this.#clock, async () => {
      await this.#find(unusedHash, signal)
      const { length } = this.#excess
      const warnings =
        length === 0
          ? []
          : [
              `The API key of BTCPay Server has rights that are not needed: ${this.#excess.join(', ')}; make one without.`,
            ]
      return { detail: 'BTCPay Server and its Lightning node answer, and the key is accepted.', warnings }
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#http[Symbol.asyncDispose]()
  }

  async #checkKey(signal: AbortSignal): Promise<void> {
    const call: WalletCall = { method: 'GET', path: '/api/v1/api-keys/current' }
    const reply = this.#accept(await this.#http.send(call, signal))
    const { permissions } = readJson(this.#http.endpoint, 'api-keys/current', reply, apiKey)
    const { missing, excess } = judgePermissions(permissions, this.#store)
    if (missing.length > 0) {
      throw new WalletError(
        'unauthorized',
        `The API key of ${service} lacks ${missing.join(' and ')} for this store; make one with that permission.`,
      )
    }
    this.#excess = excess
  }

  async #find(id: string, signal: AbortSignal): Promise<LightningInvoice | undefined> {
    const path = `${this.#invoices}/${encodeURIComponent(id)}`
    const reply = await this.#http.send({ method: 'GET', path }, signal)
    if (reply.status === 404 && codeOf(reply) === 'invoice-not-found') return undefined
    return readJson(this.#http.endpoint, 'invoices', this.#accept(reply), lightningInvoice)
  }

  #accept(reply: WalletReply): WalletReply {
    const code = reply.status >= 400 ? codeOf(reply) : undefined
    switch (code) {
      case 'lightning-not-configured':
        throw new WalletError(
          'rejected',
          `The store of ${service} has no Lightning node; set one up in its settings, or correct store.`,
        )
      case 'store-not-found':
        throw new WalletError('rejected', `${service} has no such store for this key; correct store.`)
      // What the node behind answered; BTCPay itself is well.
      case 'generic-error':
        throw new WalletError('unavailable', `The Lightning node of ${service} failed; its log tells why.`)
      default:
        break
    }
    if (reply.status === 400 || reply.status === 422) {
      throw new WalletError('rejected', `${service} refuses the request (HTTP ${reply.status}); its log tells why.`)
    }
    const error = statusError(this.#reader, reply)
    if (error) throw error
    return reply
  }
}

function codeOf({ text }: WalletReply): string | undefined {
  return apiError.safeParse(parseJson(text)).data?.code
}

function stateOf({ status, amountReceived, paidAt }: LightningInvoice): InvoiceState {
  switch (status) {
    case 'Unpaid':
      return { state: 'open' }
    case 'Expired':
      return { state: 'expired' }
    case 'Paid':
      return {
        state: 'settled',
        ...(amountReceived != null && { receivedMsat: amountReceived }),
        ...(paidAt != null && { settledAtMs: paidAt * 1000 }),
      }
  }
}
