import type { HoldInvoiceRequest } from '../ports/hold-wallet.ts'
import { type IssuedInvoice, WalletError } from '../ports/wallet.ts'
import { tryDecode } from './http/issued-invoice.ts'

/**
 * A hold invoice as the wallet made it, now or at an earlier call, against what is asked for now.
 * @throws WalletError `protocol` when the wallet made something else; `rejected` when it has an invoice over another
 * amount for this hash
 */
export function toIssuedHold(service: string, bolt11: string, request: HoldInvoiceRequest): IssuedInvoice {
  const { paymentHash, amountMsat, cltvExpiryBlocks } = request
  const invoice = tryDecode(bolt11)
  if (invoice?.paymentHash !== paymentHash) {
    throw new WalletError('protocol', `${service} made a hold invoice that is not for the payment hash it was given.`)
  }
  if (invoice.amountMsat !== amountMsat) {
    throw new WalletError('rejected', `${service} has a hold invoice of another amount for this payment hash.`)
  }
  // Fewer blocks, and the payment could go back while the work is still being done.
  if (invoice.minFinalCltvExpiry < cltvExpiryBlocks) {
    throw new WalletError(
      'protocol',
      `${service} holds payments for ${invoice.minFinalCltvExpiry} blocks only, where ${cltvExpiryBlocks} were asked for; update it, or use another wallet.`,
    )
  }
  return { paymentHash, bolt11, amountMsat, expiresAt: invoice.expiresAt, ref: paymentHash }
}
