import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { TestClock } from '../support/clock.ts'
import { openSqliteInTemporary } from '../support/ledger/opened-ledger.ts'
import { hexOf, hour, now, second } from '../support/ledger/requests.ts'
import { LedgerModel } from './model.ts'
import { everyCommand, type Real } from './model-commands.ts'

const lifetimes = [hour, 3 * hour, 12 * hour, 48 * hour]

test('whatever happens in whatever order, the ledger does what the design says, and pays out once', async () => {
  const history = fc.commands(everyCommand, { maxCommands: 150, size: '+2' })
  const agrees = fc.asyncProperty(history, async (commands) => {
    const clock = new TestClock(now)
    await using opened = await openSqliteInTemporary({ clock })
    const payments = lifetimes.map((ms) => ({ paymentHash: hexOf(32), mintedExpiry: (now + ms) / second }))
    const real: Real = { opened, clock, payments, requests: [hexOf(32), hexOf(32)], nextSeq: 0 }
    await fc.asyncModelRun(() => ({ model: new LedgerModel(), real }), commands)
  })
  await expect(fc.assert(agrees, { numRuns: 10, endOnFailure: true })).resolves.toBeUndefined()
}, 60_000)
