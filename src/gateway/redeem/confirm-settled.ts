import { GatewayError } from '../../errors.ts'
import type { Gateway } from '../gateway.ts'

/**
 * Before the ledger hears of a payment for the first time: makes sure that the wallet has received it, where the
 * preimage alone does not prove that. From then on the row stands for the money, so nothing may be written before this.
 * The payment stays the buyer's whatever comes of it.
 * @throws GatewayError `settlement_pending`
 * @throws LedgerError
 */
export async function confirmSettled({ settlement }: Pick<Gateway, 'settlement'>, paymentHash: string): Promise<void> {
  if (!settlement.required(paymentHash)) return
  const verdict = await settlement.confirm(paymentHash)
  if (verdict.kind === 'settled') return
  throw new GatewayError(
    'settlement_pending',
    'the wallet has not confirmed the payment yet; send the same request with the same token again, and do not pay again',
    { retryAfterMs: verdict.retryAfterMs },
  )
}
