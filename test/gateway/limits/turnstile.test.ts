import { expect, test } from 'vitest'
import { Turnstile } from '#src/gateway/limits/turnstile.ts'

const busy = (ms: number): void => {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('work that takes long leaves as much time to others, and is done in the order it came', async () => {
  const turnstile = new Turnstile()
  const [done, gaps]: [number[], number[]] = [[], []]
  let endedMs = 0
  await Promise.all(
    [1, 2, 3, 4].map((number) =>
      turnstile.pass(() => {
        if (endedMs > 0) gaps.push(performance.now() - endedMs)
        busy(30)
        done.push(number)
        endedMs = performance.now()
      }),
    ),
  )
  expect(done).toEqual([1, 2, 3, 4])
  expect(Math.min(...gaps)).toBeGreaterThan(25)
})

test('work that fails lets the next one through', async () => {
  const turnstile = new Turnstile()
  const failing = turnstile.pass(() => {
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect(await turnstile.pass(() => 7)).toBe(7)
})
