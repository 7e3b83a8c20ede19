import type { Service } from '../../catalog/service.ts'
import type { UpstreamCall, UpstreamHead } from '../../ports/upstream.ts'
import type { Gateway } from '../gateway.ts'
import { fillUrl, isScalar, type Place, readAnswer } from './answer-field.ts'
import { fetchWhole, type WholeAnswer } from './fetch-whole.ts'
import { type Failure, judge } from './judge.ts'

export type UpstreamJobConfig = NonNullable<Service['config']['upstreamJob']>

/** Where an asynchronous upstream keeps the work. */
export interface UpstreamRef {
  readonly id: string
  /** Unix time at which the upstream took the request. */
  readonly begunMs: number
}

/** What became of the work, as far as the upstream's own answers tell. */
export type FollowedJob =
  /** The result is in the answers. */
  | { readonly kind: 'inline'; readonly contentType: string; readonly body: Buffer }
  /** The result is to be fetched. */
  | { readonly kind: 'elsewhere'; readonly place: Place }
  /** This process ends; the work goes on. */
  | { readonly kind: 'handed_over' }
  | Failure

/** However long the gateway was away: what is asked for again gets this long. */
const leastFollowedMs = 60_000

/** The id in the answer to the request. @returns undefined when there is none that could be asked with */
export function readJobId(
  { id }: UpstreamJobConfig,
  { head, body }: Pick<WholeAnswer, 'head' | 'body'>,
): string | undefined {
  const value = id.kind === 'header' ? headerOf(head, id.name) : readAnswer(parseJson(body), id.path, '')
  const text = typeof value === 'number' ? String(value) : value
  return typeof text === 'string' && /^[\x21-\x7e]{1,1024}$/.test(text) ? text : undefined
}

export interface FollowOptions {
  readonly service: Service
  readonly config: UpstreamJobConfig
  /** For who is asked, and in whose name. */
  readonly call: Omit<UpstreamCall, 'idempotencyKey'>
  readonly ref: UpstreamRef
  /** An earlier run was told the reference: ask at once. */
  readonly resumed: boolean
  /** Aborted when this process is about to end. */
  readonly ending: AbortSignal
}

/** Asks the upstream until the work is done, has failed, or has taken too long. */
export async function followUpstreamJob(
  gateway: Pick<Gateway, 'upstream' | 'clock'>,
  options: FollowOptions,
): Promise<FollowedJob> {
  const { service, config, ref, ending } = options
  const { clock } = gateway
  const { totalMs } = service.config.timeouts
  const leftMs = Math.max(Math.min(totalMs, leastFollowedMs), ref.begunMs + totalMs - clock.nowMs())
  const endMs = clock.monotonicMs() + Math.min(totalMs, leftMs)
  let pauseMs = config.poll.everyMs
  if (!options.resumed) await pause(pauseMs, ending)
  for (;;) {
    if (ending.aborted) return { kind: 'handed_over' }
    const polled = await poll(gateway, options)
    if (polled.kind !== 'pending') return polled
    if (ending.aborted) return { kind: 'handed_over' }
    const restMs = endMs - clock.monotonicMs()
    if (restMs <= 0) return polled.trouble ?? takenTooLong
    await pause(Math.min(Math.max(pauseMs, polled.retryAfterMs ?? 0), restMs), ending)
    pauseMs = Math.min(config.poll.upToMs, pauseMs * 1.5)
  }
}

/** The call for a URL of the upstream's answers. Nothing of the operator's is told to another origin. */
export function callFor(
  call: FollowOptions['call'],
  { origin, path }: Place,
  timeouts: UpstreamCall['timeouts'],
): UpstreamCall {
  const { upstream, client } = call
  const own = origin === upstream.origin
  return {
    upstream: own ? upstream : { name: origin, origin, ca: undefined, headers: {}, forwardHeaders: [] },
    path,
    method: 'GET',
    client: { ...client, rawHeaders: [] },
    free: false,
    requestId: call.requestId,
    idempotencyKey: undefined,
    contentType: undefined,
    body: null,
    timeouts,
  }
}

