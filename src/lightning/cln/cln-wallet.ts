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
import { expectNetwork } from '../http/expected-network.ts'
import { jsonMsat, maxJsonMsat, toIssued, tryDecode } from '../http/issued-invoice.ts'
import { measureHealth } from '../http/measure-health.ts'
import { ClnRpc, clnService, rpcCode } from './cln-rpc.ts'
import { type ListedInvoice, listedInvoices, madeInvoice } from './replies.ts'
import { lastPayIndex, paymentsAfter } from './settlements.ts'

export interface ClnWalletOptions {
  readonly name: string
  /** `https://host:3010`, where `clnrest-port` is set. */
  readonly url: string
  readonly rune: string
  /** PEM of clnrest's own authority: `ca.pem` of its certificate folder. */
  readonly ca?: string | undefined
  readonly network?: Network | undefined
  readonly clock: Clock
}

const unusedHash = '0'.repeat(64)

/**
 * A Core Lightning node over clnrest. The rune that suffices, made on the node:
 * ```
 * lightning-cli createrune restrictions='[["method=invoice","method=listinvoices","method=waitanyinvoice"],["rate=600"]]'
 * ```
 * `rate` is the number of calls a minute; Core Lightning then limits itself what a stolen rune can do.
 *
 * Exact to the millisatoshi. The idempotency key is the invoice's label, which Core Lightning keeps unique: a retry gets
 * the same invoice, after any restart. Settlements resume from their `pay_index` and none is lost; without a cursor they
 * begin with what was paid after `start`. The network is read from an invoice the node made before; a node without any
 * is taken at the operator's word.
 */
export function openClnWallet(options: ClnWalletOptions): Wallet {
  return new ClnWallet(options)
}

class ClnWallet implements Wallet {
  readonly name: string
  readonly kind = 'cln'
  readonly #clock: Clock
  readonly #rpc: ClnRpc
  readonly #expected: Network | undefined
  readonly #closing = new AbortController()
  #network: Network | undefined
  #startedAt = 0
  #canSpend = false
  #unreachable = false

  constructor({ name, url, rune, ca, network, clock }: ClnWalletOptions) {
    this.name = name
    this.#clock = clock
    this.#expected = network
    this.#rpc = new ClnRpc({ url, rune, ca, clock })
  }

