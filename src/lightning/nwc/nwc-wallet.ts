import type { z } from 'zod'
import type { Clock } from '../../ports/clock.ts'
import type { HoldInvoiceRequest, HoldState, HoldWallet } from '../../ports/hold-wallet.ts'
import {
  type InvoiceRequest,
  type InvoiceState,
  type IssuedInvoice,
  type Network,
  type Settlement,
  type WalletCapabilities,
  WalletError,
  type WalletHealth,
} from '../../ports/wallet.ts'
import { expectNetwork } from '../http/expected-network.ts'
import { jsonMsat, maxJsonMsat, toIssued, tryDecode } from '../http/issued-invoice.ts'
import { measureHealth } from '../http/measure-health.ts'
import { answerError } from './answer-error.ts'
import { holdProblem, type Rights, rightsWarnings } from './connection-rights.ts'
import { parseConnectionString } from './connection-string.ts'
import { Nip47Client, type WalletAnswer } from './nip47-client.ts'
import type { Encryption } from './nostr-keys.ts'
import { NwcHolds } from './nwc-holds.ts'
import { PaymentHints } from './payment-hints.ts'
import { lookedUpInvoice, madeInvoice, readResult, receivedPayment, walletInfo } from './transaction.ts'

export interface NwcWalletOptions {
  readonly name: string
  /** `nostr+walletconnect://…`. Secret. */
  readonly uri: string
  /** Undefined: what the wallet says. */
  readonly network?: Network | undefined
  /** The smallest amount the wallet takes; undefined: found out by one invoice at start. */
  readonly unitMsat?: 1n | 1000n | undefined
  readonly clock: Clock
  /** Upper bound of a request, whatever its signal says. */
  readonly requestTimeoutMs?: number
  /** How often a silent relay is pinged. */
  readonly pingEveryMs?: number
  /** How often the wallet is asked about a payment that may be held; undefined: by whether it notifies. */
  readonly holdPollEveryMs?: number
}

const service = 'The wallet'
const defaultRequestTimeoutMs = 10_000
const networks: Readonly<Record<string, Network>> = {
  mainnet: 'bc',
  bitcoin: 'bc',
  testnet: 'tb',
  testnet3: 'tb',
  testnet4: 'tb',
  signet: 'tbs',
  mutinynet: 'tbs',
  regtest: 'bcrt',
}
const satMsat = 1000n
const probeMsat = 1001n
const probeExpirySeconds = 60
const unusedHash = '0'.repeat(64)

/**
 * Any wallet that speaks Nostr Wallet Connect (NIP-47), over its relays. Ask the wallet for a receive-only connection:
 * `get_info`, `make_invoice`, `lookup_invoice` and notifications; to hold payments also `make_hold_invoice`,
 * `settle_hold_invoice` and `cancel_hold_invoice`, which spend nothing either.
 *
 * The protocol has no key for repeated requests: after a lost answer the next call makes another invoice, and nobody
 * pays the first. Notifications are a hint that a lookup confirms; what happens while a relay is down is not repeated.
 * @throws WalletError `rejected` when the connection string cannot be used
 */
export function openNwcWallet(options: NwcWalletOptions): HoldWallet {
  return new NwcWallet(options)
}

class NwcWallet implements HoldWallet {
  readonly name: string
  readonly kind = 'nwc'
  readonly #options: NwcWalletOptions
  readonly #client: Nip47Client
  readonly #hints = new PaymentHints()
  readonly #holds: NwcHolds
  #rights: Rights | undefined
  #network: Network | undefined
  #unitMsat: bigint

