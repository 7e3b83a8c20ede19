import { describe, expect, test } from 'vitest'
import { buy } from './arena/buyer.ts'
import { crashAt, failurePoints, startPoints } from './arena/crash.ts'
import { describeCrashes } from './arena/crash-matrix.ts'

describeCrashes('json', (arena) => {
  describe('a gateway that is killed', () => {
    test.for(failurePoints)('at %s, while it writes down a failure, runs it again', async (point) => {
      const purchase = arena().want('json', { failures: 1 })
      await crashAt(arena(), point, purchase)
      expect(purchase.outcome).toBe('delivered')
    })

    test.for(startPoints)('at %s, while it starts, starts the next time', async (point) => {
      await arena().kill('gateway')
      await arena()
        .startGateway(point)
        .then(
          () => arena().gateway.ended,
          () => undefined,
        )
      arena().kills++
      await arena().startGateway()
      const purchase = arena().want('json')
      await buy(purchase, arena())
      expect(purchase.outcome).toBe('delivered')
    })
  })
})
