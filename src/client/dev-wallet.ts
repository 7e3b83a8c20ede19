import { fetch } from 'undici'

/** A wallet refused to pay. */
export class PaymentRefused extends Error {
  override readonly name = 'PaymentRefused'
}

/**
 * Pays with the development wallet of a gateway.
 * @param adminUrl its operator's listener
 * @returns the preimage, 64 hex digits
 * @throws PaymentRefused with the wallet's reason; whatever fetch throws when it cannot be reached
 */
export async function payWithDevWallet(adminUrl: string, invoice: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(new URL('/dev/pay', adminUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ invoice }),
    signal,
  })
  const answer = (await response.json().catch(() => ({}))) as { preimage?: unknown; error?: unknown }
  if (response.ok && typeof answer.preimage === 'string') return answer.preimage
  throw new PaymentRefused(typeof answer.error === 'string' ? answer.error : `the wallet answered ${response.status}`)
}
