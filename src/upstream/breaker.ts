import type { BreakerLimits, CallHealth } from '../ports/guard.ts'

export type BreakerState = 'closed' | 'half_open' | 'open'

/** What opened it decides what closes it. */
export type OpenedBy =
  /** A failing check: open until a good one. */
  | 'check'
  /** Connections that could not be made: a good check is proof of the contrary. */
  | 'unreachable'
  /** Calls that brought no result. A good check proves nothing, for a service may be up and still not do its work. */
  | 'calls'

/** A call that is made although the breaker is not closed. */
export interface Trial {
  readonly begunMs: number
}

interface Opening {
  readonly by: OpenedBy
  untilMs: number
  cooldownMs: number
}

interface Outcome {
  readonly atMs: number
  readonly failed: boolean
  readonly key: string | undefined
}

/** While it is not closed, sales and trials begin at most this often. */
const spacingMs = 1_000
const longestCooldownMs = 5 * 60_000
/** What a caller is told to wait where nothing better is known. */
const unknownWaitMs = 5_000
/** However long the window and busy the upstream. */
const maxOutcomes = 1_000
const fallbackCooldownMs = 10_000

/**
 * Whether an upstream is known to be down. Times are monotonic ms. Open: nothing is sold, and a call that is already
 * paid for may try, one at a time. Half open, once the cooldown is over: the same, and sales begin one by one, since
 * without a buyer there would be no call to try with.
 */
export class Breaker {
  #opening: Opening | undefined
  #outcomes: Outcome[] = []
  /** Failures since the last success; those of one payment count once. */
  #consecutive = 0
  readonly #failing = new Set<string>()
  #trial: Trial | undefined
  #nextTrialMs = 0
  #nextSaleMs = 0
  readonly #onChange: (state: BreakerState, by: OpenedBy | undefined) => void

  constructor(onChange: (state: BreakerState, by: OpenedBy | undefined) => void) {
    this.#onChange = onChange
  }

  state(nowMs: number): BreakerState {
    if (!this.#opening) return 'closed'
    return this.#opening.by !== 'check' && nowMs >= this.#opening.untilMs ? 'half_open' : 'open'
  }

  /** @returns how long to wait, ms; undefined: go ahead. While half open it says so only once in a while. */
  refusesSale(nowMs: number): number | undefined {
    const opening = this.#opening
    if (!opening) return undefined
    if (this.state(nowMs) === 'open')
      return opening.by === 'check' ? unknownWaitMs : Math.max(1, opening.untilMs - nowMs)
    if (this.#isTrying(nowMs)) return spacingMs
    if (nowMs < this.#nextSaleMs) return this.#nextSaleMs - nowMs
    this.#nextSaleMs = nowMs + spacingMs
    return undefined
  }

  /** @returns how long a paid call has to wait, ms; undefined: it may be made, as a trial where that is due */
  refusesTrial(nowMs: number): number | undefined {
    if (!this.#opening) return undefined
    if (this.#isTrying(nowMs)) return spacingMs
    return nowMs < this.#nextTrialMs ? this.#nextTrialMs - nowMs : undefined
  }

  /** Begins a call that {@link refusesTrial} has let pass. */
  begin(nowMs: number): Trial | undefined {
    if (!this.#opening) return undefined
    this.#trial = { begunMs: nowMs }
    this.#nextTrialMs = nowMs + spacingMs
    return this.#trial
  }

  /** The call of a trial is over, reported or not. */
  end(trial: Trial | undefined): void {
    if (trial !== undefined && this.#trial === trial) this.#trial = undefined
  }

  report(nowMs: number, health: CallHealth, call: { key?: string; trial?: Trial | undefined }, limits: BreakerLimits) {
    if (health === 'unknown') return
    if (this.#opening) {
      // Calls that began before it opened are older than what opened it.
      if (call.trial) this.#judgeTrial(nowMs, health, this.#opening)
      return
    }
    if (health === 'working') {
      this.#consecutive = 0
      this.#failing.clear()
      this.#note({ atMs: nowMs, failed: false, key: undefined }, limits)
      return
    }
    const key = health === 'failing' ? call.key : undefined
    // One request that the upstream chokes on must not close the shop by being tried again.
    if (key !== undefined && this.#isCounted(key)) return
    if (key !== undefined) this.#failing.add(key)
    this.#consecutive++
    this.#note({ atMs: nowMs, failed: true, key }, limits)
    if (this.#consecutive >= limits.failures || this.#isRatioReached(limits))
      this.#open(health === 'unreachable' ? 'unreachable' : 'calls', nowMs, limits.cooldownMs)
  }

  /** What a check of its own found. */
  checked(nowMs: number, good: boolean): void {
    const by = this.#opening?.by
    if (good && (by === 'check' || by === 'unreachable')) this.#close()
    if (!good && by !== 'check') this.#open('check', nowMs, this.#opening?.cooldownMs ?? fallbackCooldownMs)
  }

  /** Nobody judges it any more. */
  forgetChecks(): void {
    if (this.#opening?.by === 'check') this.#close()
  }

  #judgeTrial(nowMs: number, health: CallHealth, opening: Opening): void {
    if (health === 'working') {
      this.#close()
      return
    }
    if (this.state(nowMs) !== 'half_open') return
    opening.cooldownMs = Math.max(opening.cooldownMs, Math.min(longestCooldownMs, opening.cooldownMs * 2))
    opening.untilMs = nowMs + opening.cooldownMs
    this.#onChange('open', opening.by)
  }

  /** One that takes longer than the cooldown keeps the others waiting no longer. */
  #isTrying(nowMs: number): boolean {
    return this.#trial !== undefined && nowMs < this.#trial.begunMs + (this.#opening?.cooldownMs ?? 0)
  }

  #isCounted(key: string): boolean {
    return this.#failing.has(key) || this.#outcomes.some((outcome) => outcome.key === key)
  }

  #note(outcome: Outcome, { windowMs }: BreakerLimits): void {
    const outcomes = this.#outcomes
    outcomes.push(outcome)
    let old = Math.max(0, outcomes.length - maxOutcomes)
    while (old < outcomes.length && (outcomes[old]?.atMs ?? 0) <= outcome.atMs - windowMs) old++
    // In steps, so that a busy upstream does not move the list with every call.
    if (old > 64 || old === outcomes.length - 1 || outcomes.length > maxOutcomes) outcomes.splice(0, old)
  }

  #isRatioReached({ failures, ratio, windowMs }: BreakerLimits): boolean {
    const sinceMs = (this.#outcomes.at(-1)?.atMs ?? 0) - windowMs
    const recent = this.#outcomes.filter(({ atMs }) => atMs > sinceMs)
    return recent.length >= 2 * failures && recent.filter(({ failed }) => failed).length / recent.length >= ratio
  }

  #open(by: OpenedBy, nowMs: number, cooldownMs: number): void {
    this.#opening = { by, untilMs: nowMs + cooldownMs, cooldownMs }
    this.#nextTrialMs = Math.max(this.#nextTrialMs, nowMs + spacingMs)
    this.#onChange('open', by)
  }

  #close(): void {
    this.#opening = undefined
    this.#outcomes = []
    this.#consecutive = 0
    this.#failing.clear()
    this.#nextSaleMs = 0
    this.#onChange('closed', undefined)
  }
}
