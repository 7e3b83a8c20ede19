import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MintBudget } from '#src/lightning/mint-budget.ts'
import { TestClock } from '../support/clock.ts'

test('no minute, wherever it begins, has more calls than the budget, and none is refused that would fit', () => {
  const waits = fc.array(fc.integer({ min: 0, max: 25_000 }), { maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), waits, (perMinute, steps) => {
      const clock = new TestClock()
      const budget = new MintBudget(perMinute, clock)
      const taken: number[] = []
      for (const step of steps) {
        clock.advance(step)
        const nowMs = clock.monotonicMs()
        const inMinute = taken.filter((atMs) => atMs > nowMs - 60_000).length
        expect(budget.waitMs() === 0).toBe(inMinute < perMinute)
        const got = budget.take()
        expect(got).toBe(inMinute < perMinute)
        if (got) taken.push(nowMs)
      }
    }),
  )
})

test('after the wait that it names there is a call again', () => {
  const clock = new TestClock()
  const budget = new MintBudget(2, clock)
  budget.take()
  clock.advance(10_000)
  budget.take()
  expect(budget.waitMs()).toBe(50_000)
  clock.advance(49_999)
  expect(budget.take()).toBe(false)
  clock.advance(1)
  expect(budget.take()).toBe(true)
})
