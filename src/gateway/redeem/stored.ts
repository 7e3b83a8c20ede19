import { GatewayError } from '../../errors.ts'
import type { Ledger, PaymentRecord } from '../../ports/ledger.ts'
import { decodeHead, frameBytes, type Recording, type ResultHead } from './recording.ts'
import { type OpenedFrame, Sealer } from './seal.ts'

/** A whole stored answer that can be read from any place. */
export interface StoredResult {
  readonly head: ResultHead
  readonly size: number
  /** A piece of the body from `position` on; at least one byte where `position < size`. @throws LedgerError */
  read(position: number): Promise<Buffer>
  /** Forgets what was fetched ahead: for a client that keeps us waiting. */
  rest(): void
}

/** How much is fetched from the ledger at a time. */
const fetchBytes = 4 * frameBytes

/** The answer as it still stands in memory after it was stored. */
export function fromMemory(head: ResultHead, chunks: readonly Buffer[]): StoredResult {
  const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
  return {
    head,
    size: body.length,
    read: (position) => Promise.resolve(body.subarray(position)),
    rest: () => undefined,
  }
}

/**
 * Opens the stored answer of a job. Every frame is checked to stand where it was sealed.
 * @throws LedgerError
 * @throws GatewayError `internal` when what is stored cannot be opened
 */
export async function openStored(
  ledger: Pick<Ledger, 'frames'>,
  record: PaymentRecord,
  preimage: string,
): Promise<StoredResult> {
  const { job, paymentHash } = record
  const reader = frameReader(ledger, { jobId: job.id, paymentHash, epoch: job.epoch, salt: job.salt, preimage })
  const first = await reader.open(0)
  const { head, inlineBody } = decodeHead(first.plain)
  if (inlineBody) return fromMemory(head, [inlineBody])
  const size = job.resultBytes ?? 0
  const read = async (position: number): Promise<Buffer> => {
    const seq = frameAt(position)
    const { plain, last } = await reader.open(seq)
    // Which frame ends the body is sealed with it; what the row says is not.
    const end = (seq - 1) * frameBytes + plain.length
    if (last !== end >= size || end > size) throw unreadable(job.id, `frame ${seq} is not where the body ends`)
    return plain.subarray(position % frameBytes)
  }
  return { head, size, read, rest: () => reader.rest() }
}

/** The committed part of an answer that is still coming in. */
export function readCommitted(
  ledger: Pick<Ledger, 'frames'>,
  scope: FrameScope,
): (position: number) => Promise<Buffer> {
  const reader = frameReader(ledger, scope)
  return async (position) => (await reader.open(frameAt(position))).plain.subarray(position % frameBytes)
}

/** Follows an answer while it comes in: from memory where that still has the place, else from the ledger. */
export async function readRecording(
  recording: Recording,
  committed: (position: number) => Promise<Buffer>,
  position: number,
): Promise<Buffer> {
  return recording.slice(position) ?? (await committed(position))
}

export interface FrameScope {
  readonly jobId: string
  readonly paymentHash: string
  readonly epoch: number
  readonly salt: Uint8Array
  readonly preimage: string
}

interface FrameReader {
  open(seq: number): Promise<OpenedFrame>
  rest(): void
}

function frameReader(ledger: Pick<Ledger, 'frames'>, scope: FrameScope): FrameReader {
  const sealer = new Sealer({ ...scope, purpose: 'result' })
  let fetched = new Map<number, Uint8Array>()
  return {
    async open(seq) {
      if (!fetched.has(seq)) {
        const frames = await ledger.frames(scope.paymentHash, scope.epoch, seq, seq === 0 ? 1 : fetchBytes)
        fetched = new Map(frames.map((frame) => [frame.seq, frame.sealed]))
      }
      const sealed = fetched.get(seq)
      if (!sealed) throw unreadable(scope.jobId, `frame ${seq} is missing`)
      try {
        return sealer.open(seq, sealed)
      } catch (cause) {
        throw unreadable(scope.jobId, `frame ${seq} cannot be opened`, cause)
      }
    },
    rest: () => fetched.clear(),
  }
}

const frameAt = (position: number): number => 1 + Math.floor(position / frameBytes)

const unreadable = (jobId: string, message: string, cause?: unknown): GatewayError =>
  new GatewayError('internal', `job ${jobId}: ${message}`, { cause })
