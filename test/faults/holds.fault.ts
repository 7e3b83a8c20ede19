import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Arena } from './arena/arena.ts'
import { check } from './arena/checker.ts'
import { crashHeldAt, failAtTheSameInstant, heldScenarios } from './arena/held-crash.ts'
import { heldZombie } from './arena/short-form.ts'
import { note } from './summary.ts'

let arena: Arena
let reached = 0
beforeAll(async () => {
  arena = await Arena.open()
})
afterAll(async () => {
  await arena[Symbol.asyncDispose]()
})

describe.for(Object.entries(heldScenarios))('a gateway and its wallet that are killed while %s', ([, scenario]) => {
  test.for(scenario.points)('at %s leave nothing held, and charge for a result alone', async (point) => {
    const { outcome } = await crashHeldAt(arena, point, scenario)
    reached++
    expect(scenario.ends(point)).toContain(outcome)
  })
})

// Where the state of a process can be read.
test.runIf(process.platform === 'linux')(
  'patience that ends in the instant of the last failure charges nothing',
  async () => {
    for (let times = 0; times < 3; times++) {
      expect((await failAtTheSameInstant(arena)).outcome).toBe('not_charged')
    }
  },
)

test.for(['the old one', 'the new one'] as const)(
  'two gateways that both work for one payment, as the lock was lost, take it once: %s has its result first',
  async (first) => {
    expect((await heldZombie(arena, first)).outcome).toBe('delivered')
  },
)

test('nothing of all that broke a promise to a buyer whose payment was held', async () => {
  const { violations, executions, purchases, held } = await check(arena)
  note('held payments: points killed at', reached)
  note('held payments: kills', arena.kills)
  note('held payments: purchases', purchases)
  note('held payments: executions', executions)
  note('held payments: taken', held.settled)
  note('held payments: let go', held.cancelled)
  note('kills', arena.kills)
  note('violations', violations.length)
  expect(violations).toEqual([])
  expect(reached).toBe(Object.values(heldScenarios).flatMap(({ points }) => points).length)
  expect(held.settled).toBeGreaterThan(30)
  expect(held.notCharged).toBeGreaterThan(20)
})
