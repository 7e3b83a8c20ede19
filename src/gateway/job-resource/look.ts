import { judgeAppended } from '../../l402/caveats.ts'
import type { GenuineToken } from '../../l402/token.ts'
import type { PaymentRecord } from '../../ports/ledger.ts'
import { type Gateway, mismatchGraceMs } from '../gateway.ts'
import type { RunningJob } from '../redeem/jobs.ts'
import { type Situation, situationOf } from '../redeem/situation.ts'

/** How a payment stands, for whoever shows its token without its request. */
export interface Look {
  readonly record: PaymentRecord
  readonly situation: Situation
  /** The run that is under way in this process. */
  readonly run: RunningJob | undefined
  readonly nowMs: number
}

/**
 * Looks at a payment as its own request would find it now.
 * @returns undefined where the ledger has no row of it
 * @throws LedgerError
 */
export async function lookAtPayment(gateway: Gateway, token: GenuineToken): Promise<Look | undefined> {
  const { paymentHash } = token
  // Asked before the ledger: what runs now may be over when the row is read, and never the other way round.
  const run = await gateway.jobs.running(paymentHash)
  const record = await gateway.ledger.read(paymentHash)
  if (!record) return undefined
  const nowMs = gateway.clock.nowMs()
  const situation = situationOf({
    record,
    same: true,
    mintedAt: token.mintedAt,
    mintedExpiry: token.terms.validUntil,
    mismatchWindowMs: gateway.settings.invoiceExpiryMs + mismatchGraceMs,
    wantsNew: false,
    arrivedAtMs: nowMs,
    nowMs,
  })
  return { record, situation, run: record.job.state === 'running' ? run : undefined, nowMs }
}

/** False for whoever has the token narrowed to something that cannot hold, or to a time that is over. */
export function isHolder({ clock }: Pick<Gateway, 'clock'>, token: GenuineToken): boolean {
  const { appended, terms, preimage } = token
  return judgeAppended(appended, terms, undefined, preimage, Math.floor(clock.nowMs() / 1000)).kind === 'hold'
}
