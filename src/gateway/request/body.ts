import { createHash, type Hash, hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../../errors.ts'
import type { BodyAllowance } from '../limits/unpaid-body.ts'
import { readFraming } from './framing.ts'
import { Pieces } from './pieces.ts'
import type { ReadingTurns } from './reading-turns.ts'

/** A request body, read whole. */
export interface ReadBody {
  readonly bytes: Buffer
  /** SHA-256 over the bytes as they came, hex. */
  readonly sha256: string
}

/** The body has this long to arrive. */
const bodyTimeoutMs = 120_000
/** One that is slower than any line in use holds a connection and memory for nothing. */
const slowestBytesPerSecond = 4096
const slowGraceMs = 10_000
const paceEveryMs = 1_000

const sha256OfNothing = hash('sha256', '', 'hex')

/**
 * Reads the body within `maxBytes`, hashing as it comes.
 * @param allowance asked before the body is read and for every piece of it
 * @throws GatewayError `body_too_large`, `body_timeout`, `bad_body`, and what the allowance throws
 */
export async function readBody(
  incoming: IncomingMessage,
  maxBytes: number,
  turns: ReadingTurns,
  allowance?: BodyAllowance,
): Promise<ReadBody> {
  const framing = readFraming(incoming)
  if (framing.kind === 'none') return { bytes: Buffer.alloc(0), sha256: sha256OfNothing }
  if (framing.kind === 'length' && framing.bytes > maxBytes) throw tooLarge(maxBytes)
  if (framing.kind === 'length') allowance?.declared(framing.bytes)
  return await collect(incoming, maxBytes, turns, allowance)
}

function collect(
  incoming: IncomingMessage,
  maxBytes: number,
  turns: ReadingTurns,
  allowance: BodyAllowance | undefined,
): Promise<ReadBody> {
  return new Promise((resolve, reject) => {
    const pieces = new Pieces()
    let first: Buffer | undefined
    // A large body is hashed piece by piece, so that nobody waits for all of it; one that came in one is done at once.
    let hasher: Hash | undefined
    const whole = (): ReadBody => {
      const all = pieces.take()
      const [only = Buffer.alloc(0)] = all
      return hasher
        ? { bytes: Buffer.concat(all), sha256: hasher.digest('hex') }
        : { bytes: only, sha256: hash('sha256', only, 'hex') }
    }
    let length = 0
    const begunMs = performance.now()
    const pace = setInterval(() => {
      const elapsedMs = performance.now() - begunMs
      const least = ((elapsedMs - slowGraceMs) / 1000) * slowestBytesPerSecond
      if (elapsedMs > bodyTimeoutMs || length < least)
        finish(new GatewayError('body_timeout', 'the body took too long to arrive'))
    }, paceEveryMs)
    const finish = (error?: unknown): void => {
      clearInterval(pace)
      turns.leave(incoming)
      incoming.off('data', onData).off('end', onEnd).off('close', onClose)
      if (error === undefined) return resolve(whole())
      // Without a listener it would go on flowing, to nowhere.
      incoming.pause()
      allowance?.dropped()
      reject(error)
    }
    const onData = (chunk: Buffer): void => {
      length += chunk.length
      if (length > maxBytes) return finish(tooLarge(maxBytes))
      try {
        allowance?.received(chunk.length)
        pieces.add(chunk)
        if (first) hasher = (hasher ?? createHash('sha256').update(first)).update(chunk)
        else first = chunk
        turns.read(incoming, chunk.length, length)
      } catch (refused) {
        finish(refused)
      }
    }
    const onEnd = (): void => finish()
    const onClose = (): void => finish(new GatewayError('bad_body', 'the body broke off'))
    incoming.on('error', onClose)
    incoming.on('data', onData).once('end', onEnd).once('close', onClose)
  })
}

const tooLarge = (maxBytes: number) =>
  new GatewayError('body_too_large', `the body is larger than the ${maxBytes} bytes that this service takes`)
