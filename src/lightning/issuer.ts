import type { Clock } from '../ports/clock.ts'
import type { InvoiceIssuer, IssuedBy } from '../ports/issuer.ts'
import type { InvoiceRequest, Wallet } from '../ports/wallet.ts'
import { checkIssued } from './check-issued.ts'

/** Issues invoices with one wallet; every one is checked before a buyer sees it. */
export function createIssuer(wallet: Wallet, clock: Clock): InvoiceIssuer {
  return {
    unitMsat: wallet.capabilities.unitMsat,
    development: wallet.kind === 'dev',
    async issue(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedBy> {
      const issued = await wallet.createInvoice(request, signal)
      const { expiresAt } = checkIssued(issued, request, { network: wallet.capabilities.network, nowMs: clock.nowMs() })
      return { ...issued, expiresAt, wallet: wallet.name }
    },
    walletOf: () => wallet.name,
  }
}
