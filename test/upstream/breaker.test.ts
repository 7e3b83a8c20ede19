import { describe, expect, test } from 'vitest'
import type { BreakerLimits } from '#src/ports/guard.ts'
import { Breaker } from '#src/upstream/breaker.ts'

const limits: BreakerLimits = { failures: 3, ratio: 0.5, windowMs: 60_000, cooldownMs: 10_000 }

const makeBreaker = () => {
  const changes: string[] = []
  const breaker = new Breaker((state, by) => void changes.push(by === undefined ? state : `${state} by ${by}`))
  return { breaker, changes }
}

/** Opened at 0 by failing calls. */
const makeOpen = () => {
  const made = makeBreaker()
  for (const key of ['a', 'b', 'c']) made.breaker.report(0, 'failing', { key }, limits)
  return made
}

describe('a breaker', () => {
  test('opens on so many failures in a row, and success begins the count anew', () => {
    const { breaker, changes } = makeBreaker()
    for (const health of ['failing', 'failing', 'working', 'failing', 'failing'] as const)
      breaker.report(0, health, { key: `${changes.length}${Math.random()}` }, { ...limits, ratio: 1 })
    expect(breaker.state(0)).toBe('closed')
    breaker.report(0, 'failing', { key: 'last' }, { ...limits, ratio: 1 })
    expect([breaker.state(0), changes]).toEqual(['open', ['open by calls']])
  })

  test('counts failures of one payment once, and connections that cannot be made every time', () => {
    const { breaker } = makeBreaker()
    for (let call = 0; call < 20; call++) breaker.report(call, 'failing', { key: 'a' }, limits)
    expect(breaker.state(20)).toBe('closed')
    for (let call = 0; call < 2; call++) breaker.report(30, 'unreachable', { key: 'a' }, limits)
    expect(breaker.state(30)).toBe('open')
  })

  test('looks only as far back as its window for the share of failures', () => {
    const { breaker } = makeBreaker()
    const some: BreakerLimits = { ...limits, failures: 3, ratio: 0.5 }
    for (let at = 0; at < 4; at++) breaker.report(at, at % 2 === 0 ? 'failing' : 'working', { key: `${at}` }, some)
    for (let at = 0; at < 4; at++)
      breaker.report(60_010 + at, at % 2 === 0 ? 'failing' : 'working', { key: `later ${at}` }, some)
    expect(breaker.state(60_020)).toBe('closed')
    breaker.report(60_020, 'working', {}, some)
    breaker.report(60_021, 'failing', { key: 'x' }, some)
    expect(breaker.state(60_021)).toBe('open')
  })

  test('is closed by a trial that went well, and not by a call that began before it opened', () => {
    const { breaker } = makeOpen()
    breaker.report(1, 'working', { key: 'old' }, limits)
    expect(breaker.state(1)).toBe('open')
    const trial = breaker.begin(1_000)
    breaker.report(1_001, 'unknown', { key: 'd', trial }, limits)
    expect(breaker.state(1_001)).toBe('open')
    breaker.report(1_002, 'working', { key: 'd', trial }, limits)
    expect(breaker.state(1_002)).toBe('closed')
  })

  test('lets one trial begin at a time and a second apart, but waits for none longer than its cooldown', () => {
    const { breaker } = makeOpen()
    expect(breaker.refusesTrial(0)).toBe(1_000)
    expect(breaker.refusesTrial(1_000)).toBeUndefined()
    const trial = breaker.begin(1_000)
    expect(breaker.refusesTrial(5_000)).toBeGreaterThan(0)
    expect(breaker.refusesTrial(11_000)).toBeUndefined()
    breaker.end(trial)
    expect(breaker.refusesTrial(5_000)).toBeUndefined()
  })

  test('sells nothing while it is tried', () => {
    const { breaker } = makeOpen()
    expect(breaker.refusesSale(9_000)).toBe(1_000)
    breaker.begin(10_000)
    expect(breaker.refusesSale(10_500)).toBeGreaterThan(0)
  })

  test('stays open for twice as long with every trial that fails, up to five minutes', () => {
    const { breaker } = makeOpen()
    let nowMs = 0
    for (const seconds of [10, 20, 40, 80, 160, 300, 300]) {
      expect(breaker.refusesSale(nowMs + seconds * 1_000 - 1)).toBe(1)
      nowMs += seconds * 1_000
      expect(breaker.state(nowMs)).toBe('half_open')
      const trial = breaker.begin(nowMs)
      breaker.report(nowMs, 'failing', { key: `${nowMs}`, trial }, limits)
      breaker.end(trial)
    }
  })

  test('that a check opened is closed by nothing but a good check, a trial, or the end of checking', () => {
    const opened = () => {
      const made = makeBreaker()
      made.breaker.checked(0, false)
      expect(made.breaker.state(1e9)).toBe('open')
      expect(made.breaker.refusesSale(1e9)).toBeGreaterThan(0)
      return made.breaker
    }
    const good = opened()
    good.checked(1, true)
    expect(good.state(1)).toBe('closed')
    const tried = opened()
    tried.report(1, 'working', { trial: tried.begin(1) }, limits)
    expect(tried.state(1)).toBe('closed')
    const unchecked = opened()
    unchecked.forgetChecks()
    expect(unchecked.state(1)).toBe('closed')
  })

  test('that failing calls opened is not closed by a good check; one that nobody could connect to is', () => {
    const failing = makeOpen().breaker
    failing.checked(1, true)
    expect(failing.state(1)).toBe('open')
    const { breaker: gone } = makeBreaker()
    for (let call = 0; call < 3; call++) gone.report(0, 'unreachable', {}, limits)
    gone.checked(1, true)
    expect(gone.state(1)).toBe('closed')
  })
})
