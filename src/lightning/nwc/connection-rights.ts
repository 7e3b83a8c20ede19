import type { WalletService } from './nip47-client.ts'

export type Rights = Pick<WalletService, 'methods' | 'notifications' | 'encryption'>

const spending = new Set(['pay_invoice', 'pay_keysend', 'multi_pay_invoice', 'multi_pay_keysend'])

/** Sentences for the operator on what a connection may do and should not, or cannot and could. */
export function rightsWarnings({ methods, notifications, encryption }: Rights): string[] {
  const warnings: string[] = []
  if (methods.some((method) => spending.has(method))) {
    warnings.push('This connection can also spend: make a receive-only one.')
  }
  if (methods.includes('create_connection')) {
    warnings.push('This connection can also make other connections: make a receive-only one.')
  }
  if (!methods.includes('lookup_invoice')) {
    warnings.push(
      'This connection cannot look invoices up, so the books show tokens presented and not payments: allow lookup_invoice.',
    )
  }
  if (!notifications.includes('payment_received')) {
    warnings.push('The wallet does not tell of payments on this connection; they are found by asking.')
  }
  if (encryption === 'nip04') {
    warnings.push('The wallet knows the old encryption NIP-04 only; update it.')
  }
  return warnings
}

const holding = ['make_hold_invoice', 'settle_hold_invoice', 'cancel_hold_invoice', 'lookup_invoice']

/** Why the connection cannot hold payments, with the fix, in a sentence; undefined where it can. */
export function holdProblem({ methods }: Rights): string | undefined {
  const missing = holding.filter((method) => !methods.includes(method))
  if (missing.length === 0) return undefined
  return `This connection cannot hold payments: allow it ${missing.join(', ')}, or use a wallet that can hold (lnd, or Alby Hub over NWC).`
}
