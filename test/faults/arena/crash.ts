import type { Arena } from './arena.ts'
import { buy, type Purchase, step } from './buyer.ts'

/** Points that a run of any kind passes, in the order in which it does. */
const everyRun = [
  'verified',
  'before:claim',
  'after:claim',
  'claimed',
  'sent',
  'upstream_head',
  'upstream_data',
  'upstream_end',
  'before:capture',
  'after:capture',
  'captured',
  'head_delivered',
  'data_delivered',
  'before:delivered',
  'after:delivered',
] as const

/** Where a process is killed while it works for a purchase of each kind. */
export const crashPoints = {
  json: everyRun,
  sse: [...everyRun, 'before:show', 'after:show', 'upstream_data:5', 'data_delivered:5', 'data_delivered:13'],
  binary: [...everyRun, 'before:append', 'after:append:10', 'upstream_data:200', 'data_delivered:15'],
} as const

/** While a failed run is written down. */
export const failurePoints = ['before:fail', 'after:fail'] as const

/** While the gateway starts. */
export const startPoints = ['before:releaseAll', 'after:saveRevisions', 'before:saveRevisions', 'after:prune'] as const

/**
 * Starts the gateway so that it dies at a point, lets the buyer come, and starts it again when it is dead. The buyer
 * notices nothing but broken connections and has the result at the end, twice.
 */
export async function crashAt(arena: Arena, point: string, purchase: Purchase): Promise<void> {
  await arena.gateway.kill()
  await arena.startGateway(point)
  const { gateway } = arena
  const buying = buy(purchase, arena)
  await Promise.race([gateway.ended, buying.then(() => giveUp(gateway))])
  if (gateway.alive) throw new Error(`${point} was never reached`)
  arena.kills++
  await arena.startGateway()
  await buying
  await buyAgain(arena, purchase)
}

/** A delivery may be noted a little after it was made. */
const giveUp = (gateway: Arena['gateway']) =>
  Promise.race([gateway.ended, new Promise((resolve) => setTimeout(resolve, 1_000))])

/** The same once more: the same bytes. */
export async function buyAgain(arena: Arena, purchase: Purchase): Promise<void> {
  if (purchase.outcome === 'delivered') await step(purchase, arena)
}
