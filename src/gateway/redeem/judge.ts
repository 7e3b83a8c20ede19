import type { ErrorCode } from '../../errors.ts'
import { longestRetryMs } from '../../ports/ledger.ts'
import type { UpstreamEnd, UpstreamHead } from '../../ports/upstream.ts'

/** What an upstream's answer means for the payment. */
export type Judgement =
  /** A whole result. */
  | { readonly kind: 'captured' }
  /** The service says no to this request; its answer is passed on and the payment stays the buyer's. */
  | { readonly kind: 'refused' }
  | Failure

export interface Failure {
  readonly kind: 'failed'
  readonly code: ErrorCode
  /** Counts towards giving up. */
  readonly counted: boolean
  /** A complete answer was given: the next call must not look like a repetition. */
  readonly nextGeneration: boolean
  readonly retryAfterMs?: number
}

export interface JudgedAnswer {
  /** Undefined when no head came. */
  readonly head: UpstreamHead | undefined
  readonly end: UpstreamEnd
  readonly tooLarge: boolean
  /** Whether the body matches the promised schema; asked only of what could be a result. */
  matchesSchema(): boolean
  readonly allowUnframed: boolean
}

export function judge(answer: JudgedAnswer): Judgement {
  const { head, end } = answer
  if (answer.tooLarge) return counted('result_too_large')
  if (end.kind === 'fault') return judgeFault(end)
  if (!head) return counted('upstream_cut_short')
  const { status } = head
  if (status >= 200 && status < 300) return judgeSuccess(answer, head)
  const judgement = judgeStatus(status, head)
  // A failure is one by its status alone; a refusal is passed on and has to be whole.
  return judgement.kind === 'refused' && unframed(answer, head) ? counted('upstream_cut_short') : judgement
}

/** Whether an answer with this head becomes a result or a refusal if it comes whole. */
export function isWorthKeeping(head: UpstreamHead, allowUnframed: boolean): boolean {
  const end: UpstreamEnd = { kind: 'complete', trailers: [] }
  return judge({ head, end, tooLarge: false, matchesSchema: () => true, allowUnframed }).kind !== 'failed'
}

function judgeSuccess(answer: JudgedAnswer, head: UpstreamHead): Judgement {
  if (head.status === 202 || head.status === 206) return complete('upstream_answer_refused', true)
  if (unframed(answer, head)) return counted('upstream_cut_short')
  return answer.matchesSchema() ? { kind: 'captured' } : complete('result_mismatch', true)
}

/** The end of such a body is the end of the connection, which a crash looks like too. */
const unframed = (answer: JudgedAnswer, head: UpstreamHead) => head.framing === 'close' && !answer.allowUnframed

function judgeStatus(status: number, head: UpstreamHead): Failure | { readonly kind: 'refused' } {
  switch (status) {
    case 401:
    case 402:
    case 407:
      return complete('upstream_answer_refused', true)
    case 408:
    case 425:
    case 429:
    case 503:
      return { ...complete('upstream_busy', false), ...retryAfter(head) }
    case 409:
    case 502:
      return complete('upstream_failed', false)
    case 504:
      return complete('upstream_timeout', false)
  }
  if (status >= 400 && status < 500) return { kind: 'refused' }
  return complete(status >= 500 ? 'upstream_failed' : 'upstream_answer_refused', true)
}

function judgeFault(end: Extract<UpstreamEnd, { kind: 'fault' }>): Failure {
  switch (end.fault) {
    case 'refused':
    case 'dns':
    case 'tls':
    case 'connect_timeout':
      return notCounted('upstream_unreachable')
    case 'first_byte_timeout':
    case 'idle_timeout':
    case 'total_timeout':
      return end.sent ? counted('upstream_timeout') : notCounted('upstream_timeout')
    case 'reset':
    case 'protocol':
      return end.begun || (end.fault === 'protocol' && end.sent)
        ? counted('upstream_cut_short')
        : notCounted('upstream_unreachable')
    case 'aborted':
      return notCounted('upstream_failed')
  }
}

const counted = (code: ErrorCode): Failure => ({ kind: 'failed', code, counted: true, nextGeneration: false })
const notCounted = (code: ErrorCode): Failure => ({ kind: 'failed', code, counted: false, nextGeneration: false })
const complete = (code: ErrorCode, counts: boolean): Failure => ({
  kind: 'failed',
  code,
  counted: counts,
  nextGeneration: true,
})

function retryAfter(head: UpstreamHead): { retryAfterMs?: number } {
  for (let at = 0; at < head.headers.length; at += 2) {
    if (head.headers[at]?.toLowerCase() !== 'retry-after') continue
    const seconds = Number(head.headers[at + 1])
    if (Number.isInteger(seconds) && seconds >= 0) return { retryAfterMs: Math.min(seconds * 1000, longestRetryMs) }
  }
  return {}
}
