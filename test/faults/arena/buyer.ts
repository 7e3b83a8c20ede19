import { setTimeout as passed } from 'node:timers/promises'
import { parseChallenge } from '#src/client/parse-challenge.ts'
import { type Answer, attempt, problemIn } from './attempt.ts'
import type { Work } from './execution-log.ts'

export type Kind = UpfrontKind | HeldKind
export type UpfrontKind = 'json' | 'sse' | 'binary'
/** Charged on delivery: patiently, hastily, and hastily behind others in a queue. */
export type HeldKind = 'held' | 'hasty' | 'queued'

export const isHeld = (kind: Kind): kind is HeldKind => kind === 'held' || kind === 'hasty' || kind === 'queued'

/** One thing a buyer wants, and everything that happened until they had it. */
export interface Purchase {
  readonly kind: Kind
  readonly work: Work
  /** What they asked for with the same payment, once the work they had paid for was refused or given up. */
  instead: Work | undefined
  payment: { readonly paymentHash: string; readonly token: string; readonly preimage: string } | undefined
  /** A payment that is held, and how its buyer's wallet saw it end; `unpaid` where they never made it. */
  held: { readonly paymentHash: string; readonly end: 'paid' | 'refused' | 'unpaid' | undefined } | undefined
  readonly steps: Step[]
  /** Undefined while the buyer is still at it; `unsold`: not charged, and for no reason. */
  outcome:
    | 'delivered'
    | 'not_charged'
    | 'refundable'
    | 'asked_to_pay_again'
    | 'lost'
    | 'impatient'
    | 'changed_mind'
    | 'unsold'
    | undefined
}

export interface Step {
  readonly paid: boolean
  readonly status: number | undefined
  readonly code: string | undefined
  readonly money: string | undefined
  readonly complete: boolean
  readonly bytes: number
  readonly sha256: string
}

export interface BuyerOptions {
  readonly url: string
  pay(invoice: string): Promise<string>
  /** How long they go on trying, ms. */
  readonly patienceMs?: number
  /** They do not ask for something else when the work they paid for is refused or given up. */
  readonly insists?: boolean
}

const shortestWaitMs = 60
const longestWaitMs = 1_050

export function newPurchase(kind: Kind, work: Work): Purchase {
  return { kind, work, instead: undefined, payment: undefined, held: undefined, steps: [], outcome: undefined }
}

/** Asks for the price and pays it. @returns false when there was no price to pay within the buyer's patience */
export async function pay(purchase: Purchase, options: BuyerOptions): Promise<boolean> {
  const untilMs = performance.now() + (options.patienceMs ?? 60_000)
  while (performance.now() < untilMs) {
    const answer = await step(purchase, options)
    const challenge = parseChallenge(answer.headers['www-authenticate'] ?? '')
    if (answer.status === 402 && challenge && answer.complete) {
      const { paymentHash } = JSON.parse(answer.text) as { paymentHash: string }
      const preimage = await options.pay(challenge.invoice)
      purchase.payment = { paymentHash, token: challenge.token, preimage }
      return true
    }
    await passed(shortestWaitMs)
  }
  return false
}

/**
 * An honest buyer: pays once and then asks again with the same token until the result is there, whatever happens
 * meanwhile. Asked to pay again for it, they stop: that is a broken promise.
 */
export async function buy(purchase: Purchase, options: BuyerOptions): Promise<void> {
  const untilMs = performance.now() + (options.patienceMs ?? 60_000)
  if (!purchase.payment && !(await pay(purchase, options))) {
    purchase.outcome = 'impatient'
    return
  }
  while (performance.now() < untilMs) {
    const answer = await step(purchase, options)
    if (!options.insists && isFreeForAnother(answer) && !purchase.instead) {
      const { units, note, paceMs = 0 } = purchase.work
      purchase.instead = { units, note: `${note} instead`, paceMs }
      continue
    }
    const outcome = outcomeOf(answer)
    if (outcome) {
      purchase.outcome = outcome
      return
    }
    const seconds = Number(answer.headers['retry-after'] ?? 0)
    const starting = problemIn(answer)?.code === 'not_ready'
    await passed(starting ? shortestWaitMs : Math.min(longestWaitMs, Math.max(shortestWaitMs, seconds * 1_050)))
  }
  purchase.outcome = 'impatient'
}

/** One request, with the token where there is one. */
export async function step(
  purchase: Purchase,
  { url }: Pick<BuyerOptions, 'url'>,
  leaveAtBytes?: number,
): Promise<Answer> {
  const { kind, payment, steps } = purchase
  const work = purchase.instead ?? purchase.work
  const authorization = payment && `L402 ${payment.token}:${payment.preimage}`
  const answer = await attempt({ url, path: `/${kind}`, body: work, authorization, leaveAtBytes })
  const money = answer.headers['l402-payment']
  steps.push({
    paid: payment !== undefined,
    status: answer.status,
    code: problemIn(answer)?.code,
    money: typeof money === 'string' ? money : undefined,
    complete: answer.complete,
    bytes: answer.bytes,
    sha256: answer.sha256,
  })
  return answer
}

/** The payment is the buyer's, and the work it was for will not be done: they may ask for something else. */
function isFreeForAnother(answer: Answer): boolean {
  if (!answer.complete) return false
  return answer.status === 422 ? answer.headers['l402-payment'] === 'unspent' : problemIn(answer)?.code === 'given_up'
}

function outcomeOf(answer: Answer): Purchase['outcome'] {
  const { status, complete } = answer
  if (status === undefined || !complete) return undefined
  if (status >= 200 && status < 300) return 'delivered'
  if (status === 402) return 'asked_to_pay_again'
  const payment = problemIn(answer)?.payment
  if (payment?.status === 'refundable') return 'refundable'
  return status === 409 || status >= 500 ? undefined : 'lost'
}
