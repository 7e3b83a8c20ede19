import { describe } from 'vitest'
import { describeClaims } from './ledger/claims.ts'
import { describeFrames } from './ledger/frames.ts'
import { describeKept } from './ledger/kept.ts'
import { describeLifetime } from './ledger/lifetime.ts'
import { describeMeta } from './ledger/meta.ts'
import type { OpenLedger } from './ledger/opened-ledger.ts'
import { describePruning } from './ledger/pruning.ts'
import { describeRebinding } from './ledger/rebinding.ts'
import { describeRuns } from './ledger/runs.ts'
import { describeWithdrawals } from './ledger/withdrawals.ts'

/** What every ledger has to do, whatever it is made of. */
export function describeLedger(name: string, open: OpenLedger): void {
  describe(`the ${name} ledger`, () => {
    describeClaims(open)
    describeRuns(open)
    describeFrames(open)
    describeKept(open)
    describeRebinding(open)
    describePruning(open)
    describeWithdrawals(open)
    describeMeta(open)
    describeLifetime(open)
  })
}
