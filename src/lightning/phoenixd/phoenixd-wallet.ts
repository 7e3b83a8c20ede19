import type { z } from 'zod'
import type { Clock } from '../../ports/clock.ts'
import {
  type InvoiceRequest,
  type InvoiceState,
  type IssuedInvoice,
  type Network,
  type Settlement,
  type Wallet,
  type WalletCapabilities,
  WalletError,
  type WalletHealth,
} from '../../ports/wallet.ts'
import { AttemptedKeys } from '../http/attempted-keys.ts'
import { expectNetwork } from '../http/expected-network.ts'
import { maxJsonSatMsat, toIssued, wholeSats } from '../http/issued-invoice.ts'
import { measureHealth } from '../http/measure-health.ts'
import { type ReplyReader, readJson, statusError } from '../http/read-reply.ts'
import { type WalletCall, WalletHttp, type WalletReply } from '../http/wallet-http.ts'
import { cutDescription } from './description.ts'
import { paymentHints } from './payment-hints.ts'
import { generatedInvoice, incomingPayment, incomingPayments, nodeInfo } from './replies.ts'

export interface PhoenixdWalletOptions {
  readonly name: string
  /** `http://127.0.0.1:9740`. phoenixd itself speaks plain HTTP: loopback, a VPN, or a proxy with TLS. */
  readonly url: string
  /** `http-password-limited-access` of `phoenix.conf`. */
  readonly password: string
  /** PEM of a proxy's own authority. */
  readonly ca?: string | undefined
  readonly network?: Network | undefined
  readonly clock: Clock
}

const service = 'phoenixd'
const lookupAfterHintMs = 10_000
const networks: Readonly<Record<string, Network>> = {
  mainnet: 'bc',
  testnet: 'tb',
  testnet3: 'tb',
  testnet4: 'tb',
  signet: 'tbs',
  regtest: 'bcrt',
}

/**
 * A phoenixd over its HTTP API, with the limited password: `http-password-limited-access` in
 * `~/.phoenix/phoenix.conf`, which phoenixd writes at its first start. It can make and read invoices and spend nothing.
 *
 * Whole satoshi only. A retry with the same idempotency key finds the invoice of a lost answer by its `externalId`, as
 * long as this process lives; after a restart it makes a new one. What is received is net of the fees for liquidity and
 * may be below the price: settled means `isPaid`. The websocket is a hint that a lookup confirms; what happens while it
 * is down is not repeated.
 */
export function openPhoenixdWallet(options: PhoenixdWalletOptions): Wallet {
  return new PhoenixdWallet(options)
}

class PhoenixdWallet implements Wallet {
  readonly name: string
  readonly kind = 'phoenixd'
  readonly #clock: Clock
  readonly #http: WalletHttp
  readonly #reader: ReplyReader
  readonly #expected: Network | undefined
  readonly #attempted = new AttemptedKeys()
  readonly #closing = new AbortController()
  #network: Network | undefined
  #canSpend = false

