import type { UpstreamTarget } from './upstream.ts'

/** What an upstream may be asked at once, and when it counts as down. Undefined: nothing is limited. */
export interface UpstreamLimits extends Pick<UpstreamTarget, 'name' | 'origin' | 'ca'> {
  /** Paid calls at the same time. */
  readonly maxConcurrent: number | undefined
  /** Calls that may wait for their turn. */
  readonly maxQueued: number | undefined
  readonly maxQueueWaitMs: number | undefined
  readonly breaker: BreakerLimits | 'off' | undefined
  readonly health: HealthCheck | undefined
}

export interface BreakerLimits {
  /** This many failures in a row open it. */
  readonly failures: number
  /** This share of failures within the window opens it; above 0, up to 1. */
  readonly ratio: number
  readonly windowMs: number
  readonly cooldownMs: number
}

export interface HealthCheck {
  readonly path: string
  readonly everyMs: number
  readonly timeoutMs: number
  /** Statuses of a good answer; undefined: any 2xx. */
  readonly expect: readonly number[] | undefined
  /** Set on the check; lower-case names. */
  readonly headers: Readonly<Record<string, string>>
}

/** What the end of a call says about the upstream, whatever it means for the payment. */
export type CallHealth =
  | 'working'
  /** No connection could be made: nothing of the request can have caused it. */
  | 'unreachable'
  /** An answer, or the lack of one, that brought no result; the request may have caused it. */
  | 'failing'
  /** Says nothing: the upstream was busy, or the call was ended by us. */
  | 'unknown'

/** Why nothing can be begun now. `retryAfterMs` is above 0. */
export type GuardRefusal =
  | { readonly kind: 'down'; readonly retryAfterMs: number }
  /** As many wait as may wait, or it waited too long. */
  | { readonly kind: 'busy'; readonly retryAfterMs: number }

/** The right to make one call. Disposing gives it back, unless a run keeps it. */
export interface Place extends Disposable {
  /** The run has it until `ended` settles. Whoever waited with the same payment looks again. */
  keepUntil(ended: Promise<unknown>): void
  /** How the call ended. Reported once, before `ended` settles. */
  report(health: CallHealth): void
}

export type Entrance =
  | { readonly kind: 'entered'; readonly place: Place }
  /** Another request with the same payment had the place and has begun, or has given it back. */
  | { readonly kind: 'look_again' }
  /** The signal was aborted while waiting; nothing was taken. */
  | { readonly kind: 'left' }
  | GuardRefusal

export interface UpstreamStatus {
  readonly name: string
  readonly breaker: 'closed' | 'half_open' | 'open'
  readonly running: number
  readonly queued: number
}

/**
 * Stands in front of every upstream: knows which are down, and how many calls each may be asked for at once. Limits
 * are today's for an upstream that the catalog still names; otherwise those that are handed in.
 */
export interface UpstreamGuard {
  /** Why nothing of this upstream may be sold now; undefined: it may. Asked once a sale, at its end. */
  refusesSale(upstream: UpstreamLimits): GuardRefusal | undefined
  /**
   * Waits for a place, first come, first served. Requests with the same key share one place in the queue; it is given
   * up when all of them have left.
   * @param key the payment hash
   */
  enter(upstream: UpstreamLimits, key: string, signal: AbortSignal): Promise<Entrance>
  /** A call that had no place, on a free route, could not be connected. */
  unreachable(upstream: UpstreamLimits): void
  /** Of every upstream that today's catalog names. */
  status(): UpstreamStatus[]
}
