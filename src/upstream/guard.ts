import type { Clock } from '../ports/clock.ts'
import type {
  BreakerLimits,
  CallHealth,
  Entrance,
  GuardRefusal,
  Place,
  UpstreamGuard,
  UpstreamLimits,
  UpstreamStatus,
} from '../ports/guard.ts'
import { Breaker, type BreakerState, type OpenedBy, type Trial } from './breaker.ts'
import { type Slot, type SlotLimits, Slots } from './slots.ts'

export interface GuardOptions {
  readonly clock: Clock
  /** The upstreams of today's catalog. Asked often; the same list as before is recognised. */
  readonly today: () => readonly UpstreamLimits[]
  readonly onBreaker: (name: string, state: BreakerState, by: OpenedBy | undefined) => void
  readonly onWaited: (name: string, waitedMs: number) => void
}

interface Guarded {
  /** As they were seen last. */
  limits: UpstreamLimits
  readonly breaker: Breaker
  readonly slots: Slots
}

interface Today {
  readonly list: readonly UpstreamLimits[]
  readonly byName: ReadonlyMap<string, UpstreamLimits>
  readonly byOrigin: ReadonlyMap<string, UpstreamLimits>
}

/** Breaker and queue of every upstream, by its name. */
export class Guard implements UpstreamGuard {
  readonly #options: GuardOptions
  readonly #guarded = new Map<string, Guarded>()
  #today: Today | undefined

  constructor(options: GuardOptions) {
    this.#options = options
  }

  refusesSale(upstream: UpstreamLimits): GuardRefusal | undefined {
    const { slots, breaker } = this.#of(upstream)
    const fullMs = slots.full()
    if (fullMs !== undefined) return { kind: 'busy', retryAfterMs: fullMs }
    const downMs = breaker.refusesSale(this.#nowMs())
    return downMs === undefined ? undefined : { kind: 'down', retryAfterMs: downMs }
  }

  async enter(upstream: UpstreamLimits, key: string, signal: AbortSignal): Promise<Entrance> {
    const { slots, breaker } = this.#of(upstream)
    const waitMs = breaker.refusesTrial(this.#nowMs())
    if (waitMs !== undefined) return { kind: 'down', retryAfterMs: waitMs }
    const entrance = await slots.enter(key, signal)
    if (entrance.kind !== 'granted') return entrance
    // It may have opened while this one waited.
    const nowMs = this.#nowMs()
    const downMs = breaker.refusesTrial(nowMs)
    if (downMs !== undefined) {
      entrance.slot[Symbol.dispose]()
      return { kind: 'down', retryAfterMs: downMs }
    }
    return { kind: 'entered', place: this.#place(upstream, entrance.slot, key, breaker.begin(nowMs)) }
  }

  unreachable(upstream: UpstreamLimits): void {
    this.#report(upstream, 'unreachable', {})
  }

  /** What a check of its own found. */
  checked(name: string, good: boolean): void {
    const upstream = this.#current().byName.get(name)
    if (upstream) this.#of(upstream).breaker.checked(this.#nowMs(), good)
  }

  /** The upstream is not checked any more. */
  uncheck(name: string): void {
    this.#guarded.get(name)?.breaker.forgetChecks()
  }

  status(): UpstreamStatus[] {
    const nowMs = this.#nowMs()
    return [...this.#current().byName.values()].map((upstream) => {
      const { breaker, slots } = this.#of(upstream)
      return {
        name: upstream.name,
        breaker: breaker.state(nowMs),
        running: slots.running,
        queued: slots.queued,
      }
    })
  }

  #place(upstream: UpstreamLimits, slot: Slot, key: string, trial: Trial | undefined): Place {
    const { breaker } = this.#of(upstream)
    let isKept = false
    return {
      keepUntil: (ended) => {
        isKept = true
        const over = () => breaker.end(trial)
        ended.then(over, over)
        slot.keepUntil(ended)
      },
      report: (health) => this.#report(upstream, health, { key, trial }),
      [Symbol.dispose]: () => {
        if (!isKept) breaker.end(trial)
        slot[Symbol.dispose]()
      },
    }
  }

  #report(upstream: UpstreamLimits, health: CallHealth, call: { key?: string; trial?: Trial | undefined }): void {
    const { breaker, limits } = this.#of(upstream)
    // A breaker that is off is never opened by calls; one that a check opened may still be closed by one.
    breaker.report(this.#nowMs(), health, call, typeof limits.breaker === 'object' ? limits.breaker : neverOpens)
  }

  #of(upstream: UpstreamLimits): Guarded {
    const { byName, byOrigin } = this.#current()
    // A service that is gone is still called where it was, and shares the limits of whoever is there now.
    const limits = byName.get(upstream.name) ?? byOrigin.get(upstream.origin) ?? upstream
    const known = this.#guarded.get(limits.name)
    if (known) {
      known.limits = limits
      return known
    }
    const { onBreaker, onWaited, clock } = this.#options
    const { name } = limits
    const guarded: Guarded = {
      limits,
      breaker: new Breaker((state, by) => onBreaker(name, state, by)),
      slots: new Slots(
        () => slotLimits(guarded.limits),
        () => clock.monotonicMs(),
        (waitedMs) => onWaited(name, waitedMs),
      ),
    }
    this.#guarded.set(name, guarded)
    return guarded
  }

  #current(): Today {
    const list = this.#options.today()
    if (this.#today?.list === list) return this.#today
    const byName = new Map(list.map((each) => [each.name, each]))
    this.#today = { list, byName, byOrigin: new Map(list.map((each) => [each.origin, each])) }
    for (const [name, guarded] of this.#guarded) {
      guarded.limits = byName.get(name) ?? guarded.limits
      guarded.slots.advance()
    }
    return this.#today
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs()
  }
}

const neverOpens: BreakerLimits = { failures: Infinity, ratio: Infinity, windowMs: 1, cooldownMs: 10_000 }

const slotLimits = ({ maxConcurrent, maxQueued, maxQueueWaitMs }: UpstreamLimits): SlotLimits => ({
  running: maxConcurrent ?? Infinity,
  waiting: maxQueued ?? 0,
  waitMs: maxQueueWaitMs ?? 60_000,
})
