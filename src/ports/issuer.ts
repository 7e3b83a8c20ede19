import type { InvoiceRequest, IssuedInvoice } from './wallet.ts'

export interface IssuedBy extends IssuedInvoice {
  /** Name of the wallet that made it. */
  readonly wallet: string
}

/** Makes invoices with whichever wallet can, and vouches that they are what was asked for. */
export interface InvoiceIssuer {
  /** Amounts are rounded up to a multiple of this. */
  readonly unitMsat: bigint
  /** True for wallets that move no money. */
  readonly development: boolean
  /** @throws WalletError */
  issue(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedBy>
  /** The wallet that a payment was made to, as far as this process knows. */
  walletOf(paymentHash: string): string
}
