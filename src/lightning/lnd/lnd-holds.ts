import type { HoldInvoiceRequest, HoldState } from '../../ports/hold-wallet.ts'
import { type IssuedInvoice, WalletError } from '../../ports/wallet.ts'
import { hashBytes, isAhead, isOver, preimageBytes, rejected } from '../hold-progress.ts'
import { toIssuedHold } from '../hold-terms.ts'
import {
  type CallFailure,
  isCallFailure,
  isCancelledAlready,
  isDuplicate,
  isSettledAlready,
  isStillOpen,
  isUnknownInvoice,
} from './lnd-error.ts'
import type { LndInvoice, LndRpc } from './lnd-rpc.ts'

const states: Readonly<Record<LndInvoice['state'], HoldState>> = {
  OPEN: 'open',
  ACCEPTED: 'accepted',
  SETTLED: 'settled',
  CANCELED: 'cancelled',
}

/** The hold invoices of one lnd (`invoicesrpc`). Only the one that is named is ever touched. */
export class LndHolds {
  readonly #rpc: LndRpc
  readonly #private: boolean

  constructor(rpc: LndRpc, privateChannels: boolean) {
    this.#rpc = rpc
    this.#private = privateChannels
  }

  /** @throws WalletError */
  async create(request: HoldInvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    const { paymentHash, amountMsat, description, expirySeconds, cltvExpiryBlocks } = request
    const invoice = {
      hash: hashBytes(paymentHash),
      value_msat: amountMsat.toString(),
      memo: description,
      expiry: expirySeconds.toString(),
      cltv_expiry: cltvExpiryBlocks.toString(),
      private: this.#private,
    }
    try {
      const made = await this.#rpc.call('addHoldInvoice', invoice, signal, isDuplicate)
      return toIssuedHold('lnd', made.payment_request, request)
    } catch (thrown) {
      if (!isCallFailure(thrown)) throw thrown
    }
    const made = await this.#find(paymentHash, signal)
    if (!made) throw new WalletError('protocol', 'lnd knows the hold invoice and does not find it.')
    return toIssuedHold('lnd', made.payment_request, request)
  }

  /** @throws WalletError */
  async lookup(paymentHash: string, signal: AbortSignal): Promise<HoldState> {
    const invoice = await this.#find(paymentHash, signal)
    return invoice ? states[invoice.state] : 'unknown'
  }

  /**
   * The present state, then each change, until the last one. A connection that breaks ends it.
   * @throws WalletError `unauthorized`
   */
  async *states(paymentHash: string, signal: AbortSignal): AsyncGenerator<HoldState, void, void> {
    const hash = hashBytes(paymentHash)
    let shown: HoldState | undefined
    try {
      for await (const invoice of this.#rpc.subscribeSingle(hash, signal)) {
        const state = states[invoice.state]
        if (isAhead(state, shown)) {
          shown = state
          yield state
        }
        if (isOver(state)) return
      }
    } catch (thrown) {
      if (!(thrown instanceof WalletError) || thrown.code === 'unauthorized') throw thrown
    }
  }

  /** @throws WalletError */
  async settle(paymentHash: string, preimage: string, signal: AbortSignal): Promise<void> {
    const request = { preimage: preimageBytes(paymentHash, preimage) }
    await this.#conclude(() => this.#rpc.call('settleInvoice', request, signal, isFinal))
  }

  /** @throws WalletError */
  async cancel(paymentHash: string, signal: AbortSignal): Promise<void> {
    const request = { payment_hash: hashBytes(paymentHash) }
    await this.#conclude(() => this.#rpc.call('cancelInvoice', request, signal, isFinal))
  }

  /** lnd takes both calls again and again; what it refuses, it will always refuse, except to settle what is still open. */
  async #conclude(call: () => Promise<unknown>): Promise<void> {
    try {
      await call()
    } catch (thrown) {
      if (!isCallFailure(thrown)) throw thrown
      throw rejected(refusal(thrown))
    }
  }

  async #find(paymentHash: string, signal: AbortSignal): Promise<LndInvoice | undefined> {
    try {
      return await this.#rpc.call('lookupInvoiceV2', { payment_hash: hashBytes(paymentHash) }, signal, isUnknownInvoice)
    } catch (thrown) {
      if (isCallFailure(thrown)) return undefined
      throw thrown
    }
  }
}

const isFinal = (failure: CallFailure): boolean =>
  [isStillOpen, isSettledAlready, isCancelledAlready, isUnknownInvoice].some((is) => is(failure))

function refusal(failure: CallFailure): string {
  if (isStillOpen(failure)) return 'Nothing is held for this invoice: it is still open.'
  if (isSettledAlready(failure)) return 'The payment was taken already.'
  if (isCancelledAlready(failure)) return 'The invoice was cancelled already.'
  return 'lnd has no hold invoice with this payment hash.'
}
