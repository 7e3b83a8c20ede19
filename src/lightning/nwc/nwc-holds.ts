import type { z } from 'zod'
import type { HoldInvoiceRequest, HoldState } from '../../ports/hold-wallet.ts'
import { type IssuedInvoice, WalletError } from '../../ports/wallet.ts'
import { hashBytes, isAhead, isOver, preimageBytes, rejected } from '../hold-progress.ts'
import { toIssuedHold } from '../hold-terms.ts'
import { AttemptedKeys } from '../http/attempted-keys.ts'
import { jsonMsat, tryDecode } from '../http/issued-invoice.ts'
import { answerError } from './answer-error.ts'
import { HoldHints } from './hold-hints.ts'
import type { WalletAnswer } from './nip47-client.ts'
import { lookedUpInvoice, madeInvoice, readResult } from './transaction.ts'

export interface NwcHoldsSetup {
  ask(method: string, params: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<WalletAnswer>
  nowMs(): number
  /** Whether the wallet notifies of payments that are locked in. */
  notifies(): boolean
  readonly pollEveryMs?: number | undefined
}

const service = 'The wallet'
/** Where no notification comes. */
const pollEveryMs = 1_000
/** Notifications get lost. */
const pollBesidesMs = 15_000
/** The clock of the wallet may be behind ours. */
const expiryToleranceMs = 60_000
/** What another way of asking would not change. */
const refusals = new Set(['UNAUTHORIZED', 'RESTRICTED', 'RATE_LIMITED', 'QUOTA_EXCEEDED', 'NOT_IMPLEMENTED'])

/**
 * The hold invoices of one connection (NIP-47: `make_hold_invoice`, `settle_hold_invoice`, `cancel_hold_invoice`).
 * Notifications are hints and `lookup_invoice` is the truth: wallets answer a repeated call with an error of their own
 * choice, so after every such error the invoice is looked up.
 */
export class NwcHolds implements Disposable {
  readonly #setup: NwcHoldsSetup
  readonly #hints = new HoldHints()
  readonly #attempted = new AttemptedKeys()

  constructor(setup: NwcHoldsSetup) {
    this.#setup = setup
  }

  tell(paymentHash: string): void {
    this.#hints.tell(paymentHash)
  }

