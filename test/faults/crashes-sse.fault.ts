import { expect, test } from 'vitest'
import { buy } from './arena/buyer.ts'
import { crashAt } from './arena/crash.ts'
import { describeCrashes } from './arena/crash-matrix.ts'

describeCrashes('sse', (arena) => {
  test('a stream that is killed between its last event and the commit has not shown its end', async () => {
    const purchase = arena().want('sse')
    await crashAt(arena(), 'before:capture', purchase)
    const [, killed, , ...rest] = purchase.steps.filter(({ status }) => status !== undefined)
    expect(killed).toMatchObject({ paid: true, status: 200, complete: false })
    expect([killed, ...rest].filter((step) => step?.complete).length).toBeGreaterThan(0)
    await buy(purchase, arena())
    expect(purchase.outcome).toBe('delivered')
  })
})