  get capabilities(): WalletCapabilities {
    return {
      unitMsat: 1n,
      maxMsat: maxJsonMsat,
      network: this.#network,
      lookup: true,
      push: 'resumable',
      preimagePrivate: true,
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#find({ payment_hash: unusedHash }, signal)
    this.#network = expectNetwork(clnService, await this.#readNetwork(signal), this.#expected)
    this.#startedAt = await lastPayIndex(this.#rpc, signal)
    this.#canSpend = await this.#mayPay(signal)
  }

  async createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    const { amountMsat, description, expirySeconds } = request
    const label = `turnpike/${request.idempotencyKey}`
    const parameters = { amount_msat: jsonMsat(clnService, amountMsat), label, description, expiry: expirySeconds }
    const outcome = await this.#rpc.attempt('invoice', parameters, signal)
    if (outcome.kind === 'error') {
      if (outcome.code === rpcCode.labelExists) return this.#readEarlier(label, amountMsat, signal)
      throw this.#rpc.refusal('invoice', outcome)
    }
    const made = this.#rpc.read('invoice', outcome.reply, madeInvoice)
    this.#unreachable = [made.warning_capacity, made.warning_offline, made.warning_deadends].some(
      (warning) => warning !== undefined,
    )
    return toIssued(clnService, { bolt11: made.bolt11, paymentHash: made.payment_hash, amountMsat })
  }

  async lookup({ paymentHash }: Pick<IssuedInvoice, 'paymentHash'>, signal: AbortSignal): Promise<InvoiceState> {
    const [invoice] = await this.#find({ payment_hash: paymentHash }, signal)
    if (!invoice) return { state: 'unknown' }
    if (invoice.payment_hash !== paymentHash) {
      throw new WalletError('protocol', `${clnService} answered with another invoice than the one it was asked for.`)
    }
    return stateOf(invoice)
  }

  async *settlements(cursor: string | undefined, signal: AbortSignal): AsyncGenerator<Settlement, void, void> {
    const from = cursor === undefined ? this.#startedAt : readCursor(cursor)
    yield* paymentsAfter(this.#rpc, from, AbortSignal.any([signal, this.#closing.signal]))
  }

  /** A lookup of a hash that does not exist: the rune need not be good for `getinfo`. */
  health(signal: AbortSignal): Promise<WalletHealth> {
    return measureHealth(this.#clock, async () => {
      await this.#find({ payment_hash: unusedHash }, signal)
      return {
        detail: 'Core Lightning answers and the rune is accepted.',
        warnings: [...(this.#unreachable ? [unreachableWarning] : []), ...(this.#canSpend ? [spendingWarning] : [])],
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#rpc[Symbol.asyncDispose]()
  }

  async #readEarlier(label: string, amountMsat: bigint, signal: AbortSignal): Promise<IssuedInvoice> {
    const [invoice] = await this.#find({ label }, signal)
    const { bolt11, payment_hash: paymentHash, amount_msat: earlierMsat, status } = invoice ?? {}
    const same = earlierMsat !== undefined && BigInt(earlierMsat) === amountMsat
    if (bolt11 === undefined || !same || status !== 'unpaid') {
      throw new WalletError('rejected', `${clnService} has an invoice under the same label that cannot be sold again.`)
    }
    return toIssued(clnService, { bolt11, paymentHash, amountMsat })
  }

  async #find(filter: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<ListedInvoice[]> {
    const { invoices } = await this.#rpc.call('listinvoices', filter, listedInvoices, signal)
    return invoices
  }

  /** From the node's first invoice; versions that cannot list so few, and nodes without any, tell nothing. */
  async #readNetwork(signal: AbortSignal): Promise<Network | undefined> {
    const outcome = await this.#rpc.attempt('listinvoices', { index: 'created', start: 0, limit: 1 }, signal)
    if (outcome.kind === 'error') return undefined
    const { invoices } = this.#rpc.read('listinvoices', outcome.reply, listedInvoices)
    return tryDecode(invoices[0]?.bolt11)?.network
  }

  /** Asks to pay nothing: a rune that may pay gets a complaint about the missing invoice, another one a refusal. */
  async #mayPay(signal: AbortSignal): Promise<boolean> {
    try {
      const outcome = await this.#rpc.attempt('pay', {}, signal)
      return outcome.kind === 'error' && outcome.code === rpcCode.invalidParams
    } catch (thrown) {
      if (thrown instanceof WalletError && (thrown.code === 'unauthorized' || thrown.code === 'rate_limited'))
        return false
      throw thrown
    }
  }
}

const spendingWarning =
  'The rune for Core Lightning can spend; make one that can only receive with the createrune command of the documentation.'
const unreachableWarning =
  'Core Lightning warned at the last invoice that nobody may be able to pay it: its channels lack inbound liquidity, are offline or dead ends.'

function stateOf(invoice: ListedInvoice): InvoiceState {
  const { status, amount_received_msat: receivedMsat, paid_at: paidAt } = invoice
  switch (status) {
    case 'unpaid':
      return { state: 'open' }
    case 'expired':
      return { state: 'expired' }
    case 'paid':
      return {
        state: 'settled',
        ...(receivedMsat !== undefined && { receivedMsat: BigInt(receivedMsat) }),
        ...(paidAt !== undefined && { settledAtMs: paidAt * 1000 }),
      }
  }
}

function readCursor(cursor: string): number {
  if (!/^[0-9]{1,15}$/.test(cursor)) {
    throw new WalletError('protocol', 'The place to resume the settlements is not one this wallet gave out.')
  }
  return Number(cursor)
}
