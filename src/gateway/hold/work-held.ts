import { setTimeout as sleep } from 'node:timers/promises'
import type { GenuineToken } from '../../l402/token.ts'
import type { CancelReason, Holds } from '../../ports/holds.ts'
import type { Gateway } from '../gateway.ts'
import type { StoredRequest } from '../redeem/stored-request.ts'
import { untilDone } from './conclude.ts'
import { type HeldRun, runHeld } from './run-held.ts'

export interface HeldWork {
  readonly token: GenuineToken
  readonly request: StoredRequest
  /** Until when the buyer's client is likely to wait for its payment. */
  readonly patientUntilMs: number
  /** The process is ending; the next one goes on. */
  readonly ending: AbortSignal
  /** Not even a decision is written any more. */
  readonly closing: AbortSignal
}

export type HeldDecision =
  | { readonly kind: 'settle'; readonly by: 'result' | 'patience' }
  | { readonly kind: 'cancel'; readonly reason: CancelReason }
  /** Somebody else decides. */
  | { readonly kind: 'none' }

type Dependencies = { /** Today's, for each try. */ readonly gateway: () => Gateway; readonly holds: Holds }

/**
 * Works for a held payment until its end is decided, and commits the decision. The money is taken for a stored result,
 * or when patience ends while the work runs; it is let go when there will be no result, or when patience ends before
 * the work has begun.
 */
export async function workHeld({ gateway: today, holds }: Dependencies, work: HeldWork): Promise<HeldDecision> {
  const { token, request, patientUntilMs, ending, closing } = work
  const { paymentHash } = token
  const gateway = today()
  const { clock } = gateway
  const patienceMs = patientUntilMs - clock.nowMs()
  // Work that began now would be paid for by somebody who has stopped waiting.
  if (patienceMs <= 0) return await decideLate(gateway, holds, paymentHash, closing)
  const impatient = new AbortController()
  const late = sleep(patienceMs, 'late' as const, { signal: ending, ref: false }).catch(() => 'ending' as const)
  while (!ending.aborted) {
    const run = await Promise.race([runHeld(today(), token, request, impatient.signal), late])
    if (run === 'ending') break
    if (run === 'late') {
      const decided = await decideLate(gateway, holds, paymentHash, closing)
      impatient.abort()
      return decided
    }
    const decided = await decide(gateway, holds, paymentHash, run, closing)
    if (decided) return decided
    const afterMs = run.kind === 'later' ? run.afterMs : 0
    if (clock.nowMs() + afterMs >= patientUntilMs) return await decideLate(gateway, holds, paymentHash, closing)
    const waited = sleep(afterMs, 'over' as const, { signal: ending, ref: false }).catch(() => 'ending' as const)
    // The clock may have been set back since then.
    if ((await Promise.race([waited, late])) === 'late') return await decideLate(gateway, holds, paymentHash, closing)
  }
  // Nothing of it shall begin while the process ends.
  impatient.abort()
  return { kind: 'none' }
}

/** @returns undefined when it may be tried again */
async function decide(
  gateway: Gateway,
  holds: Holds,
  paymentHash: string,
  run: HeldRun,
  signal: AbortSignal,
): Promise<HeldDecision | undefined> {
  switch (run.kind) {
    case 'captured': {
      const decided = await untilDone(signal, () => holds.decideToSettle(paymentHash, 'result'))
      return decided ? { kind: 'settle', by: 'result' } : await decideLate(gateway, holds, paymentHash, signal)
    }
    case 'over': {
      const decided = await untilDone(signal, () => holds.decideToCancel(paymentHash))
      return decided ? { kind: 'cancel', reason: run.reason } : await decideLate(gateway, holds, paymentHash, signal)
    }
    case 'later':
      return undefined
    case 'handed_over':
      return { kind: 'none' }
  }
}

/**
 * Decides by what there is now. The work and its end may cross this; the ledger lets only one of the two decisions pass.
 * A decision that was made before, and whose answer was lost, is found again.
 */
export async function decideLate(
  { ledger }: Pick<Gateway, 'ledger'>,
  holds: Holds,
  paymentHash: string,
  signal: AbortSignal,
): Promise<HeldDecision> {
  const decided = await untilDone(signal, async (): Promise<HeldDecision | undefined> => {
    if (!(await holds.decideToSettle(paymentHash, 'patience'))) await holds.decideToCancel(paymentHash)
    const record = await ledger.read(paymentHash)
    switch (record?.state) {
      case 'held':
        return undefined
      case 'settling':
        return { kind: 'settle', by: record.job.state === 'captured' ? 'result' : 'patience' }
      case 'cancelling':
        // The upstream has worked for it, and nobody pays.
        return { kind: 'cancel', reason: record.job.attempts > 0 ? 'failed' : 'not_begun' }
      default:
        return { kind: 'none' }
    }
  })
  return decided ?? { kind: 'none' }
}