  constructor({ name, url, password, ca, network, clock }: PhoenixdWalletOptions) {
    this.name = name
    this.#clock = clock
    this.#expected = network
    const authorization = `Basic ${Buffer.from(`:${password}`).toString('base64')}`
    this.#http = new WalletHttp({ service, url, ca, headers: { authorization } })
    this.#reader = {
      endpoint: this.#http.endpoint,
      clock,
      whenUnauthorized: 'give the http-password-limited-access of its phoenix.conf as password',
    }
  }

  get capabilities(): WalletCapabilities {
    return {
      unitMsat: 1000n,
      maxMsat: maxJsonSatMsat,
      network: this.#network,
      lookup: true,
      push: 'lossy',
      preimagePrivate: true,
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    const { chain } = await this.#readInfo(signal)
    const found = networks[chain.toLowerCase()]
    if (found === undefined) {
      throw new WalletError('protocol', `${service} is on a network that is not known here; use mainnet or testnet.`)
    }
    this.#network = expectNetwork(service, found, this.#expected)
    // Without an invoice there is nothing to pay: who may spend gets a complaint about that, others a 401.
    const { status } = await this.#http.send({ method: 'POST', path: '/payinvoice', body: { form: {} } }, signal)
    this.#canSpend = status === 400
  }

  async createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    const amountSat = wholeSats(service, request.amountMsat)
    const { idempotencyKey } = request
    if (this.#attempted.meet(idempotencyKey)) {
      const earlier = await this.#findEarlier(idempotencyKey, amountSat, signal)
      if (earlier) return earlier
    }
    const reply = await this.#call(
      {
        method: 'POST',
        path: '/createinvoice',
        body: {
          form: {
            amountSat: String(amountSat),
            description: cutDescription(request.description),
            expirySeconds: String(request.expirySeconds),
            externalId: idempotencyKey,
          },
        },
      },
      signal,
    )
    const made = readJson(this.#http.endpoint, 'createinvoice', reply, generatedInvoice)
    return toIssued(service, {
      bolt11: made.serialized,
      paymentHash: made.paymentHash,
      amountMsat: BigInt(made.amountSat) * 1000n,
    })
  }

  async lookup({ paymentHash }: Pick<IssuedInvoice, 'paymentHash'>, signal: AbortSignal): Promise<InvoiceState> {
    const reply = await this.#http.send({ method: 'GET', path: `/payments/incoming/${paymentHash}` }, signal)
    if (reply.status === 404) return { state: 'unknown' }
    const payment = readJson(this.#http.endpoint, 'payments/incoming', this.#accept(reply), incomingPayment)
    if (payment.paymentHash !== paymentHash) {
      throw new WalletError('protocol', `${service} answered with another payment than the one it was asked for.`)
    }
    return stateOf(payment)
  }

  /** Ends when the websocket does, or has been silent for longer than phoenixd's pings are apart. There is no cursor. */
  async *settlements(_cursor: string | undefined, signal: AbortSignal): AsyncGenerator<Settlement, void, void> {
    const ends = AbortSignal.any([signal, this.#closing.signal])
    for await (const paymentHash of paymentHints(this.#http, ends)) {
      const state = await this.lookup({ paymentHash }, AbortSignal.any([ends, AbortSignal.timeout(lookupAfterHintMs)]))
      if (state.state !== 'settled') continue
      const { receivedMsat, settledAtMs = this.#clock.nowMs() } = state
      yield { paymentHash, settledAtMs, ...(receivedMsat !== undefined && { receivedMsat }) }
    }
  }

  health(signal: AbortSignal): Promise<WalletHealth> {
    return measureHealth(this.#clock, async () => {
      const { channels, version = 'of an unknown version' } = await this.#readInfo(signal)
      const open = channels.filter(({ state }) => state === undefined || /^normal$/i.test(state))
      const inboundSat = open.reduce((sum, { inboundLiquiditySat = 0 }) => sum + inboundLiquiditySat, 0)
      return {
        detail: `phoenixd ${version} can receive ${inboundSat} sat (channels: ${open.length}).`,
        warnings: [...liquidityWarnings(open.length, inboundSat), ...(this.#canSpend ? [spendingWarning] : [])],
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#http[Symbol.asyncDispose]()
  }

  async #findEarlier(externalId: string, amountSat: number, signal: AbortSignal): Promise<IssuedInvoice | undefined> {
    const query = new URLSearchParams({ externalId, all: 'true' })
    const reply = await this.#call({ method: 'GET', path: `/payments/incoming?${query.toString()}` }, signal)
    const payments = readJson(this.#http.endpoint, 'payments/incoming', reply, incomingPayments)
    const open = payments.find(({ isPaid, requestedSat }) => !isPaid && requestedSat === amountSat)
    if (open?.invoice === undefined) return undefined
    const { invoice: bolt11, paymentHash } = open
    return toIssued(service, { bolt11, paymentHash, amountMsat: BigInt(amountSat) * 1000n })
  }

  async #readInfo(signal: AbortSignal): Promise<z.output<typeof nodeInfo>> {
    const reply = await this.#call({ method: 'GET', path: '/getinfo' }, signal)
    return readJson(this.#http.endpoint, 'getinfo', reply, nodeInfo)
  }

  async #call(call: WalletCall, signal: AbortSignal): Promise<WalletReply> {
    return this.#accept(await this.#http.send(call, signal))
  }

  #accept(reply: WalletReply): WalletReply {
    if (reply.status === 400) {
      throw new WalletError('rejected', `${service} refuses the request (HTTP 400); its log tells why.`)
    }
    const error = statusError(this.#reader, reply)
    if (error) throw error
    return reply
  }
}

const spendingWarning =
  'The password of phoenixd is the one that can spend (http-password); use http-password-limited-access of its phoenix.conf.'

function liquidityWarnings(channels: number, inboundSat: number): string[] {
  if (channels === 0) {
    return [
      'phoenixd has no channel: the first payments, some 20,000 to 30,000 sat, become a fee credit that is never paid out; open the channel first with one payment of about 30,000 sat.',
    ]
  }
  return inboundSat === 0 ? ['phoenixd has no inbound liquidity: nobody can pay it until it buys some.'] : []
}

function stateOf(payment: z.output<typeof incomingPayment>): InvoiceState {
  const { isPaid, isExpired, receivedSat, completedAt } = payment
  if (!isPaid) return { state: isExpired === true ? 'expired' : 'open' }
  const settledAtMs = completedAt === undefined ? {} : { settledAtMs: completedAt }
  return { state: 'settled', receivedMsat: BigInt(receivedSat) * 1000n, ...settledAtMs }
}
