import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Buckets } from '#src/gateway/limits/buckets.ts'

const perMinute = { amount: 60, perMs: 60_000 }

function buckets(maxKeys = 100) {
  const clock = { ms: 0 }
  return { clock, buckets: new Buckets(maxKeys, () => clock.ms) }
}

describe('a bucket', () => {
  test('gives what it holds at once and then as fast as it is filled', () => {
    const { clock, buckets: all } = buckets()
    for (let count = 0; count < 60; count++) expect(all.take('a', 1, perMinute)).toBe(0)
    expect(all.take('a', 1, perMinute)).toBe(1000)
    expect(all.take('b', 1, perMinute)).toBe(0)
    clock.ms += 999
    expect(all.take('a', 1, perMinute)).toBe(1)
    clock.ms += 1
    expect([all.peek('a', 1, perMinute), all.take('a', 1, perMinute), all.take('a', 1, perMinute)]).toEqual([
      0, 0, 1000,
    ])
    clock.ms += 3_600_000
    for (let count = 0; count < 60; count++) expect(all.take('a', 1, perMinute)).toBe(0)
    expect(all.take('a', 1, perMinute)).toBe(1000)
  })

  test('that is full gives more than it holds, and then nothing for as long as that takes', () => {
    const { clock, buckets: all } = buckets()
    expect(all.take('a', 600, perMinute)).toBe(0)
    expect(all.take('a', 1, perMinute)).toBe(541_000)
    clock.ms += 541_000
    expect(all.take('a', 600, perMinute)).toBe(59_000)
    expect(all.take('a', 1, perMinute)).toBe(0)
  })

  test('never gives more in any time than it holds and is filled with, and after the wait it names it gives', () => {
    const step = fc.record({ amount: fc.integer({ min: 1, max: 60 }), passedMs: fc.integer({ min: 0, max: 90_000 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, buckets: all } = buckets()
        let given = 0
        for (const { amount, passedMs } of steps) {
          clock.ms += passedMs
          const waitMs = all.take('a', amount, perMinute)
          if (waitMs === 0) given += amount
          expect(given).toBeLessThanOrEqual(60 + clock.ms / 1000 + 1e-3)
          if (waitMs === 0) continue
          clock.ms += waitMs
          expect(all.take('a', amount, perMinute)).toBe(0)
          given += amount
        }
      }),
    )
  })

  test('of somebody new never makes the memory grow beyond its bound; who came last is remembered', () => {
    const { buckets: all } = buckets(3)
    all.take('a', 60, perMinute)
    all.take('b', 60, perMinute)
    all.take('c', 60, perMinute)
    expect(all.take('a', 1, perMinute)).toBe(1000)
    for (let count = 0; count < 2; count++) all.take(`new ${count}`, 1, perMinute)
    expect(all.size).toBe(3)
    expect(all.take('a', 1, perMinute)).toBe(1000)
    for (let count = 0; count < 10_000; count++) all.take(`more ${count}`, 1, perMinute)
    expect(all.size).toBe(3)
  })

  test('that was only looked at takes no room', () => {
    const { buckets: all } = buckets()
    expect(all.peek('a', 1, perMinute)).toBe(0)
    expect(all.size).toBe(0)
  })
})
