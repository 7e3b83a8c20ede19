import { createHash, randomBytes } from 'node:crypto'
import { hmacSha256 } from '../../l402/hmac.ts'
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
import { toIssued, tryDecode } from '../http/issued-invoice.ts'
import { measureHealth } from '../http/measure-health.ts'
import { isCallFailure, isDuplicate, isUnknownInvoice } from './lnd-error.ts'
import { LndHolds } from './lnd-holds.ts'
import { type LndInvoice, LndRpc } from './lnd-rpc.ts'
import { bakeCommand, holdBakeCommand, type Rights, readRights } from './rights.ts'

export interface LndWalletOptions {
  readonly name: string
  /** `host:port` of its gRPC. */
  readonly address: string
  /** PEM; undefined: the authorities that the system trusts. */
  readonly tlsCert?: string | undefined
  /** Hex. */
  readonly macaroon: string
  readonly privateChannels: boolean
  readonly network?: Network | undefined
  readonly clock: Clock
  readonly keepaliveMs?: number
}

const unusedHash = '0'.repeat(64)
const networks: Readonly<Record<string, Network>> = {
  mainnet: 'bc',
  testnet: 'tb',
  testnet4: 'tb',
  signet: 'tbs',
  regtest: 'bcrt',
}

/**
 * An lnd (0.20 or newer) over gRPC. The macaroon that suffices, made on the node:
 * ```
 * lncli bakemacaroon --save_to turnpike.macaroon uri:/lnrpc.Lightning/AddInvoice uri:/lnrpc.Lightning/LookupInvoice uri:/lnrpc.Lightning/SubscribeInvoices
 * ```
 * To hold payments (hold invoices, `invoicesrpc`) the same command takes these rights besides; such a macaroon cannot
 * move money out either, but whoever has it can settle and cancel any hold invoice of the node whose preimage or hash
 * they know:
 * ```
 * uri:/invoicesrpc.Invoices/AddHoldInvoice uri:/invoicesrpc.Invoices/LookupInvoiceV2 uri:/invoicesrpc.Invoices/SubscribeSingleInvoice uri:/invoicesrpc.Invoices/SettleInvoice uri:/invoicesrpc.Invoices/CancelInvoice
 * ```
 * Exact to the millisatoshi. We choose the preimages, so a repeated idempotency key gets the same invoice, as long as
 * this object lives. Settlements resume from lnd's `settle_index` and none is lost; without a cursor they begin now.
 *
 * The network is asked for where the macaroon permits it (`info:read`). Where it does not, and a network is expected,
 * `start` makes an invoice over 1 msat that expires after a second, and reads it there.
 */
export function openLndWallet(options: LndWalletOptions): HoldWallet {
  return new LndWallet(options)
}

class LndWallet implements HoldWallet {
  readonly name: string
  readonly kind = 'lnd'
  readonly #rpc: LndRpc
  readonly #holds: LndHolds
  readonly #clock: Clock
  readonly #rights: Rights | undefined
  readonly #private: boolean
  readonly #expected: Network | undefined
  /** Preimages come from it, so it never leaves this object. */
  readonly #seed = randomBytes(32)
  readonly #closing = new AbortController()
  #network: Network | undefined

  constructor(options: LndWalletOptions) {
    const { name, address, tlsCert, macaroon, privateChannels, network, clock, keepaliveMs = 30_000 } = options
    this.name = name
    this.#clock = clock
    this.#rights = readRights(Buffer.from(macaroon, 'hex'))
    this.#private = privateChannels
    this.#expected = network
    this.#network = network
    this.#rpc = new LndRpc({ address, tlsCert, macaroon, keepaliveMs })
    this.#holds = new LndHolds(this.#rpc, privateChannels)
  }

