import { readFileSync } from 'node:fs'
import { setTimeout as passed } from 'node:timers/promises'
import type { Arena } from './arena.ts'
import { buy, type HeldKind, type Purchase } from './buyer.ts'
import { shortHoldMs } from './configuration.ts'
import { buyAgain } from './crash.ts'
import { readExecutions, type Work } from './execution-log.ts'
import { buyHeld } from './held-buyer.ts'
import { nothingHeld } from './held-checker.ts'
import { eventually } from './processes.ts'

type Outcome = Purchase['outcome']

/** Something that a buyer of what is charged on delivery meets, and where the gateway is killed meanwhile. */
export interface HeldScenario {
  readonly kind: HeldKind
  readonly work: Partial<Work>
  /** Somebody else's work is under way and keeps the buyer in the queue. */
  readonly behind?: Partial<Work>
  readonly points: readonly string[]
  /** How it may end for the buyer. */
  ends(point: string): readonly Outcome[]
}

/** Of a purchase that goes well. */
const untilDecided = [
  'before:offerHold',
  'after:offerHold',
  'hold_offered',
  'hold_locked',
  'before:acceptHold',
  'after:acceptHold',
  'hold_accepted',
  'before:claim',
  'after:claim',
  'sent',
  'upstream_end',
  'before:capture',
  'after:capture',
  'captured',
  'before:decideToSettle',
]
/** From a decision on. */
const cancelling = [
  'before:decideToCancel',
  'after:decideToCancel',
  'hold_telling',
  'hold_told',
  'before:concludeHold',
  'after:concludeHold',
  'hold_ended',
]
const settling = [
  'after:decideToSettle',
  'hold_telling',
  'wallet_settling',
  'hold_told',
  'before:concludeHold',
  'after:concludeHold',
  'hold_ended',
]
const late = 1_800

/** Everywhere that a purchase which is charged on delivery may pass. */
export const holdPoints: readonly string[] = [
  ...new Set([...untilDecided, ...settling, ...cancelling, 'before:fail', 'after:fail', 'head_delivered']),
]

export const heldScenarios: Readonly<Record<string, HeldScenario>> = {
  'they sell a result': {
    kind: 'held',
    work: {},
    points: [...untilDecided, ...settling, 'head_delivered'],
    ends: () => ['delivered'],
  },
  'the service fails and is tried again': {
    kind: 'held',
    work: { failures: 1 },
    points: ['before:fail', 'after:fail', 'before:claim:2', 'after:claim:2', 'after:capture'],
    ends: () => ['delivered'],
  },
  'the service refuses the work': {
    kind: 'held',
    work: { refused: true },
    points: ['hold_accepted', 'sent', 'before:fail', 'after:fail', ...cancelling],
    ends: () => ['not_charged'],
  },
  'the service fails for good': {
    kind: 'held',
    work: { failures: 9 },
    points: ['after:fail', 'before:fail:2', 'after:fail:2', ...cancelling],
    ends: () => ['not_charged'],
  },
  'patience ends during the work': {
    kind: 'hasty',
    work: { paceMs: late },
    points: ['sent', 'before:decideToSettle', ...settling, 'upstream_end', 'before:capture', 'after:capture'],
    // When it is back the buyer has waited long enough, and nothing runs: what was not decided by then is let go.
    ends: (point) => (['sent', 'before:decideToSettle'].includes(point) ? ['not_charged', 'delivered'] : ['delivered']),
  },
  'patience ends in the queue': {
    kind: 'queued',
    work: {},
    behind: { paceMs: 2 * late },
    // The first decision is about the one who is served.
    points: cancelling.map((point) => (point.endsWith('Cancel') ? point : `${point}:2`)),
    ends: (point) => (point === 'before:decideToCancel' ? ['not_charged', 'delivered'] : ['not_charged']),
  },
}

/**
 * Starts the gateway so that it dies at a point, and its wallet with it, lets the buyer come, and starts it again when
 * it is dead. At the end nothing is held.
 */
export async function crashHeldAt(arena: Arena, point: string, scenario: HeldScenario): Promise<Purchase> {
  await arena.gateway.kill()
  await arena.startGateway(point)
  const { gateway } = arena
  const inFront = scenario.behind && arena.want(scenario.kind, scenario.behind)
  const others = inFront && buyHeld(inFront, arena)
  if (inFront) await eventually('the other one is served', () => hasBegun(arena, inFront))
  const purchase = arena.want(scenario.kind, scenario.work)
  const buying = Promise.all([buyHeld(purchase, arena), others])
  await Promise.race([gateway.ended, buying.then(() => Promise.race([gateway.ended, passed(1_000)]))])
  if (gateway.alive) throw new Error(`${point} was never reached`)
  arena.kills++
  await arena.startGateway()
  await buying
  await buyAgain(arena, purchase)
  await nothingHeld(arena)
  return purchase
}

/**
 * Patience ends while the last failure is being written down: the process stands still after that commit until the
 * buyer's time is over, and then learns of both at once.
 */
export async function failAtTheSameInstant(arena: Arena): Promise<Purchase> {
  await arena.gateway.kill()
  await arena.startGateway('after:fail=stop')
  const { pid } = arena.gateway
  const purchase = arena.want('hasty', { failures: 9 })
  // Something else would come of a payment that must not have been taken.
  const insists = () => buy(purchase, { url: arena.url, pay: arena.pay, insists: true })
  const buying = buyHeld(purchase, arena, undefined, insists)
  await eventually('the gateway stands still', () => /^\d+ \(.*\) T/.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
  await passed(shortHoldMs + 100)
  arena.gateway.signal('SIGCONT')
  await buying
  return purchase
}

/** Everything of it once: what a broken build must not come through. */
export async function heldShortForm(arena: Arena): Promise<void> {
  for (const work of [{}, { refused: true }]) await buyHeld(arena.want('held', work), arena)
  // Which of the two the process learns first is not always the same.
  for (let times = 0; times < instants; times++) {
    if ((await failAtTheSameInstant(arena)).outcome !== 'not_charged') break
  }
  // The buyer knows of an end before the ledger does. What a broken build never ends is for the checker to say.
  await nothingHeld(arena).catch(() => undefined)
}

const instants = 6

function hasBegun(arena: Arena, { held }: Purchase): boolean {
  const lines = readExecutions(arena.directory)
  return lines.some((line) => line.kind === 'begun' && line.paymentHash === held?.paymentHash)
}
