import { parseChallenge } from '#src/client/parse-challenge.ts'
import { type Answered, type Payment, type Sent, send } from './buyer.ts'
import type { TestGateway } from './gateway.ts'

/** A purchase whose payment is held: paying it ends when the gateway has decided. */
export interface Held {
  readonly token: string
  readonly invoice: string
  readonly paymentHash: string
  readonly challenge: Answered
  /** The payment as the buyer's wallet sees it end. */
  readonly paying: Promise<{ readonly paid: Payment } | { readonly refused: string }>
}

/** Asks for a challenge and begins to pay it, as an ordinary L402 client does. */
export async function beginToPay(gateway: TestGateway, request: Sent): Promise<Held> {
  const challenge = await send(gateway, request)
  if (challenge.status !== 402) throw new Error(`no challenge but ${challenge.status}: ${challenge.text}`)
  const header = challenge.headers['www-authenticate']
  const read = parseChallenge(Array.isArray(header) ? (header[0] ?? '') : (header ?? ''))
  if (!read) throw new Error('the challenge cannot be read')
  const { token, invoice } = read
  const { paymentHash, amountMsat } = challenge.json()
  const paying = gateway.wallet.pay(invoice, AbortSignal.timeout(30_000)).then(
    (preimage) => {
      const authorization = { authorization: `L402 ${token}:${preimage}` }
      return { paid: { token, preimage, paymentHash, amountMsat, authorization } }
    },
    (thrown: unknown) => ({ refused: thrown instanceof Error ? thrown.message : String(thrown) }),
  )
  return { token, invoice, paymentHash, challenge, paying }
}