  constructor(options: NwcWalletOptions) {
    this.name = options.name
    this.#options = options
    this.#network = options.network
    this.#unitMsat = options.unitMsat ?? satMsat
    this.#client = new Nip47Client({
      connection: parseConnectionString(options.uri),
      nowMs: () => options.clock.nowMs(),
      onNotification: (type, body) => this.#hear(type, body),
      ...(options.pingEveryMs !== undefined && { pingEveryMs: options.pingEveryMs }),
    })
    this.#holds = new NwcHolds({
      ask: (method, params, signal) => this.#ask(method, params, signal),
      nowMs: () => options.clock.nowMs(),
      notifies: () => this.#rights?.notifications.includes('hold_invoice_accepted') ?? false,
      pollEveryMs: options.holdPollEveryMs,
    })
  }

  get capabilities(): WalletCapabilities {
    return {
      unitMsat: this.#unitMsat,
      maxMsat: maxJsonMsat,
      network: this.#network,
      lookup: this.#may('lookup_invoice'),
      push: this.#rights?.notifications.includes('payment_received') ? 'lossy' : 'none',
      preimagePrivate: true,
    }
  }

  get cannotHold(): string | undefined {
    return this.#rights && holdProblem(this.#rights)
  }

  async start(signal: AbortSignal): Promise<void> {
    const deadline = this.#deadline(signal)
    const { encryption, ...published } = await this.#client.readService(deadline)
    // What stands in the published event holds for the wallet; what `get_info` says, for this connection.
    const info = await this.#readInfo(encryption, deadline)
    const methods = info.methods ?? published.methods
    const notifications = info.notifications ?? published.notifications
    if (!methods.includes('make_invoice')) throw answerError('make_invoice', 'RESTRICTED')
    const found = networks[info.network?.toLowerCase() ?? '']
    this.#network = expectNetwork(service, found, this.#options.network)
    this.#rights = { methods, notifications, encryption }
    if (this.#options.unitMsat === undefined) this.#unitMsat = await this.#findUnit(deadline)
  }

  async createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    const amount = this.#amount(request.amountMsat)
    const params = { amount, description: request.description, expiry: request.expirySeconds }
    const made = await this.#call('make_invoice', params, madeInvoice, signal)
    return toIssued(service, {
      bolt11: made.invoice,
      paymentHash: made.payment_hash,
      amountMsat: made.amount === undefined ? request.amountMsat : BigInt(made.amount),
    })
  }

  async lookup({ paymentHash }: Pick<IssuedInvoice, 'paymentHash'>, signal: AbortSignal): Promise<InvoiceState> {
    if (this.#rights && !this.#may('lookup_invoice')) return { state: 'unknown' }
    const answer = await this.#ask('lookup_invoice', { payment_hash: paymentHash }, signal)
    if (answer.type === 'error') {
      if (answer.code === 'NOT_FOUND') return { state: 'unknown' }
      throw answerError('lookup_invoice', answer.code)
    }
    const found = readResult('lookup_invoice', answer.result, lookedUpInvoice)
    if ((found.payment_hash ?? tryDecode(found.invoice)?.paymentHash) !== paymentHash) {
      throw new WalletError('protocol', `${service} answered lookup_invoice with another invoice; update it.`)
    }
    return this.#stateOf(found)
  }

  async *settlements(_cursor: string | undefined, signal: AbortSignal): AsyncGenerator<Settlement, void, void> {
    // Whoever listens needs the connection, also when nothing is sold meanwhile.
    await this.#client.connect(this.#deadline(signal))
    for await (const paymentHash of this.#hints.listen(signal)) {
      const state = await this.lookup({ paymentHash }, signal).catch((): InvoiceState => ({ state: 'unknown' }))
      if (state.state !== 'settled') continue
      const { receivedMsat, settledAtMs = this.#options.clock.nowMs() } = state
      yield { paymentHash, settledAtMs, ...(receivedMsat !== undefined && { receivedMsat }) }
    }
  }

  async createHoldInvoice(request: HoldInvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    if (this.cannotHold !== undefined) throw new WalletError('unauthorized', this.cannotHold)
    this.#amount(request.amountMsat)
    return await this.#holds.create(request, signal)
  }

  lookupHold(paymentHash: string, signal: AbortSignal): Promise<HoldState> {
    return this.#holds.lookup(paymentHash, signal)
  }

  holdStates(paymentHash: string, signal: AbortSignal): AsyncIterable<HoldState> {
    return this.#holds.states(paymentHash, signal)
  }

  settleHold(paymentHash: string, preimage: string, signal: AbortSignal): Promise<void> {
    return this.#holds.settle(paymentHash, preimage, signal)
  }

  cancelHold(paymentHash: string, signal: AbortSignal): Promise<void> {
    return this.#holds.cancel(paymentHash, signal)
  }

  /** What only receives is asked for an invoice that nobody has: the answer shows that it is alive and that we may ask. */
  async health(signal: AbortSignal): Promise<WalletHealth> {
    return await measureHealth(this.#options.clock, async () => {
      if (!this.#rights) throw new WalletError('unavailable', `${service} has not been started.`)
      if (this.#may('lookup_invoice')) await this.lookup({ paymentHash: unusedHash }, signal)
      else await this.#readInfo(this.#rights.encryption, this.#deadline(signal))
      const unit = this.#unitMsat === 1n ? 'amounts to the millisatoshi' : 'whole satoshi only'
      return { detail: `${service} answers over its relay; ${unit}.`, warnings: rightsWarnings(this.#rights) }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holds[Symbol.dispose]()
    this.#client[Symbol.dispose]()
    this.#hints.end()
  }

  /** Empty where the connection may not ask, which receiving does not need. */
  async #readInfo(encryption: Encryption, signal: AbortSignal): Promise<z.output<typeof walletInfo>> {
    const answer = await this.#client.request('get_info', {}, encryption, signal)
    if (answer.type === 'result') return readResult('get_info', answer.result, walletInfo)
    if (answer.code !== 'RESTRICTED' && answer.code !== 'NOT_IMPLEMENTED') throw answerError('get_info', answer.code)
    return {}
  }

  #may(method: string): boolean {
    return this.#rights?.methods.includes(method) ?? false
  }

  /** @throws WalletError `bad_amount` */
  #amount(amountMsat: bigint): number {
    const amount = jsonMsat(service, amountMsat)
    if (amountMsat % this.#unitMsat === 0n) return amount
    throw new WalletError('bad_amount', `${service} asks for whole satoshi only, and not for ${amount} msat.`)
  }

  #deadline(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, AbortSignal.timeout(this.#options.requestTimeoutMs ?? defaultRequestTimeoutMs)])
  }

  async #ask(method: string, params: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<WalletAnswer> {
    const encryption = this.#rights?.encryption
    if (!encryption) throw new WalletError('unavailable', `${service} has not been started.`)
    return await this.#client.request(method, params, encryption, this.#deadline(signal))
  }

  async #call<Schema extends z.ZodType>(
    method: string,
    params: Readonly<Record<string, unknown>>,
    schema: Schema,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    const answer = await this.#ask(method, params, signal)
    if (answer.type === 'error') throw answerError(method, answer.code)
    return readResult(method, answer.result, schema)
  }

  /**
   * Whether a fraction of a satoshi can be asked for: some wallets refuse it, some round it, some leave the amount out.
   * @throws WalletError when this connection may not make invoices at all
   */
  async #findUnit(signal: AbortSignal): Promise<bigint> {
    const params = { amount: Number(probeMsat), description: 'Connection test', expiry: probeExpirySeconds }
    const answer = await this.#ask('make_invoice', params, signal)
    if (answer.type === 'error') {
      if (['UNAUTHORIZED', 'RESTRICTED', 'NOT_IMPLEMENTED'].includes(answer.code)) {
        throw answerError('make_invoice', answer.code)
      }
      return satMsat
    }
    const made = madeInvoice.safeParse(answer.result)
    return tryDecode(made.data?.invoice)?.amountMsat === probeMsat ? 1n : satMsat
  }

  /** A preimage alone is no sign of payment: some wallets give it away with the unpaid invoice. */
  #stateOf({
    state,
    settled_at: settledAt,
    expires_at: expiresAt,
    amount,
  }: z.output<typeof lookedUpInvoice>): InvoiceState {
    const isSettled = state === undefined ? (settledAt ?? 0) > 0 : state.toLowerCase() === 'settled'
    if (isSettled) {
      return {
        state: 'settled',
        ...(amount !== undefined && { receivedMsat: BigInt(amount) }),
        ...(settledAt !== undefined && settledAt > 0 && { settledAtMs: settledAt * 1000 }),
      }
    }
    const hasEnded = state === 'expired' || state === 'failed'
    const isOver = expiresAt !== undefined && expiresAt * 1000 <= this.#options.clock.nowMs()
    return { state: hasEnded || isOver ? 'expired' : 'open' }
  }

  #hear(type: string, body: unknown): void {
    const payment = receivedPayment.safeParse(body)
    if (!payment.success) return
    const { payment_hash: paymentHash } = payment.data
    if (type === 'payment_received') this.#hints.tell(paymentHash)
    if (type === 'payment_received' || type === 'hold_invoice_accepted') this.#holds.tell(paymentHash)
  }
}
