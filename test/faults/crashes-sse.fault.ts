import { expect, test } from 'vitest'
import { crashAt } from './arena/crash.ts'
import { describeCrashes } from './arena/crash-matrix.ts'

describeCrashes('sse', (arena) => {
  test('a stream that is killed between its last event and the commit has not shown its end', async () => {
    const purchase = arena().want('sse', { paceMs: 10 })
    await crashAt(arena(), 'before:capture', purchase)
    const [first, ...later] = purchase.steps.filter(({ paid }) => paid)
    expect(first).toMatchObject({ status: 200, money: 'in-progress', complete: false })
    expect(first?.bytes).toBeGreaterThan(0)
    expect(later.at(-1)).toMatchObject({ status: 200, complete: true })
    expect(purchase.outcome).toBe('delivered')
  })
})
