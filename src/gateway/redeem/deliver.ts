import type { IncomingMessage, ServerResponse } from 'node:http'
import type { MoneyStatus } from '../../errors.ts'
import { reach } from '../../failpoints.ts'
import { drained, finished } from '../back-pressure.ts'
import { commonHeaders, writeHead } from '../respond.ts'
import type { RequestScope } from '../scope.ts'
import type { LiveAnswer, RunningJob } from './jobs.ts'
import type { ResultHead } from './recording.ts'
import type { StoredResult } from './stored.ts'

export interface Delivery {
  readonly money: MoneyStatus
  /** A delivery of the same result was made before. */
  readonly replayed: boolean
  /** Names these bytes; given where parts of them may be asked for. */
  readonly etag?: string
  /** The part that is wanted; `end` is the first byte after it. */
  readonly range?: { readonly kind: 'whole' } | { readonly kind: 'part'; readonly start: number; readonly end: number }
}

/** An idle event stream is kept open through proxies by a comment this often. */
const heartbeatMs = 15_000

/** Serves a stored answer, or a part of it. @returns true when all of that was handed to the client's connection */
export async function deliverStored(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  stored: StoredResult,
  { money, replayed, etag, range }: Delivery,
): Promise<boolean> {
  const headers = resultHeaders(stored.head)
  const part = range?.kind === 'part' ? range : undefined
  const { start, end } = part ?? { start: 0, end: stored.size }
  writeHead(incoming, outgoing, part ? 206 : stored.head.status, {
    ...headers,
    ...(stored.head.status !== 204 && { 'content-length': String(end - start) }),
    ...(etag !== undefined && { etag, 'accept-ranges': stored.head.status === 200 ? 'bytes' : 'none' }),
    ...(part && { 'content-range': `bytes ${start}-${end - 1}/${stored.size}` }),
    ...(replayed && { 'idempotent-replayed': 'true' }),
    ...commonHeaders(scope, money),
  })
  reach('head_delivered')
  if (incoming.method === 'HEAD') {
    outgoing.end()
    return false
  }
  for (let position = start; position < end; ) {
    const piece = (await stored.read(position)).subarray(0, end - position)
    position += piece.length
    if (position >= end) {
      outgoing.end(piece)
      reach('data_delivered')
      return await finished(outgoing)
    }
    if (!(await writePiece(outgoing, piece, stored))) return false
  }
  outgoing.end()
  return await finished(outgoing)
}

/**
 * Sends an answer on as it comes. The end of the body is held back until the whole result is committed, so nobody can
 * have all of it and still hold a payment. When the run fails after bytes were shown, the connection is broken off.
 * @returns undefined when no byte was shown and the outcome has to be answered otherwise
 */
export async function deliverLive(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  job: RunningJob,
  live: LiveAnswer,
): Promise<boolean | undefined> {
  const { recording } = live
  while (!recording.head && !recording.ended) await scope.wait(recording.changed())
  const { head } = recording
  const success = head !== undefined && head.status >= 200 && head.status < 300
  if (!head || !success) return undefined
  // A result that is whole by now is served like any other.
  if (recording.ended || !(await live.show())) return undefined
  writeHead(incoming, outgoing, head.status, {
    ...resultHeaders(head),
    'x-accel-buffering': 'no',
    ...commonHeaders(scope, 'in-progress'),
  })
  outgoing.flushHeaders()
  reach('head_delivered')
  const events = /^text\/event-stream\b/i.test(headerOf(head, 'content-type') ?? '')
  let position = 0
  let lastByte = 0x0a
  for (;;) {
    if (position < recording.size) {
      const piece = await live.read(position)
      position += piece.length
      lastByte = piece.at(-1) ?? lastByte
      if (!(await writePiece(outgoing, piece))) return false
    } else if (recording.ended) {
      break
    } else if (!(await more(recording.changed(), events ? heartbeatMs : undefined)) && lastByte === 0x0a) {
      // No empty line: it would end an event that has begun.
      if (!(await writePiece(outgoing, Buffer.from(': still working\n')))) return false
    }
  }
  const outcome = await job.outcome
  if (outcome.kind !== 'captured') {
    outgoing.destroy()
    return false
  }
  scope.money = 'spent'
  outgoing.end()
  return await finished(outgoing)
}

/** The stored headers, by lower-case name; several values of a name stay several lines. */
function resultHeaders(head: ResultHead): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (let at = 0; at + 1 < head.headers.length; at += 2) {
    const name = (head.headers[at] ?? '').toLowerCase()
    const value = head.headers[at + 1] ?? ''
    const before = headers[name]
    headers[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]
  }
  headers['cache-control'] = 'private, no-store'
  return headers
}

function headerOf(head: ResultHead, name: string): string | undefined {
  for (let at = 0; at < head.headers.length; at += 2) {
    if (head.headers[at]?.toLowerCase() === name) return head.headers[at + 1]
  }
  return undefined
}

/** A client that has not taken a piece after this long is slow. */
const slowMs = 1_000

/**
 * Writes with back-pressure.
 * @param stored rests while the client is slow, so that it holds no more of our memory than the piece it is given
 * @returns false when the client is gone
 */
async function writePiece(outgoing: ServerResponse, piece: Uint8Array, stored?: StoredResult): Promise<boolean> {
  if (outgoing.destroyed) return false
  const flowing = outgoing.write(piece)
  reach('data_delivered')
  if (flowing) return true
  const timer = stored && setTimeout(() => stored.rest(), slowMs)
  await drained(outgoing)
  clearTimeout(timer)
  return !outgoing.destroyed
}

/** @returns false when nothing came within the time */
async function more(changed: Promise<void>, withinMs: number | undefined): Promise<boolean> {
  if (withinMs === undefined) {
    await changed
    return true
  }
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), withinMs)
  void changed.then(() => resolve(true))
  const came = await promise
  clearTimeout(timer)
  return came
}
