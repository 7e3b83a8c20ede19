import { Agent, fetch } from 'undici'

export type PaymentEnd =
  /** The wallet does not pay this invoice. */
  | 'refused'
  /** It was held, and let go: nothing delivered, nothing charged. */
  | 'let_go'
  /** It is held still. */
  | 'held'

/** A wallet has not paid. */
export class PaymentRefused extends Error {
  override readonly name = 'PaymentRefused'
  readonly end: PaymentEnd

  constructor(end: PaymentEnd, message: string) {
    super(message)
    this.end = end
  }
}

/** The answer to a payment that is held comes when it is decided, which may take longer than fetch waits by itself. */
const patient = new Agent({ headersTimeout: 0, bodyTimeout: 0 })

/**
 * Pays with the development wallet of a gateway. For a payment that is held it waits for the end; paying the same
 * invoice again waits for the same end.
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
    dispatcher: patient,
  })
  const answer = (await response.json().catch(() => ({}))) as Record<'preimage' | 'error' | 'code', unknown>
  if (response.ok && typeof answer.preimage === 'string') return answer.preimage
  const said = typeof answer.error === 'string' ? answer.error : `the wallet answered ${response.status}`
  throw new PaymentRefused(endOf(answer.code), said)
}

function endOf(code: unknown): PaymentEnd {
  if (code === 'let_go') return 'let_go'
  return code === 'timeout' ? 'held' : 'refused'
}
