import { type Books, type KeptInvoice, unknownWallet } from '../../ports/books.ts'
import { LedgerError } from '../../ports/ledger.ts'
import type { InvoiceState } from '../../ports/wallet.ts'
import type { ManagedWallet } from '../managed-wallet.ts'
import type { OpenInvoices } from '../open-invoices.ts'

export type Found =
  | { readonly kind: 'settled'; readonly wallet: string; readonly state: Extract<InvoiceState, { state: 'settled' }> }
  /** Every wallet that could know was asked, and none has received it. */
  | { readonly kind: 'not_settled' }
  /** A wallet that could know could not be asked, or the books not read for what to ask it by. */
  | { readonly kind: 'unanswered' }

interface WhomToAsk {
  readonly wallets: readonly ManagedWallet[]
  readonly invoices: OpenInvoices
  /** Know invoices that expired long ago. */
  readonly books: Pick<Books, 'keptInvoice'>
}

/**
 * Asks who has received a payment: the wallet that is said to have made the invoice, or each of them when that is not
 * known.
 */
export async function findSettlement(
  { wallets, invoices, books }: WhomToAsk,
  paymentHash: string,
  named: string,
  signal: AbortSignal,
): Promise<Found> {
  let known: Pick<KeptInvoice, 'wallet' | 'ref'> | undefined
  try {
    known = invoices.find(paymentHash) ?? (await books.keptInvoice(paymentHash))
  } catch (thrown) {
    if (!(thrown instanceof LedgerError)) throw thrown
    return { kind: 'unanswered' }
  }
  const maker = known?.wallet ?? named
  const asked = maker === unknownWallet ? wallets : wallets.filter(({ name }) => name === maker)
  let unanswered = asked.length === 0
  for (const managed of asked) {
    if (managed.started && !managed.wallet.capabilities.lookup) {
      unanswered = true
      continue
    }
    try {
      const state = await managed.lookup({ paymentHash, ref: known?.ref ?? paymentHash }, signal)
      if (state.state === 'settled') return { kind: 'settled', wallet: managed.name, state }
    } catch {
      unanswered = true
    }
  }
  return { kind: unanswered ? 'unanswered' : 'not_settled' }
}
