import type { Clock } from '../ports/clock.ts'
import type { Ledger } from '../ports/ledger.ts'

export type ReadinessState =
  | { readonly kind: 'starting'; readonly reason: string }
  | {
      readonly kind: 'serving'
      readonly ledger: Pick<Ledger, 'probe'>
      readonly clock: Clock
      /** What is amiss although requests may be sent here. */
      readonly degraded?: () => Promise<readonly string[]>
    }
  | { readonly kind: 'draining' }

export type ReadinessAnswer =
  | { readonly ready: true; readonly degraded: readonly string[] }
  | { readonly ready: false; readonly reason: string }

/** A probe asked for again within this time gets the same answer. */
const freshMs = 1_000
const probeTimeoutMs = 2_000

/**
 * Whether requests should be sent here. A wallet that is down does not count: paid tokens must still redeem. Nor does a
 * disk without room: stored results must still be delivered.
 */
export class Readiness {
  #state: ReadinessState = { kind: 'starting', reason: 'starting' }
  #probe: { atMs: number; answer: Promise<ReadinessAnswer> } | undefined

  /** What an operator should know although requests may come. */
  notice: string | undefined

  get state(): ReadinessState {
    return this.#state
  }

  set(state: ReadinessState): void {
    this.#state = state
    this.#probe = undefined
  }

  async check(): Promise<ReadinessAnswer> {
    const state = this.#state
    switch (state.kind) {
      case 'starting':
        return { ready: false, reason: state.reason }
      case 'draining':
        return { ready: false, reason: 'shutting down' }
      case 'serving': {
        const nowMs = state.clock.monotonicMs()
        if (!this.#probe || nowMs - this.#probe.atMs > freshMs) this.#probe = { atMs: nowMs, answer: probe(state) }
        return await this.#probe.answer
      }
    }
  }
}

async function probe({
  ledger,
  clock,
  degraded,
}: Extract<ReadinessState, { kind: 'serving' }>): Promise<ReadinessAnswer> {
  const timeout = new Promise<'timeout'>((resolve) => {
    setTimeout(() => resolve('timeout'), probeTimeoutMs).unref()
  })
  try {
    const outcome = await Promise.race([ledger.probe(clock.nowMs()), timeout])
    if (outcome === 'timeout') return { ready: false, reason: 'the ledger does not answer' }
    return { ready: true, degraded: (await degraded?.()) ?? [] }
  } catch {
    return { ready: false, reason: 'the ledger cannot be written' }
  }
}
