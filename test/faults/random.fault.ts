import { setTimeout as passed } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Arena } from './arena/arena.ts'
import { buy, type Purchase, pay, step, type UpfrontKind } from './arena/buyer.ts'
import { check } from './arena/checker.ts'
import { buyAgain, crashPoints } from './arena/crash.ts'
import { note } from './summary.ts'

const seconds = Number(process.env.TURNPIKE_FAULTS_SECONDS ?? 45)
const seed = Number(process.env.TURNPIKE_FAULTS_SEED ?? Date.now() % 2 ** 31)

/** Mulberry32: the same seed, the same choices. */
function randomFrom(start: number) {
  let state = start
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    chance: (of: number) => next() < of,
    below: (limit: number) => Math.floor(next() * limit),
    oneOf: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T,
  }
}

type Random = ReturnType<typeof randomFrom>

/** One buyer of anything, who may leave in the middle and come back. */
async function wander(arena: Arena, purchase: Purchase, leaveAtBytes: number | undefined): Promise<void> {
  if (leaveAtBytes !== undefined && (await pay(purchase, arena))) await step(purchase, arena, leaveAtBytes)
  await buy(purchase, { url: arena.url, pay: arena.pay, patienceMs: 90_000 })
}

/** Something goes wrong while the buyers are there. @returns what to do */
function misfortune(arena: Arena, random: Random): () => Promise<void> {
  const afterMs = random.below(600)
  const chosen = random.oneOf(['gateway', 'gateway', 'service', 'both', 'stopped', 'nothing'] as const)
  return async () => {
    await passed(afterMs)
    if (chosen === 'service' || chosen === 'both') {
      await arena.kill('service')
      await arena.startService()
    }
    if (chosen === 'gateway' || chosen === 'both') await arena.kill('gateway')
    if (chosen === 'stopped') {
      arena.gateway.signal('SIGSTOP')
      await passed(400)
      arena.gateway.signal('SIGCONT')
    }
  }
}

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
      const kinds = Array.from({ length: 2 + random.below(5) }, (): UpfrontKind => {
        return random.chance(0.12) ? 'binary' : random.oneOf(['json', 'sse'] as const)
      })
      const point = random.chance(0.7) ? random.oneOf(crashPoints[random.oneOf(kinds)]) : ''
      const armed = point === '' || point.includes(':') ? point : `${point}:${1 + random.below(6)}`
      await arena.gateway.kill()
      await arena.startGateway(armed)
      const purchases = kinds.map((kind) =>
        arena.want(kind, {
          units: 1 + random.below(1000),
          paceMs: random.oneOf([0, 0, 5, 20]),
          ...(random.chance(0.2) && { failures: 1, breaks: random.chance(0.5) }),
        }),
      )
      faults += purchases.filter(({ work }) => work.failures).length + 1
      const leaving = purchases.map(() => (random.chance(0.3) ? random.below(2_000) : undefined))
      let over = false
      const buying = Promise.all(purchases.map((purchase, index) => wander(arena, purchase, leaving[index])))
      const supervising = (async () => {
        for (;;) {
          await Promise.race([arena.gateway.ended, buying])
          if (!arena.gateway.alive) {
            await arena.startGateway()
          } else if (over) return
          else await passed(10)
        }
      })()
      const killsBefore = arena.kills
      await misfortune(arena, random)()
      await buying
      over = true
      await supervising
      // A gateway that died by its own failpoint was ended by force too.
      if (armed !== '') arena.kills = Math.max(arena.kills, killsBefore + 1)
      for (const purchase of purchases) if (purchase.kind !== 'binary') await buyAgain(arena, purchase)
    }
    const { violations, executions, purchases } = await check(arena)
    note('random: rounds', rounds)
    note('random: purchases', purchases)
    note('random: executions', executions)
    note('faults injected', faults)
    note('kills', arena.kills)
    note('violations', violations.length)
    expect([seed, violations]).toEqual([seed, []])
    expect(rounds).toBeGreaterThan(2)
  },
  (seconds + 180) * 1_000,
)
