import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Breaker } from '#src/lightning/breaker.ts'
import { TestClock } from '../support/clock.ts'

const passing = { certain: false, retryAfterMs: undefined }
const certain = { certain: true, retryAfterMs: undefined }

function makeBreaker() {
  const clock = new TestClock()
  const changes: string[] = []
  const breaker = new Breaker({
    clock,
    random: () => 0.5,
    onOpen: () => void changes.push('open'),
    onClose: () => void changes.push('close'),
  })
  return { clock, changes, breaker }
}

test('pauses grow to a minute and a success ends them', () => {
  const { clock, changes, breaker } = makeBreaker()
  const pauses: number[] = []
  breaker.failed(certain)
  for (let pause = 0; pause < 6; pause++) {
    pauses.push(breaker.waitMs())
    clock.advance(breaker.waitMs())
    expect(breaker.enter()).toBe(true)
    breaker.failed(passing)
  }
  expect(pauses).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
  clock.advance(60_000)
  breaker.enter()
  breaker.succeeded()
  expect([breaker.waitMs(), changes]).toEqual([0, ['open', 'close']])
})

test('the pause that the other side asks for is kept', () => {
  const { breaker } = makeBreaker()
  breaker.failed({ certain: true, retryAfterMs: 300_000 })
  expect(breaker.waitMs()).toBe(300_000)
})

test('whatever happens, at most one call is made while it is open, and open and closed take turns', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 70_000 }) }),
    fc.record({ kind: fc.constantFrom('enter' as const, 'fail' as const, 'succeed' as const, 'withdraw' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { clock, changes, breaker } = makeBreaker()
      let trying = false
      for (const each of steps) {
        if (each.kind === 'wait') clock.advance(each.ms)
        else if (each.kind === 'enter') {
          const open = breaker.isOpen
          const entered = breaker.enter()
          if (open && trying) expect(entered).toBe(false)
          if (open && entered) trying = true
          if (!open) expect(entered).toBe(true)
        } else {
          trying = false
          if (each.kind === 'fail') breaker.failed(passing)
          else if (each.kind === 'succeed') breaker.succeeded()
          else breaker.withdrawn()
        }
      }
      expect(changes).toEqual(changes.map((_, index) => (index % 2 === 0 ? 'open' : 'close')))
    }),
  )
})
