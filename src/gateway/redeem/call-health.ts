import type { CallHealth } from '../../ports/guard.ts'
import type { UpstreamEnd, UpstreamFault } from '../../ports/upstream.ts'
import type { Judgement } from './judge.ts'

/** Faults that no request can bring about. A reset is not among them: a request may make an upstream crash. */
const unconnected: ReadonlySet<UpstreamFault> = new Set<UpstreamFault>(['refused', 'dns', 'tls', 'connect_timeout'])

/** Answers by which an upstream that works says that it cannot just now. */
const busyStatuses: ReadonlySet<number> = new Set([408, 409, 425, 429])

export const couldNotConnect = (end: UpstreamEnd): boolean => end.kind === 'fault' && unconnected.has(end.fault)

/**
 * What a judged call says about its upstream. A refusal (4xx) is an answer of an upstream that works; whatever can
 * never become a result is a failure of it, also an answer that we were not let in or sent elsewhere: nothing sold
 * could be delivered. 503 counts too, since that is what stands in front of a service that is gone.
 * @param status of the answer's head; undefined: there was none
 */
export function callHealth(judgement: Judgement, end: UpstreamEnd, status: number | undefined): CallHealth {
  if (judgement.kind !== 'failed') return 'working'
  if (couldNotConnect(end)) return 'unreachable'
  // Too large is a matter of the limit; an exchange that we ended ourselves says nothing.
  if (judgement.code === 'result_too_large' || (end.kind === 'fault' && end.fault === 'aborted')) return 'unknown'
  return status !== undefined && busyStatuses.has(status) ? 'unknown' : 'failing'
}
