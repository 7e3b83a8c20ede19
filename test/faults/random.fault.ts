import { expect, test } from 'vitest'
import { Arena } from './arena/arena.ts'
import { buy, isHeld, type Purchase, pay, step } from './arena/buyer.ts'
import { check } from './arena/checker.ts'
import { buyAgain } from './arena/crash.ts'
import { buyHeld } from './arena/held-buyer.ts'
import { nothingHeld } from './arena/held-checker.ts'
import { befall, letStoppedGoOn, startRound, superviseGateway } from './arena/misfortune.ts'
import { randomFrom } from './arena/random-source.ts'
import { drawRound, type Round, type Visit } from './arena/round.ts'
import { note } from './summary.ts'

const seconds = Number(process.env.TURNPIKE_FAULTS_SECONDS ?? 45)
const seed = Number(process.env.TURNPIKE_FAULTS_SEED ?? Date.now() % 2 ** 31)

/** One buyer of anything, who may leave in the middle and come back. */
async function visit(arena: Arena, purchase: Purchase, { leaveAtBytes, twice, habits }: Visit): Promise<void> {
  const cameMs = performance.now()
  const comes = async (): Promise<void> => {
    if (leaveAtBytes !== undefined) await step(purchase, arena, leaveAtBytes)
    if (twice) await Promise.all([step(purchase, arena), step(purchase, arena)])
    await buy(purchase, { url: arena.url, pay: arena.pay, patienceMs: 90_000 })
  }
  if (isHeld(purchase.kind)) await buyHeld(purchase, arena, habits, comes)
  else if (await pay(purchase, arena)) await comes()
  else purchase.outcome = 'impatient'
  if (isUnsold(purchase, performance.now() - cameMs)) purchase.outcome = 'unsold'
}

/** Less than a payment is held for, so that patience is not the reason when nothing comes of it. */
const soonMs = 15_000

/** What there was no reason not to deliver, however often the gateway died. */
function isUnsold({ kind, work, outcome }: Purchase, tookMs: number): boolean {
  const good = work.failures === undefined && !work.refused
  return kind === 'held' && good && outcome === 'not_charged' && tookMs < soonMs
}

async function live(arena: Arena, round: Round): Promise<readonly Purchase[]> {
  const over = new AbortController()
  const watching = letStoppedGoOn(arena, round, over.signal)
  try {
    return await liveThrough(arena, round)
  } finally {
    over.abort()
    await watching
  }
}

async function liveThrough(arena: Arena, round: Round): Promise<readonly Purchase[]> {
  await startRound(arena, round)
  const visits = round.visits.map((each) => ({ each, purchase: arena.want(each.kind, each.work) }))
  const buying = Promise.all(visits.map(({ each, purchase }) => visit(arena, purchase, each)))
  const befalling = Promise.all(round.misfortunes.map((each) => befall(arena, each)))
  // The gateway is watched over for as long as something may end it.
  await Promise.all([superviseGateway(arena, round, Promise.all([buying, befalling])), buying, befalling])
  return visits.map(({ purchase }) => purchase)
}

test('the same seed draws the same rounds, and another one others', () => {
  const drawn = (from: number) => {
    const random = randomFrom(from)
    return Array.from({ length: 20 }, () => drawRound(random))
  }
  expect(drawn(seed)).toEqual(drawn(seed))
  expect(drawn(seed)).not.toEqual(drawn(seed + 1))
})

test(
  `${seconds} s of kills, stops and failures, chosen by the seed ${seed}, break no promise`,
  async () => {
    console.log(`TURNPIKE_FAULTS_SEED=${seed}`)
    const random = randomFrom(seed)
    await using arena = await Arena.open()
    const untilMs = performance.now() + seconds * 1_000
    let rounds = 0
    let faults = 0
    while (performance.now() < untilMs) {
      rounds++
      const round = drawRound(random)
      faults += round.visits.filter(({ work }) => work.failures !== undefined || work.refused).length
      faults += round.misfortunes.length + (round.failpoint === '' ? 0 : 1)
      for (const purchase of await live(arena, round)) {
        if (purchase.kind !== 'binary') await buyAgain(arena, purchase)
      }
    }
    // Whatever is left is for a last one to end; what it never decides is for the checker to say.
    await arena.gateway.kill()
    await arena.startGateway()
    await nothingHeld(arena).catch(() => undefined)
    const { violations, executions, purchases, held } = await check(arena)
    const changed = arena.purchases.filter(({ instead }) => instead).length
    note('random: rounds', rounds)
    note('random: purchases', purchases)
    note('random: executions', executions)
    note('random: held payments taken', held.settled)
    note('random: held payments let go', held.cancelled)
    note('random: payments used for something else', changed)
    note('faults injected', faults)
    note('kills', arena.kills)
    note('violations', violations.length)
    expect([seed, violations]).toEqual([seed, []])
    expect(rounds).toBeGreaterThan(2)
  },
  (seconds + 180) * 1_000,
)
