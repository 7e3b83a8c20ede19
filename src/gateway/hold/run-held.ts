import { GatewayError } from '../../errors.ts'
import type { GenuineToken } from '../../l402/token.ts'
import type { CancelReason } from '../../ports/holds.ts'
import { LedgerError } from '../../ports/ledger.ts'
import type { Gateway } from '../gateway.ts'
import { redeem } from '../redeem/redeem.ts'
import { servicesFor } from '../redeem/services-for.ts'
import type { StoredRequest } from '../redeem/stored-request.ts'

/** What one attempt at the work came to. */
export type HeldRun =
  | { readonly kind: 'captured' }
  /** It can be tried again from then on. */
  | { readonly kind: 'later'; readonly afterMs: number }
  /** There will be no result. */
  | { readonly kind: 'over'; readonly reason: CancelReason }
  /** The process is ending. */
  | { readonly kind: 'handed_over' }

const retryLedgerMs = 1_000

/**
 * Runs the job of a held payment as its buyer's own request would, through the same claim.
 * @param left gives up a place in the queue
 */
export async function runHeld(
  gateway: Gateway,
  token: GenuineToken,
  request: StoredRequest,
  left: AbortSignal,
): Promise<HeldRun> {
  try {
    const outcome = await redeem(gateway, {
      ...request,
      ...servicesFor(gateway, token, request),
      token,
      arrivedAtMs: gateway.clock.nowMs(),
      requestId: gateway.random(16).toString('base64url'),
      wantsNew: false,
      respondAsync: false,
      isPresented: false,
      waiting: { left, wait: (waiting) => waiting },
    })
    switch (outcome.kind) {
      case 'challenge':
        return { kind: 'over', reason: 'failed' }
      case 'stored':
        return outcome.record.job.state === 'captured' ? { kind: 'captured' } : { kind: 'over', reason: 'refused' }
      case 'running':
        return ofOutcome(await outcome.job.outcome)
    }
  } catch (thrown) {
    return ofError(thrown)
  }
}

function ofOutcome(
  outcome: Awaited<Extract<Awaited<ReturnType<typeof redeem>>, { kind: 'running' }>['job']['outcome']>,
) {
  switch (outcome.kind) {
    case 'captured':
      return { kind: 'captured' } as const
    case 'refused':
      return { kind: 'over', reason: 'refused' } as const
    case 'given_up':
      return { kind: 'over', reason: 'failed' } as const
    case 'failed':
      return { kind: 'later', afterMs: outcome.retryAfterMs } as const
    case 'handed_over':
      return { kind: 'handed_over' } as const
    case 'lost':
      return { kind: 'later', afterMs: retryLedgerMs } as const
  }
}

function ofError(thrown: unknown): HeldRun {
  if (thrown instanceof LedgerError) return { kind: 'later', afterMs: retryLedgerMs }
  if (!(thrown instanceof GatewayError)) throw thrown
  switch (thrown.code) {
    case 'upstream_down':
    case 'disk_short':
      return { kind: 'over', reason: 'not_deliverable' }
    default: {
      const { retryAfterMs } = thrown.options
      return retryAfterMs === undefined ? { kind: 'over', reason: 'failed' } : { kind: 'later', afterMs: retryAfterMs }
    }
  }
}
