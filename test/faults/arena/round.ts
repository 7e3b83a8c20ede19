import { isHeld, type Kind } from './buyer.ts'
import { crashPoints, failurePoints, startPoints } from './crash.ts'
import type { Work } from './execution-log.ts'
import type { HeldHabits } from './held-buyer.ts'
import { holdPoints } from './held-crash.ts'
import type { Random } from './random-source.ts'

/** One buyer of a round, and what they do besides buying. */
export interface Visit {
  readonly kind: Kind
  readonly work: Partial<Work>
  /** They break off when this much of the result has come, and come back. */
  readonly leaveAtBytes: number | undefined
  /** They ask twice at once with what they have paid. */
  readonly twice: boolean
  readonly habits: HeldHabits
}

/** Something that goes wrong while the buyers are there. */
export interface Misfortune {
  readonly afterMs: number
  readonly what: 'gateway_killed' | 'service_killed' | 'gateway_stopped' | 'service_stopped' | 'ledger_locked'
  /** How long it stands still, or the file is locked; how long the service is away. */
  readonly forMs: number
}

/** A gateway that is started in place of one that died. */
export interface Restart {
  readonly afterMs: number
  readonly failpoint: string
}

/** Everything of a round that is left to chance. */
export interface Round {
  readonly visits: readonly Visit[]
  readonly misfortunes: readonly Misfortune[]
  readonly failpoint: string
  /** Where the failpoint stops the gateway and does not end it. */
  readonly stoppedMs: number
  /** Used up in order; after them gateways start at once and unarmed. */
  readonly restarts: readonly Restart[]
}

const troubles = [
  'gateway_killed',
  'gateway_killed',
  'service_killed',
  'gateway_stopped',
  'service_stopped',
  'ledger_locked',
] as const

export function drawRound(random: Random): Round {
  const visits = Array.from({ length: 3 + random.below(5) }, () => drawVisit(random))
  const kinds = visits.map(({ kind }) => kind)
  const failpoint = random.chance(0.8) ? drawPoint(random, kinds) : ''
  // Patience ends while it stands still. Whether a process does can be read on Linux alone.
  const stops = random.chance(0.2) && kinds.some(isHeld) && process.platform === 'linux'
  const misfortunes = Array.from({ length: random.below(4) }, (): Misfortune => {
    return { afterMs: random.below(2_500), what: random.oneOf(troubles), forMs: 100 + random.below(1_200) }
  })
  const restarts = Array.from({ length: random.below(3) }, (): Restart => {
    const armed = random.chance(0.4)
    return {
      afterMs: random.oneOf([0, 0, 200, 900]),
      failpoint: armed ? (random.chance(0.3) ? random.oneOf(startPoints) : drawPoint(random, kinds)) : '',
    }
  })
  return {
    visits,
    misfortunes,
    failpoint: stops && failpoint !== '' ? `${failpoint}=stop` : failpoint,
    stoppedMs: 100 + random.below(1_200),
    restarts,
  }
}

/** Of those whose patience is short many run longer than that. */
const paces: Readonly<Record<Kind, readonly number[]>> = {
  json: [0, 0, 5, 20],
  sse: [0, 0, 5, 20],
  binary: [0, 0, 5],
  held: [0, 0, 50, 400],
  hasty: [0, 200, 900, 1_200],
  queued: [0, 200, 900, 1_200],
}

function drawVisit(random: Random): Visit {
  // One of these takes as long as a round of others, and has crashes of its own.
  const kind: Kind = random.chance(0.02)
    ? 'binary'
    : random.oneOf(['json', 'sse', 'held', 'held', 'hasty', 'hasty', 'queued', 'queued'] as const)
  const held = isHeld(kind)
  const fails = random.chance(0.2)
  const refused = held && random.chance(0.12)
  const work: Partial<Work> = {
    units: 1 + random.below(1000),
    paceMs: random.oneOf(paces[kind]),
    ...(fails && { failures: 1 + (held ? random.below(2) : 0), breaks: random.chance(0.5) }),
    ...(refused && { refused }),
    // So that a failure may come after the buyer's patience.
    ...(held && random.chance(fails || refused ? 0.6 : 0.2) && { lateMs: 200 + random.below(1_200) }),
  }
  return {
    kind,
    work,
    leaveAtBytes: random.chance(0.3) ? random.below(kind === 'binary' ? 2_000_000 : 2_000) : undefined,
    twice: random.chance(0.2),
    habits: {
      paysAfterMs: random.oneOf([0, 0, 0, random.below(1_500)]),
      leavesAfterMs: random.chance(0.3) ? random.below(1_000) : undefined,
      backAfterMs: random.below(2_000),
      paysTwice: random.chance(0.15),
      paysNothing: random.chance(0.05),
    },
  }
}

function drawPoint(random: Random, kinds: readonly Kind[]): string {
  const kind = random.oneOf(kinds)
  const point: string = random.chance(0.1)
    ? random.oneOf(failurePoints)
    : isHeld(kind)
      ? random.oneOf(holdPoints)
      : random.oneOf(crashPoints[kind])
  // Some say themselves the how-manieth time it is.
  return /:\d+$/.test(point) ? point : `${point}:${1 + random.below(isHeld(kind) ? 3 : 6)}`
}
