import { setTimeout as passed } from 'node:timers/promises'
import { parseChallenge } from '#src/client/parse-challenge.ts'
import type { Arena } from './arena.ts'
import { buy, type Purchase, step } from './buyer.ts'

/** How a payment ended, as the buyer's wallet saw it. */
export type PaymentEnd = { readonly preimage: string } | { readonly refused: string }

const pauseMs = 60
const patienceMs = 60_000

/**
 * Pays at a wallet that may die meanwhile: asks again until it says how the payment ended, as a wallet does that finds
 * its own payment under way when it starts.
 */
export async function payAtWallet(adminUrl: string, invoice: string): Promise<PaymentEnd> {
  const untilMs = performance.now() + patienceMs
  while (performance.now() < untilMs) {
    try {
      const answer = await fetch(`${adminUrl}/dev/pay`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ invoice }),
        signal: AbortSignal.timeout(patienceMs),
      })
      const body = (await answer.json()) as { preimage?: string; error?: string }
      if (body.preimage !== undefined) return { preimage: body.preimage }
      if (answer.status === 409) return { refused: body.error ?? '' }
    } catch {
      // The wallet is away.
    }
    await passed(pauseMs)
  }
  throw new Error('the payment came to no end')
}

/** Asks for the price of something that is charged on delivery. @returns the invoice */
async function offer(purchase: Purchase, arena: Arena): Promise<{ token: string; invoice: string }> {
  const untilMs = performance.now() + patienceMs
  while (performance.now() < untilMs) {
    const answer = await step(purchase, arena)
    const challenge = parseChallenge(answer.headers['www-authenticate'] ?? '')
    if (answer.status === 402 && challenge && answer.complete) {
      const { paymentHash, charge } = JSON.parse(answer.text) as { paymentHash: string; charge?: string }
      if (charge !== 'on_delivery') throw new Error(`the payment of ${purchase.kind} is not held`)
      purchase.held = { paymentHash, end: undefined }
      return challenge
    }
    await passed(pauseMs)
  }
  throw new Error('there was no price to pay')
}

/**
 * An honest buyer of what is charged on delivery: pays, waits for the end of the payment, and when it was taken asks
 * with the token until the result is there. A payment that was let go is the end of it.
 */
export async function buyHeld(purchase: Purchase, arena: Arena): Promise<void> {
  const { token, invoice } = await offer(purchase, arena)
  const { paymentHash } = purchase.held ?? { paymentHash: '' }
  const end = await arena.payHeld(invoice)
  if ('refused' in end) {
    purchase.held = { paymentHash, end: 'refused' }
    purchase.outcome = 'not_charged'
    return
  }
  purchase.held = { paymentHash, end: 'paid' }
  purchase.payment = { paymentHash, token, preimage: end.preimage }
  await buy(purchase, arena)
}