  get capabilities(): WalletCapabilities {
    return { unitMsat: 1n, network: this.#network, lookup: true, push: 'resumable', preimagePrivate: true }
  }

  get cannotHold(): string | undefined {
    if ((this.#rights?.missingToHold.length ?? 0) === 0) return undefined
    return `The macaroon of lnd does not permit holding payments; make one with \`${holdBakeCommand}\`.`
  }

  async start(signal: AbortSignal): Promise<void> {
    const missing = this.#rights?.missing ?? []
    if (missing.length > 0) {
      throw new WalletError(
        'unauthorized',
        `The macaroon of lnd lacks ${missing.join(', ')}; make one with \`${bakeCommand}\`.`,
      )
    }
    await this.#find(unusedHash, signal)
    this.#network = expectNetwork('lnd', await this.#readNetwork(signal), this.#expected)
  }

  async createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    const { amountMsat, description, expirySeconds, idempotencyKey } = request
    const preimage = hmacSha256(this.#seed, Buffer.from(idempotencyKey))
    try {
      const reply = await this.#rpc.call(
        'addInvoice',
        {
          value_msat: amountMsat.toString(),
          memo: description,
          expiry: expirySeconds.toString(),
          private: this.#private,
          r_preimage: preimage,
        },
        signal,
        isDuplicate,
      )
      return toIssued('lnd', {
        bolt11: reply.payment_request,
        paymentHash: reply.r_hash.toString('hex'),
        amountMsat,
      })
    } catch (thrown) {
      if (!isCallFailure(thrown)) throw thrown
      const paymentHash = createHash('sha256').update(preimage).digest('hex')
      const made = await this.#find(paymentHash, signal)
      if (made) return toIssued('lnd', { bolt11: made.payment_request, paymentHash, amountMsat })
      throw new WalletError('protocol', 'lnd knows the invoice and does not find it.')
    }
  }

  async lookup(
    { paymentHash }: Pick<IssuedInvoice, 'paymentHash' | 'ref'>,
    signal: AbortSignal,
  ): Promise<InvoiceState> {
    const invoice = await this.#find(paymentHash, signal)
    if (!invoice) return { state: 'unknown' }
    switch (invoice.state) {
      case 'SETTLED': {
        const { receivedMsat, settledAtMs } = toSettlement(invoice)
        return { state: 'settled', settledAtMs, ...(receivedMsat !== undefined && { receivedMsat }) }
      }
      case 'CANCELED':
        return { state: 'expired' }
      default: {
        // lnd cancels what has expired a little later, and only while it runs. What is being paid is not over.
        const expiresAtMs = (Number(invoice.creation_date) + Number(invoice.expiry)) * 1000
        const isOver = invoice.state === 'OPEN' && this.#clock.nowMs() >= expiresAtMs
        return { state: isOver ? 'expired' : 'open' }
      }
    }
  }

  async *settlements(cursor: string | undefined, signal: AbortSignal): AsyncGenerator<Settlement, void, void> {
    if (cursor !== undefined && !/^[0-9]{1,19}$/.test(cursor)) {
      throw new WalletError('protocol', 'The place to resume the settlements is not one this wallet gave out.')
    }
    const ends = AbortSignal.any([signal, this.#closing.signal])
    for await (const invoice of this.#rpc.subscribe(cursor ?? '0', ends)) {
      // The stream tells of new invoices too.
      if (invoice.state === 'SETTLED') yield toSettlement(invoice)
    }
  }

  async createHoldInvoice(request: HoldInvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    if (this.cannotHold !== undefined) throw new WalletError('unauthorized', this.cannotHold)
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

  health(signal: AbortSignal): Promise<WalletHealth> {
    return measureHealth(this.#clock, async () => {
      await this.#find(unusedHash, signal)
      const warnings = [rightsWarning(this.#rights)]
      if (this.#rights?.info) {
        const { num_active_channels: channels } = await this.#rpc.call('getInfo', {}, signal)
        if (channels === 0) warnings.push('lnd has no active channel, so nobody can pay; open one first.')
      }
      const inbound = this.#rights?.balance ? await this.#inboundMsat(signal) : undefined
      if (inbound === 0n) warnings.push('lnd has no inbound liquidity, so nobody can pay; get a channel opened to it.')
      return {
        detail:
          inbound === undefined
            ? 'lnd answers; its inbound liquidity is not visible to this macaroon.'
            : `lnd answers; it can receive about ${inbound / 1000n} sats.`,
        warnings: warnings.filter((warning) => warning !== undefined),
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#rpc.close()
  }

  async #find(paymentHash: string, signal: AbortSignal): Promise<LndInvoice | undefined> {
    try {
      return await this.#rpc.call(
        'lookupInvoice',
        { r_hash: Buffer.from(paymentHash, 'hex') },
        signal,
        isUnknownInvoice,
      )
    } catch (thrown) {
      if (isCallFailure(thrown)) return undefined
      throw thrown
    }
  }

  async #readNetwork(signal: AbortSignal): Promise<Network | undefined> {
    if (this.#rights?.info) {
      const { chains } = await this.#rpc.call('getInfo', {}, signal)
      return networks[chains[0]?.network ?? '']
    }
    if (this.#expected === undefined) return undefined
    const probe = { value_msat: '1', memo: 'Turnpike starts', expiry: '1', private: false }
    const { payment_request } = await this.#rpc.call('addInvoice', probe, signal)
    return tryDecode(payment_request)?.network
  }

  async #inboundMsat(signal: AbortSignal): Promise<bigint | undefined> {
    const { remote_balance } = await this.#rpc.call('channelBalance', {}, signal)
    return remote_balance ? BigInt(remote_balance.msat) : undefined
  }
}

function rightsWarning(rights: Rights | undefined): string | undefined {
  if (!rights || rights.excess.length === 0) return undefined
  const worst = rights.spends ? 'can move money out, which a thief would do' : 'can do more than it needs'
  return `The macaroon of lnd ${worst} (${rights.excess.slice(0, 6).join(', ')}); make one with \`${bakeCommand}\`.`
}

function toSettlement(invoice: LndInvoice): Settlement {
  return {
    paymentHash: invoice.r_hash.toString('hex'),
    receivedMsat: BigInt(invoice.amt_paid_msat),
    settledAtMs: Number(invoice.settle_date) * 1000,
    cursor: invoice.settle_index,
  }
}
