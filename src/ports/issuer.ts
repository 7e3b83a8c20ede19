import type { HoldInvoiceRequest } from './hold-wallet.ts'
import type { InvoiceRequest, IssuedInvoice } from './wallet.ts'

/** An invoice to be made, and for what. */
export interface Order extends InvoiceRequest {
  /** Name of the service that is sold. */
  readonly service: string
  /** How long a token that is sold with it lives, if the invoice lives as long as is asked for. */
  readonly tokenTtlMs: number
  /** The payment is to be held: an invoice for this payment hash, by a wallet that can hold. */
  readonly hold?: Pick<HoldInvoiceRequest, 'paymentHash' | 'cltvExpiryBlocks'>
}

export interface IssuedBy extends IssuedInvoice {
  /** Name of the wallet that made it. */
  readonly wallet: string
  /** The wallet moves no money. */
  readonly development: boolean
}

/** Makes invoices with whichever wallet can, and vouches that they are what was asked for. */
export interface InvoiceIssuer {
  /** What amounts are rounded up to by the wallet that would be asked now. */
  readonly unitMsat: bigint
  /**
   * Asks the wallets in the order of the configuration. The amount is rounded up to a multiple of the unit of the
   * wallet that takes it: what is to be paid is `amountMsat` of the answer. Ends within `lightning.timeout`.
   * @throws WalletError with `retryAfterMs` when no wallet can make it now; `bad_amount` when none ever will
   * @throws LedgerError when what its wallet needs to find it again cannot be kept
   */
  issue(order: Order): Promise<IssuedBy>
  /** The wallet that a payment was made to, as far as this process knows; else `unknownWallet` of the books. */
  walletOf(paymentHash: string): string
}
