import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { note } from '../summary.ts'
import { Arena } from './arena.ts'
import { buy, type UpfrontKind } from './buyer.ts'
import { check } from './checker.ts'
import { buyAgain, crashAt, crashPoints } from './crash.ts'
import { readExecutions } from './execution-log.ts'

/** The tests of one kind of answer: a kill at every point, then all of them on one payment, then the judgement. */
export function describeCrashes(kind: UpfrontKind, more: (arena: () => Arena) => void = () => undefined): void {
  let arena: Arena
  beforeAll(async () => {
    arena = await Arena.open()
  })
  afterAll(async () => {
    await arena[Symbol.asyncDispose]()
  })

  describe(`a gateway that is killed while it works for a buyer of ${kind}`, () => {
    test.for(crashPoints[kind])('at %s costs that buyer nothing', async (point) => {
      // A stream has to take a moment, or it is whole before anything of it is shown.
      const purchase = arena.want(kind, kind === 'sse' ? { paceMs: 10 } : {})
      await crashAt(arena, point, purchase)
      expect(purchase.outcome).toBe('delivered')
      const runs = readExecutions(arena.directory).filter(
        (line) => line.kind === 'begun' && line.paymentHash === purchase.payment?.paymentHash,
      )
      expect(runsOf(point, kind)).toContain(runs.length)
    })

    test('at every point in turn, all for one payment, still gives that buyer one result', async () => {
      const purchase = arena.want(kind)
      const points = crashPoints[kind].filter((point) => !point.endsWith('delivered'))
      await arena.gateway.kill()
      await arena.startGateway(points[0])
      const buying = buy(purchase, { url: arena.url, pay: arena.pay, patienceMs: 150_000 })
      let reached = 0
      for (const point of [...points.slice(1), '']) {
        // After the result is stored, what lies before that is not reached any more.
        await Promise.race([arena.gateway.ended, buying])
        if (arena.gateway.alive) break
        reached++
        arena.kills++
        await arena.startGateway(point)
      }
      await buying
      await arena.gateway.kill()
      await arena.startGateway()
      await buyAgain(arena, purchase)
      expect(purchase.outcome).toBe('delivered')
      expect(reached).toBeGreaterThanOrEqual(points.indexOf('after:capture') + 1)
    })
  })

  more(() => arena)

  test(`nothing of all that broke a promise to a buyer of ${kind}`, async () => {
    const { violations, executions, purchases } = await check(arena)
    note('crash matrix: points killed at', crashPoints[kind].length)
    note('crash matrix: kills', arena.kills)
    note('crash matrix: purchases', purchases)
    note('crash matrix: executions', executions)
    note('kills', arena.kills)
    note('violations', violations.length)
    expect(violations).toEqual([])
    expect(purchases).toBeGreaterThan(15)
  })
}

/** One run where the kill came before the call or after the result was stored, and two between. */
function runsOf(point: string, kind: UpfrontKind): readonly number[] {
  const once = /^(?:verified|claimed|captured|(?:before|after):claim|after:capture|(?:before|after):delivered)$/.test(
    point,
  )
  if (once) return [1]
  if (!point.includes('_delivered')) return [2]
  // A buyer who comes late, or is at the last piece, may find the result stored already.
  return kind === 'sse' ? [1, 2] : [1]
}
