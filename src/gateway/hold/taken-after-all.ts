import { GatewayError } from '../../errors.ts'
import type { HoldState } from '../../ports/hold-wallet.ts'
import type { PaymentRecord } from '../../ports/ledger.ts'
import { WalletError } from '../../ports/wallet.ts'
import type { Gateway } from '../gateway.ts'

/** A payment that is being let go, or was. */
export const isLetGo = ({ state }: PaymentRecord): boolean => state === 'cancelling' || state === 'cancelled'

const retryAfterMs = 5_000

/**
 * Somebody shows the preimage of a payment that was let go. Nobody has it but a wallet that was told to take the
 * payment and whoever that wallet took it from, so the wallet may have been wrong: it is asked again.
 * @returns whether the wallet has taken it; then the ledger says so too
 * @throws GatewayError `settlement_pending` when the wallet does not say
 * @throws LedgerError
 */
export async function takenAfterAll(
  { holdDesk, events }: Pick<Gateway, 'holdDesk' | 'events'>,
  { paymentHash, wallet }: PaymentRecord,
): Promise<boolean> {
  const desk = holdDesk()
  switch (desk && (await ask(() => desk.lookUp(wallet, paymentHash)))) {
    // There is nobody to ask, and only a wallet that took it gives its preimage away.
    case undefined:
      throw pending()
    case 'settled':
      events.unexpected('a held payment', new Error('the wallet took what it called gone before; its token is good'))
      await desk?.noteTaken(paymentHash)
      return true
    case 'accepted':
      throw pending()
    case 'open':
    case 'cancelled':
    case 'unknown':
      return false
  }
}

async function ask(lookUp: () => Promise<HoldState | undefined>): Promise<HoldState | undefined> {
  try {
    return await lookUp()
  } catch (thrown) {
    if (!(thrown instanceof WalletError)) throw thrown
    throw pending(thrown)
  }
}

const pending = (cause?: unknown): GatewayError =>
  new GatewayError(
    'settlement_pending',
    'the wallet has not said yet whether it took the payment; send the same request with the same token again, and do not pay again',
    { retryAfterMs, cause },
  )
