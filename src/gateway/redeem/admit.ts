import type { Service } from '../../catalog/service.ts'
import { GatewayError } from '../../errors.ts'
import type { CallHealth, Place } from '../../ports/guard.ts'
import { diskShort, guardError } from '../deliverable.ts'
import type { Gateway } from '../gateway.ts'
import type { NotClaimed, RunningJob } from './jobs.ts'

/** What a run needs besides the payment. Disposing gives it back, unless a run keeps it. */
export interface Admission extends Disposable {
  /** A run that began keeps it to its end. */
  keptBy<T extends RunningJob | { readonly reason: NotClaimed }>(started: T): T
  /** What the run showed of its upstream. */
  readonly report: (health: CallHealth) => void
}

/** The client that asks, who may leave while it waits. */
export interface Waiting {
  readonly left: AbortSignal
  /** Counts the time as not ours. */
  wait<T>(waiting: Promise<T>): Promise<T>
}

/**
 * Waits until one more run may begin: its turn at the upstream, and room for its result. Nothing is claimed before, so
 * whoever is turned away or leaves keeps the payment; its caller notes that it came in time.
 * @returns `look_again` when another request with this payment was let in meanwhile, or why there is no admission:
 *   `upstream_down`, `upstream_busy`, `disk_short`
 */
export async function admit(
  { guard, room }: Pick<Gateway, 'guard' | 'room'>,
  paymentHash: string,
  { config }: Service,
  waiting: Waiting,
): Promise<Admission | 'look_again' | GatewayError> {
  const entrance = await waiting.wait(guard.enter(config.upstream, paymentHash, waiting.left))
  switch (entrance.kind) {
    case 'look_again':
      return 'look_again'
    case 'left':
      return new GatewayError('upstream_busy', 'the client left while it waited')
    case 'down':
    case 'busy':
      return guardError(entrance)
    case 'entered':
      break
  }
  const { place } = entrance
  let promised: Disposable | undefined
  try {
    promised = await room.promise(config.result.maxBytes)
  } finally {
    if (!promised) place[Symbol.dispose]()
  }
  return promised ? admission(place, promised) : diskShort()
}

function admission(place: Place, promised: Disposable): Admission {
  let isKept = false
  return {
    keptBy(started) {
      if (!('outcome' in started)) return started
      isKept = true
      place.keepUntil(started.outcome)
      void started.outcome.then(() => promised[Symbol.dispose]())
      return started
    },
    report: (health) => place.report(health),
    [Symbol.dispose]() {
      place[Symbol.dispose]()
      if (!isKept) promised[Symbol.dispose]()
    },
  }
}