type Polled =
  | Exclude<FollowedJob, { kind: 'handed_over' }>
  /** `trouble`: the answer was none; it stands if nothing better comes in time. */
  | { readonly kind: 'pending'; readonly trouble: Failure | undefined; readonly retryAfterMs: number | undefined }

async function poll(gateway: Pick<Gateway, 'upstream'>, options: FollowOptions): Promise<Polled> {
  const { service, config, call, ref, ending } = options
  const { origin } = call.upstream
  const place = fillUrl(config.poll.url, { id: ref.id, answer: undefined }, origin, config.origins)
  if (!place) return unusable
  const { timeoutMs } = config.poll
  const timeouts = { totalMs: timeoutMs, firstByteMs: timeoutMs, idleMs: timeoutMs }
  const answer = await fetchWhole(gateway, callFor(call, place, timeouts), service.config.result.maxBytes, ending)
  const { head, end, body } = answer
  const status = head?.status ?? 0
  // The upstream answers, and knows of no such work: it is lost, and only beginning anew can help.
  if (end.kind === 'complete' && (status === 404 || status === 410)) return lost
  if (answer.tooLarge || end.kind === 'fault' || status < 200 || status >= 300) return troubled(answer)
  const value = parseJson(body)
  if (value === undefined) return pending(cutShort)
  const state = readAnswer(value, config.state.path, ref.id)
  const said = isScalar(state) ? String(state) : undefined
  if (said !== undefined && config.state.failed.includes(said)) return lost
  if (said === undefined || !config.state.done.includes(said)) return pending(undefined, retryAfterMs(head))
  return resultIn(value, options, body)
}

function resultIn(value: unknown, { config, call, ref }: FollowOptions, body: Buffer): Polled {
  const { result } = config
  switch (result.kind) {
    case 'answer':
      return { kind: 'inline', contentType: 'application/json', body }
    case 'field': {
      const decoded = decode(readAnswer(value, result.path, ref.id), result.as)
      return decoded ? { kind: 'inline', contentType: result.contentType, body: decoded } : unusable
    }
    case 'url': {
      const place = fillUrl(result.url, { id: ref.id, answer: value }, call.upstream.origin, config.origins)
      return place ? { kind: 'elsewhere', place } : unusable
    }
  }
}

function decode(value: unknown, as: 'json' | 'text' | 'base64'): Buffer | undefined {
  if (value === undefined || value === null) return undefined
  if (as === 'json') return Buffer.from(JSON.stringify(value))
  if (typeof value !== 'string') return undefined
  if (as === 'text') return Buffer.from(value)
  const text = value.replace(/^data:[^,]*;base64,/, '')
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined
}

/** The upstream has done with it: the next run begins the work anew. */
const over = (code: Failure['code']): Failure => ({ kind: 'failed', code, counted: true, nextGeneration: true })
const lost = over('upstream_failed')
const unusable = over('result_mismatch')
const takenTooLong = over('upstream_timeout')
const cutShort: Failure = { kind: 'failed', code: 'upstream_cut_short', counted: true, nextGeneration: false }

const pending = (trouble: Failure | undefined, retryAfter?: number): Polled => ({
  kind: 'pending',
  trouble,
  retryAfterMs: retryAfter,
})

/** No word on the work, which goes on: what passes is waited for, and in no case is the work begun anew. */
function troubled({ head, end, tooLarge }: WholeAnswer): Polled {
  const judged = judge({ head, end, tooLarge, matchesSchema: () => true, allowUnframed: true })
  const failure: Failure =
    judged.kind === 'failed'
      ? { ...judged, nextGeneration: false }
      : { kind: 'failed', code: 'upstream_answer_refused', counted: true, nextGeneration: false }
  const passes = failure.code !== 'upstream_answer_refused' && failure.code !== 'result_too_large'
  return passes ? pending(failure, retryAfterMs(head)) : failure
}

function retryAfterMs(head: UpstreamHead | undefined): number | undefined {
  const seconds = Number(headerOf(head, 'retry-after') ?? Number.NaN)
  return seconds >= 0 && seconds <= 3600 ? seconds * 1000 : undefined
}

function headerOf(head: UpstreamHead | undefined, name: string): string | undefined {
  const at = head?.headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name) ?? -1
  return at < 0 ? undefined : head?.headers[at + 1]
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

/** Resolves early when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
