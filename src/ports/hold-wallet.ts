import { type InvoiceRequest, type IssuedInvoice, type Wallet, WalletError } from './wallet.ts'

/** A payment that is held locks money of everybody on its way, and blocks pass. */
export const longestHoldMs = 30 * 60_000

/** What whoever pays is told when the payment was held and then let go: nothing was taken. Its code is `rejected`. */
export class PaymentLetGo extends WalletError {
  constructor() {
    super('rejected', 'The payment was not taken: nothing was delivered, nothing is charged.')
  }
}

/** A hold invoice to be made: the payment hash is ours, and so is the preimage that takes the money. */
export interface HoldInvoiceRequest extends InvoiceRequest {
  /** 64 lower-case hex digits. */
  readonly paymentHash: string
  /** How many blocks the last hop may hold the payment (BOLT11 field `c`). */
  readonly cltvExpiryBlocks: number
}

/** Where a held payment stands. `accepted`: locked in, not taken. */
export type HoldState = 'open' | 'accepted' | 'settled' | 'cancelled' | 'unknown'

/**
 * A wallet that can lock a payment in and take it, or let it go, later. Every call is safe to repeat, also after a
 * crash and after a lost reply.
 */
export interface HoldWallet extends Wallet {
  /**
   * Why its credential or connection does not permit holding, and what to do: one sentence for the operator. Undefined
   * where it can. Final once `start` has resolved; until then undefined may mean that it is not known yet.
   */
  readonly cannotHold?: string | undefined
  /**
   * Makes the invoice; again for the same hash gives the same one.
   * @throws WalletError `unauthorized` with `cannotHold` as its message; `rejected` when there is an invoice of another
   * amount for this hash
   */
  createHoldInvoice(request: HoldInvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice>
  /** @throws WalletError */
  lookupHold(paymentHash: string, signal: AbortSignal): Promise<HoldState>
  /**
   * The present state, then each change; ends after `settled` and `cancelled`. A hint: it may end at any time or miss
   * what was between, and `lookupHold` is the truth.
   * @throws WalletError
   */
  holdStates(paymentHash: string, signal: AbortSignal): AsyncIterable<HoldState>
  /**
   * Takes the locked payment. Resolves when the wallet has taken it, now or before.
   * @param preimage 64 hex digits
   * @throws WalletError `rejected` when nothing is locked in
   */
  settleHold(paymentHash: string, preimage: string, signal: AbortSignal): Promise<void>
  /**
   * Lets the payment go, or closes the invoice that nobody has paid. Resolves when it is gone, now or before.
   * @throws WalletError `rejected` when it was taken
   */
  cancelHold(paymentHash: string, signal: AbortSignal): Promise<void>
}

/** A wallet that knows how to hold payments, and so can end what it holds, even where it may not hold more. */
export const isHoldWallet = (wallet: Wallet): wallet is HoldWallet =>
  'settleHold' in wallet && typeof wallet.settleHold === 'function'

/** Whether a wallet can hold payments now, as far as is known. */
export const canHold = (wallet: Wallet): wallet is HoldWallet => isHoldWallet(wallet) && wallet.cannotHold === undefined