  /** @throws WalletError */
  async create(request: HoldInvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    const { paymentHash, description, expirySeconds, cltvExpiryBlocks } = request
    hashBytes(paymentHash)
    const amount = jsonMsat(service, request.amountMsat)
    // Not every wallet refuses to make a second invoice for the same hash.
    if (this.#attempted.meet(paymentHash)) {
      const made = (await this.#find(paymentHash, signal))?.invoice
      if (made !== undefined) return toIssuedHold(service, made, request)
    }
    const answer = await this.#setup.ask(
      'make_hold_invoice',
      {
        amount,
        description,
        expiry: expirySeconds,
        payment_hash: paymentHash,
        min_cltv_expiry_delta: cltvExpiryBlocks,
      },
      signal,
    )
    if (answer.type === 'result') {
      return toIssuedHold(service, readResult('make_hold_invoice', answer.result, madeInvoice).invoice, request)
    }
    const made = refusals.has(answer.code) ? undefined : (await this.#find(paymentHash, signal))?.invoice
    if (made === undefined) throw answerError('make_hold_invoice', answer.code)
    return toIssuedHold(service, made, request)
  }

  /** @throws WalletError */
  async lookup(paymentHash: string, signal: AbortSignal): Promise<HoldState> {
    const found = await this.#find(paymentHash, signal)
    return found ? this.#stateOf(found) : 'unknown'
  }

  /**
   * The present state, then each change, until the last one; a wallet that cannot be asked ends it.
   * @throws WalletError `unauthorized`
   */
  async *states(paymentHash: string, signal: AbortSignal): AsyncGenerator<HoldState, void, void> {
    hashBytes(paymentHash)
    using watch = this.#hints.watch(paymentHash, signal)
    let shown: HoldState | undefined
    while (!watch.ended) {
      const state = await this.#lookupOrEnd(paymentHash, signal)
      if (state === undefined || watch.ended) return
      if (isAhead(state, shown)) {
        shown = state
        yield state
      }
      if (isOver(state)) return
      await watch.next(this.#setup.pollEveryMs ?? (this.#setup.notifies() ? pollBesidesMs : pollEveryMs))
    }
  }

  /** @throws WalletError */
  async settle(paymentHash: string, preimage: string, signal: AbortSignal): Promise<void> {
    const params = { preimage: preimageBytes(paymentHash, preimage).toString('hex') }
    const answer = await this.#setup.ask('settle_hold_invoice', params, signal)
    if (answer.type === 'result') return
    const state = await this.#stateAfter('settle_hold_invoice', answer.code, paymentHash, signal)
    switch (state) {
      case 'settled':
        return
      case 'open':
        throw rejected('Nothing is held for this invoice: it is still open.')
      case 'cancelled':
        throw rejected('The invoice was cancelled already.')
      case 'unknown':
        throw rejected('The wallet has no hold invoice with this payment hash.')
      case 'accepted':
        throw answerError('settle_hold_invoice', answer.code)
    }
  }

  /** @throws WalletError */
  async cancel(paymentHash: string, signal: AbortSignal): Promise<void> {
    hashBytes(paymentHash)
    const answer = await this.#setup.ask('cancel_hold_invoice', { payment_hash: paymentHash }, signal)
    if (answer.type === 'result') return
    const state = await this.#stateAfter('cancel_hold_invoice', answer.code, paymentHash, signal)
    switch (state) {
      case 'cancelled':
        return
      case 'settled':
        throw rejected('The payment was taken already.')
      case 'open':
        throw rejected('The wallet cancels only what is locked in; the invoice closes when it expires.')
      case 'unknown':
        throw rejected('The wallet has no hold invoice with this payment hash.')
      case 'accepted':
        throw answerError('cancel_hold_invoice', answer.code)
    }
  }

  [Symbol.dispose](): void {
    this.#hints.end()
  }

  async #stateAfter(method: string, code: string, paymentHash: string, signal: AbortSignal): Promise<HoldState> {
    if (refusals.has(code)) throw answerError(method, code)
    return await this.lookup(paymentHash, signal)
  }

  async #lookupOrEnd(paymentHash: string, signal: AbortSignal): Promise<HoldState | undefined> {
    try {
      return await this.lookup(paymentHash, signal)
    } catch (thrown) {
      if (thrown instanceof WalletError && thrown.code !== 'unauthorized') return undefined
      throw thrown
    }
  }

  async #find(paymentHash: string, signal: AbortSignal): Promise<z.output<typeof lookedUpInvoice> | undefined> {
    hashBytes(paymentHash)
    const answer = await this.#setup.ask('lookup_invoice', { payment_hash: paymentHash }, signal)
    if (answer.type === 'error') {
      if (answer.code === 'NOT_FOUND') return undefined
      throw answerError('lookup_invoice', answer.code)
    }
    const found = readResult('lookup_invoice', answer.result, lookedUpInvoice)
    if ((found.payment_hash ?? tryDecode(found.invoice)?.paymentHash) === paymentHash) return found
    throw new WalletError('protocol', `${service} answered lookup_invoice with another invoice; update it.`)
  }

  /** What is locked in stays so after the invoice expired; what is not, cannot be any more. */
  #stateOf(found: z.output<typeof lookedUpInvoice>): HoldState {
    switch (found.state?.toLowerCase()) {
      case 'settled':
        return 'settled'
      case 'accepted':
        return 'accepted'
      case 'expired':
      case 'failed':
        return 'cancelled'
      case undefined:
        if ((found.settled_at ?? 0) > 0) return 'settled'
    }
    const endsAtMs = (found.expires_at ?? tryDecode(found.invoice)?.expiresAt ?? Number.POSITIVE_INFINITY) * 1000
    return this.#setup.nowMs() >= endsAtMs + expiryToleranceMs ? 'cancelled' : 'open'
  }
}
