import { setTimeout as passed } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { parseChallenge } from '#src/client/parse-challenge.ts'
import type { Arena } from './arena.ts'
import { buy, type Purchase, step } from './buyer.ts'

/** How a payment ended, as the buyer's wallet saw it. */
export type PaymentEnd =
  | { readonly preimage: string }
  /** @property letGo it was held before, and went back */
  | { readonly refused: string; readonly letGo: boolean }

/** What else a buyer does whose payment is held. */
export interface HeldHabits {
  /** Between the price and the payment. */
  readonly paysAfterMs: number
  /** Their wallet loses the connection while it waits, and asks again later. */
  readonly leavesAfterMs: number | undefined
  readonly backAfterMs: number
  /** Two wallets pay the same invoice. */
  readonly paysTwice: boolean
  /** They ask for the price alone. */
  readonly paysNothing: boolean
}

const plain: HeldHabits = {
  paysAfterMs: 0,
  leavesAfterMs: undefined,
  backAfterMs: 0,
  paysTwice: false,
  paysNothing: false,
}

const pauseMs = 60
const patienceMs = 60_000
/** What another process does with the wallet's file, the one that is asked learns only when it is asked again. */
const askAgainMs = 3_000

/**
 * Pays at a wallet that may die meanwhile: asks again until it says how the payment ended, as a wallet does that finds
 * its own payment under way when it starts.
 * @returns undefined when it came to no end
 */
export async function payAtWallet(
  adminUrl: string,
  invoice: string,
  forMs = patienceMs,
): Promise<PaymentEnd | undefined> {
  const untilMs = performance.now() + forMs
  while (performance.now() < untilMs) {
    try {
      const answer = await fetch(`${adminUrl}/dev/pay`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ invoice }),
        signal: AbortSignal.timeout(Math.ceil(Math.min(askAgainMs, untilMs - performance.now()))),
      })
      const body = (await answer.json()) as { preimage?: string; error?: string; code?: string }
      if (body.preimage !== undefined) return { preimage: body.preimage }
      if (answer.status === 409) return { refused: body.error ?? '', letGo: body.code === 'let_go' }
    } catch {
      // The wallet is away.
    }
    await passed(pauseMs)
  }
  return undefined
}

/** Asks for the price of something that is charged on delivery. @returns the invoice; undefined when there is no price */
async function offer(purchase: Purchase, arena: Arena): Promise<{ token: string; invoice: string } | undefined> {
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
  return undefined
}

/** @returns how it ended, for every wallet that paid alike; undefined when they saw different ends, or none */
async function payWith(habits: HeldHabits, invoice: string, arena: Arena): Promise<PaymentEnd | undefined> {
  await passed(habits.paysAfterMs)
  const early = habits.leavesAfterMs !== undefined && (await arena.payHeld(invoice, habits.leavesAfterMs))
  if (early) return early
  if (habits.leavesAfterMs !== undefined) await passed(habits.backAfterMs)
  const ends = await Promise.all(Array.from({ length: habits.paysTwice ? 2 : 1 }, () => arena.payHeld(invoice)))
  const [first] = ends
  return ends.every((end) => isDeepStrictEqual(end, first)) ? first : undefined
}

/**
 * An honest buyer of what is charged on delivery: pays, waits for the end of the payment, and when it was taken asks
 * with the token until the result is there. A payment that was let go is the end of it.
 * @param comes what they do with what they have paid for, instead of asking for it until it is there
 */
export async function buyHeld(
  purchase: Purchase,
  arena: Arena,
  habits: HeldHabits = plain,
  comes: () => Promise<void> = () => buy(purchase, arena),
): Promise<void> {
  const offered = await offer(purchase, arena)
  const { paymentHash } = purchase.held ?? {}
  if (!offered || paymentHash === undefined) {
    purchase.outcome = 'impatient'
    return
  }
  if (habits.paysNothing) {
    purchase.held = { paymentHash, end: 'unpaid' }
    purchase.outcome = 'changed_mind'
    return
  }
  const end = await payWith(habits, offered.invoice, arena)
  if (end === undefined) {
    purchase.outcome = 'impatient'
    return
  }
  if ('refused' in end) {
    purchase.held = { paymentHash, end: end.letGo ? 'refused' : undefined }
    purchase.outcome = 'not_charged'
    return
  }
  purchase.held = { paymentHash, end: 'paid' }
  purchase.payment = { paymentHash, token: offered.token, preimage: end.preimage }
  await comes()
}
