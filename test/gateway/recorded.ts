import { createHash, randomBytes } from 'node:crypto'
import { Recording } from '#src/gateway/redeem/recording.ts'
import { Sealer } from '#src/gateway/redeem/seal.ts'
import type { Frame, Ledger, PaymentRecord } from '#src/ports/ledger.ts'
import { makeRecord } from './payment-record.ts'

/** What an answer was sealed for, and the frames that went into the ledger. */
export interface Recorded {
  readonly frames: Frame[]
  /** How often frames were appended before the end. */
  readonly appends: number
  readonly record: PaymentRecord
  readonly preimage: string
  /** The ledger's end of it. */
  readonly ledger: Pick<Ledger, 'frames'>
}

export interface ToRecord {
  readonly chunks: readonly Buffer[]
  readonly status?: number
  readonly headers?: readonly string[]
  readonly epoch?: number
  readonly preimage?: string
  readonly salt?: Buffer
  readonly keepAll?: boolean
}

/** Records an answer to its end, as a run does, and stores it. */
export async function record(options: ToRecord): Promise<Recorded> {
  const { chunks, epoch = 1, preimage = randomBytes(32).toString('hex'), salt = randomBytes(16) } = options
  const paymentHash = createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')
  const frames: Frame[] = []
  let appends = 0
  const sealer = new Sealer({ preimage, paymentHash, epoch, salt, purpose: 'result' })
  const append = (more: readonly Frame[]): Promise<boolean> => {
    appends++
    frames.push(...more)
    return Promise.resolve(true)
  }
  const recording = new Recording(sealer, append, options.keepAll ?? false)
  recording.begin({ status: options.status ?? 200, headers: options.headers ?? [], framing: 'length' })
  for (const chunk of chunks) await recording.write(chunk)
  frames.push(...(await recording.finish()))
  recording.end()
  const row = makeRecord({ epoch, salt, resultBytes: recording.size }, { paymentHash })
  return { frames, appends, record: row, preimage, ledger: framesFrom(frames) }
}

/** A ledger that holds these frames, and hands out as few at a time as it may. */
export function framesFrom(frames: readonly Frame[]): Pick<Ledger, 'frames'> {
  return {
    frames: (_jobId, _epoch, fromSeq) => Promise.resolve(frames.filter(({ seq }) => seq >= fromSeq).slice(0, 2)),
  }
}

const noise = randomBytes(6 * 2 ** 20)

/** Bytes of which every place can be told from every other. */
export const bytesOf = (size: number): Buffer => noise.subarray(0, size)

/** A body in pieces of these sizes, over and over. */
export function cut(body: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, index = 0; at < body.length; index++) {
    const size = sizes[index % sizes.length] ?? 1
    chunks.push(body.subarray(at, at + size))
    at += size
  }
  return chunks
}
