import type { Frame } from '../../ports/ledger.ts'
import type { UpstreamHead } from '../../ports/upstream.ts'
import type { Sealer } from './seal.ts'

/** The head of a stored answer: frame 0. */
export interface ResultHead {
  readonly status: number
  /** Name, value, name, value. */
  readonly headers: readonly string[]
}

/** Results up to this size stay in memory and are stored in the transaction that makes the payment spent. */
export const memoryLimitBytes = 2 ** 20
/** Larger ones go into the ledger in frames of exactly this size, so that a place in the body names its frame. */
export const frameBytes = 256 * 1024
/** Small bodies stand in frame 0 behind the head. */
const inlineLimitBytes = 64 * 1024
/** The upstream is held back while this much waits to be committed. */
const maxUncommittedBytes = 2 * 2 ** 20

export type AppendFrames = (frames: readonly Frame[]) => Promise<boolean>

/** Another run of the job has begun, or the ledger cannot store; nothing of this run counts. */
export class RecordingLost extends Error {
  override readonly name = 'RecordingLost'
}

/**
 * An answer while it comes in: kept in memory while small, written to the ledger frame by frame when it grows. Readers
 * may follow it from any place that memory still holds.
 */
export class Recording {
  readonly #sealer: Sealer
  readonly #append: AppendFrames
  readonly #keepAll: boolean
  #head: ResultHead | undefined
  #chunks: Buffer[] = []
  /** Place in the body of the first byte still in memory. */
  #memoryStart = 0
  #size = 0
  #spilled = false
  #nextSeq = 1
  #appending: Promise<void> = Promise.resolve()
  #uncommitted = 0
  #changed = Promise.withResolvers<void>()
  #ended = false

  /** @param keepAll keeps the whole body in memory too, for a check that needs it */
  constructor(sealer: Sealer, append: AppendFrames, keepAll: boolean) {
    this.#sealer = sealer
    this.#append = append
    this.#keepAll = keepAll
  }

  get head(): ResultHead | undefined {
    return this.#head
  }

  get size(): number {
    return this.#size
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The whole body, when it is in memory. */
  get body(): readonly Buffer[] | undefined {
    return this.#memoryStart === 0 ? this.#chunks : undefined
  }

  begin(head: UpstreamHead): void {
    this.#head = { status: head.status, headers: head.headers }
    this.#wake()
  }

  /** Takes a piece of the body. A promise means: no more until it resolves. @throws RecordingLost by that promise */
  write(chunk: Buffer): Promise<void> | undefined {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    this.#wake()
    if (!this.#spilled && this.#size <= memoryLimitBytes) return undefined
    this.#spill()
    return this.#uncommitted > maxUncommittedBytes ? this.#appending : undefined
  }

  /** Resolves when more has come or the answer has ended. */
  changed(): Promise<void> {
    return this.#changed.promise
  }

  /** What memory holds from `position` on; undefined when it starts later. */
  slice(position: number): Buffer | undefined {
    if (position < this.#memoryStart) return undefined
    let at = this.#memoryStart
    for (const chunk of this.#chunks) {
      if (position < at + chunk.length) return chunk.subarray(position - at)
      at += chunk.length
    }
    return Buffer.alloc(0)
  }

  /** Ends the answer. @returns the frames still to be stored. @throws RecordingLost */
  async finish(): Promise<Frame[]> {
    const head = this.#head
    if (!head) throw new RecordingLost('there is no head')
    if (this.#spilled) {
      await this.#appending
      return [this.#seal(this.#nextSeq, 'data', true, this.#takeTail())]
    }
    const body = Buffer.concat(this.#chunks)
    if (body.length <= inlineLimitBytes) return [this.#seal(0, 'head', true, encodeHead(head, body))]
    return [this.#seal(0, 'head', false, encodeHead(head, undefined)), ...this.#sealAll(body)]
  }

  /** No more will come, whatever became of it. */
  end(): void {
    this.#ended = true
    this.#wake()
  }

  #sealAll(body: Buffer): Frame[] {
    const frames: Frame[] = []
    for (let at = 0; at < body.length; at += frameBytes) {
      const last = at + frameBytes >= body.length
      frames.push(this.#seal(frames.length + 1, 'data', last, body.subarray(at, at + frameBytes)))
    }
    return frames
  }

  /** Writes every full frame; what is left over waits, since the last frame must be known to be the last. */
  #spill(): void {
    const frames: Frame[] = []
    if (!this.#spilled && this.#head) {
      this.#spilled = true
      frames.push(this.#seal(0, 'head', false, encodeHead(this.#head, undefined)))
    }
    const start = (this.#nextSeq - 1) * frameBytes
    const whole = Math.floor((this.#size - start - 1) / frameBytes)
    if (whole > 0) {
      const bytes = this.#range(start, start + whole * frameBytes)
      for (let index = 0; index < whole; index++) {
        frames.push(
          this.#seal(this.#nextSeq++, 'data', false, bytes.subarray(index * frameBytes, (index + 1) * frameBytes)),
        )
      }
    }
    if (frames.length === 0) return
    const bytes = whole * frameBytes
    this.#uncommitted += bytes
    const committedTo = start + bytes
    this.#appending = this.#appending.then(async () => {
      if (!(await this.#append(frames))) throw new RecordingLost('another run has begun')
      this.#uncommitted -= bytes
      if (!this.#keepAll) this.#dropBefore(committedTo)
    })
    // Whoever writes or finishes next awaits it; until then a failure must not count as unhandled.
    this.#appending.catch(() => undefined)
  }

  #range(from: number, to: number): Buffer {
    const parts: Buffer[] = []
    let at = this.#memoryStart
    for (const chunk of this.#chunks) {
      const end = at + chunk.length
      if (end > from && at < to) parts.push(chunk.subarray(Math.max(0, from - at), Math.min(chunk.length, to - at)))
      at = end
    }
    return Buffer.concat(parts)
  }

  #takeTail(): Buffer {
    return this.#range((this.#nextSeq - 1) * frameBytes, this.#size)
  }

  #dropBefore(position: number): void {
    let dropped = 0
    for (const chunk of this.#chunks) {
      if (this.#memoryStart + chunk.length > position) break
      this.#memoryStart += chunk.length
      dropped++
    }
    this.#chunks.splice(0, dropped)
  }

  #seal(seq: number, kind: Frame['kind'], last: boolean, plain: Uint8Array): Frame {
    return { seq, kind, sealed: this.#sealer.seal(seq, last, plain) }
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

/** Length of the head's JSON (4 bytes), the JSON, and a body that stands right behind it. */
function encodeHead(head: ResultHead, inlineBody: Buffer | undefined): Buffer {
  const json = Buffer.from(JSON.stringify({ ...head, inline: inlineBody !== undefined }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  return Buffer.concat(inlineBody ? [length, json, inlineBody] : [length, json])
}

export interface DecodedHead {
  readonly head: ResultHead
  /** The whole body, where it is small enough to stand in frame 0. */
  readonly inlineBody: Buffer | undefined
}

export function decodeHead(plain: Buffer): DecodedHead {
  const end = 4 + plain.readUInt32BE(0)
  const { status, headers, inline } = JSON.parse(plain.toString('utf8', 4, end)) as ResultHead & { inline: boolean }
  return { head: { status, headers }, inlineBody: inline ? plain.subarray(end) : undefined }
}
