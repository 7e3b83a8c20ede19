import { GatewayError } from '../../errors.ts'
import type { Ledger, PaymentRecord } from '../../ports/ledger.ts'
import { decodeHead, frameBytes, type Recording, type ResultHead } from './recording.ts'
import { Sealer } from './seal.ts'

/** A whole stored answer that can be read from any place. */
export interface StoredResult {
  readonly head: ResultHead
  readonly size: number
  /** A piece of the body from `position` on; at least one byte where `position < size`. @throws LedgerError */
  read(position: number): Promise<Buffer>
}

/** How much is fetched from the ledger at a time. */
const fetchBytes = 4 * frameBytes

/** The answer as it still stands in memory after it was stored. */
export function fromMemory(head: ResultHead, chunks: readonly Buffer[]): StoredResult {
  const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
  return { head, size: body.length, read: (position) => Promise.resolve(body.subarray(position)) }
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
  const { head, inlineBody } = decodeHead(await reader(0))
  if (inlineBody) return fromMemory(head, [inlineBody])
  return { head, size: job.resultBytes ?? 0, read: bodyReader(reader) }
}

/** The committed part of an answer that is still coming in. */
export function readCommitted(
  ledger: Pick<Ledger, 'frames'>,
  scope: FrameScope,
): (position: number) => Promise<Buffer> {
  return bodyReader(frameReader(ledger, scope))
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

type FrameReader = (seq: number) => Promise<Buffer>

function frameReader(ledger: Pick<Ledger, 'frames'>, scope: FrameScope): FrameReader {
  const sealer = new Sealer({ ...scope, purpose: 'result' })
  let fetched = new Map<number, Uint8Array>()
  return async (seq) => {
    if (!fetched.has(seq)) {
      const frames = await ledger.frames(scope.paymentHash, scope.epoch, seq, fetchBytes)
      fetched = new Map(frames.map((frame) => [frame.seq, frame.sealed]))
    }
    const sealed = fetched.get(seq)
    if (!sealed) throw new GatewayError('internal', `frame ${seq} of job ${scope.jobId} is missing`)
    try {
      return sealer.open(seq, sealed).plain
    } catch (cause) {
      throw new GatewayError('internal', `frame ${seq} of job ${scope.jobId} cannot be opened`, { cause })
    }
  }
}

const bodyReader = (frame: FrameReader) => async (position: number) => {
  const plain = await frame(1 + Math.floor(position / frameBytes))
  return plain.subarray(position % frameBytes)
}
