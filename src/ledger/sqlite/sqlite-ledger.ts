import type { Books } from '../../ports/books.ts'
import { type Clock, systemClock } from '../../ports/clock.ts'
import type { Holds } from '../../ports/holds.ts'
import type { KeyUse } from '../../ports/key-use.ts'
import {
  type CaptureRequest,
  type ClaimOutcome,
  type ClaimRequest,
  type FailRequest,
  type Frame,
  type Ledger,
  LedgerError,
  type LedgerMeta,
  type OperatorOutcome,
  type PaymentRecord,
  type RevisionRecord,
} from '../../ports/ledger.ts'
import { networkFileSystem } from '../network-disk.ts'
import { PointReader } from './point-reader.ts'
import type { ReadName, WireClaim, WriteName } from './protocol.ts'
import { SqliteBooks } from './sqlite-books.ts'
import { SqliteHolds } from './sqlite-holds.ts'
import { WorkerClient } from './worker-client.ts'

export interface SqliteLedgerOptions {
  readonly directory: string
  readonly clock?: Pick<Clock, 'nowMs'>
  /** Nothing can be trusted to be stored any more; the process has to end. */
  readonly onDeath: (cause: unknown) => void
  /** Called while another process owns the ledger. */
  readonly onWaiting?: () => void
  /** Names the network file system of a directory; undefined on a disk of this machine. */
  readonly networkFileSystem?: (directory: string) => string | undefined
  /** Called after each commit. */
  readonly onCommit?: (operations: number, commitMs: number) => void
}

/** A ledger and its books, in one file. */
export interface LedgerWithBooks extends Ledger {
  readonly books: Books
  readonly holds: Holds
}

/**
 * Opens the SQLite ledger in `directory`, making it when there is none, and waits while another process owns it.
 * @param signal ends the waiting
 * @throws LedgerError
 */
export async function openSqliteLedger(options: SqliteLedgerOptions, signal?: AbortSignal): Promise<LedgerWithBooks> {
  signal?.throwIfAborted()
  const { directory } = options
  refuseNetwork(directory, (options.networkFileSystem ?? networkFileSystem)(directory))
  const writer = new WorkerClient(
    { role: 'writer', directory },
    {
      onDeath: options.onDeath,
      ...(options.onWaiting && { onWaiting: options.onWaiting }),
      ...(options.onCommit && { onGroup: options.onCommit }),
    },
  )
  const abort = () => void writer.close()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    const meta = await Promise.race([writer.opened, aborted(signal)])
    // What an earlier process left running is nobody's now.
    await writer.run('releaseAll' satisfies WriteName, (options.clock ?? systemClock).nowMs())
    const reader = new WorkerClient({ role: 'reader', directory }, { onDeath: options.onDeath })
    await reader.opened
    return new SqliteLedger(meta, writer, reader, new PointReader(directory))
  } catch (thrown) {
    await writer.close()
    throw thrown
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/** @throws LedgerError */
function refuseNetwork(directory: string, name: string | undefined): void {
  if (name === undefined) return
  const advice = 'put `data` on a disk of this machine'
  throw new LedgerError('io', `${directory} is on ${name}, where SQLite can lose what was sold; ${advice}`)
}

/** Up to here a read is short enough for the caller's own thread. */
const onePieceBytes = 64 * 1024

class SqliteLedger implements LedgerWithBooks {
  readonly meta: LedgerMeta
  readonly books: Books
  readonly holds: Holds
  readonly #writer: WorkerClient
  readonly #reader: WorkerClient
  readonly #points: PointReader

  constructor(meta: LedgerMeta, writer: WorkerClient, reader: WorkerClient, points: PointReader) {
    this.meta = meta
    this.books = new SqliteBooks(writer, reader)
    this.holds = new SqliteHolds(writer, reader)
    this.#writer = writer
    this.#reader = reader
    this.#points = points
  }

  claim(request: ClaimRequest): Promise<ClaimOutcome> {
    return this.#write<ClaimOutcome>('claim', toWire(request))
  }

  rebind(request: ClaimRequest): Promise<ClaimOutcome> {
    return this.#write<ClaimOutcome>('rebind', toWire(request))
  }

  show(paymentHash: string, epoch: number): Promise<boolean> {
    return this.#write<boolean>('show', paymentHash, epoch)
  }

  append(paymentHash: string, epoch: number, frames: readonly Frame[]): Promise<boolean> {
    return this.#write<boolean>('append', paymentHash, epoch, frames)
  }

  keepRequest(paymentHash: string, epoch: number, sealed: Uint8Array): Promise<boolean> {
    return this.#write<boolean>('keepRequest', paymentHash, epoch, sealed)
  }

  keepUpstreamRef(paymentHash: string, epoch: number, sealed: Uint8Array): Promise<boolean> {
    return this.#write<boolean>('keepUpstreamRef', paymentHash, epoch, sealed)
  }

  capture(request: CaptureRequest): Promise<boolean> {
    return this.#write<boolean>('capture', request)
  }

  fail(request: FailRequest): Promise<boolean> {
    return this.#write<boolean>('fail', request)
  }

  async delivered(paymentHash: string, nowMs: number): Promise<void> {
    await this.#writer.runLazily('delivered' satisfies WriteName, paymentHash, nowMs)
  }

  revoke(paymentHash: string, nowMs: number): Promise<OperatorOutcome> {
    return this.#write<OperatorOutcome>('revoke', paymentHash, nowMs)
  }

  closeRefund(paymentHash: string, note: string, nowMs: number): Promise<OperatorOutcome> {
    return this.#write<OperatorOutcome>('closeRefund', paymentHash, note, nowMs)
  }

  reopen(paymentHash: string, nowMs: number, honouredUntilMs: number): Promise<OperatorOutcome> {
    return this.#write<OperatorOutcome>('reopen', paymentHash, nowMs, honouredUntilMs)
  }

  owe(request: ClaimRequest): Promise<PaymentRecord | undefined> {
    return this.#write<PaymentRecord | undefined>('owe', toWire(request))
  }

  async turnAway(request: ClaimRequest, code: string): Promise<void> {
    await this.#write('turnAway', toWire(request), code)
  }

  find(reference: string): Promise<PaymentRecord | undefined> {
    return this.#read<PaymentRecord | undefined>('find', reference)
  }

  prune(nowMs: number, monotonicMs: number): Promise<number> {
    return this.#write<number>('prune', nowMs, monotonicMs)
  }

  async saveRevisions(revisions: readonly RevisionRecord[]): Promise<void> {
    await this.#write('saveRevisions', revisions)
  }

  async noteTokenLife(seconds: number): Promise<void> {
    await this.#write('noteTokenLife', seconds)
  }

  async saveKeyFingerprints(fingerprints: ReadonlyMap<number, string>): Promise<void> {
    await this.#write('saveKeyFingerprints', fingerprints)
  }

  async stopSigning(keyId: number, until: number): Promise<void> {
    await this.#write('stopSigning', keyId, until)
  }

  async forgetKey(keyId: number): Promise<void> {
    await this.#write('forgetKey', keyId)
  }

  nextGeneration(): Promise<number> {
    return this.#write<number>('nextGeneration')
  }

  keyUse(keyId: number): Promise<KeyUse> {
    return this.#read<KeyUse>('keyUse', keyId)
  }

  async probe(nowMs: number): Promise<void> {
    await this.#write('probe', nowMs)
  }

  async read(paymentHash: string): Promise<PaymentRecord | undefined> {
    return this.#points.payment(paymentHash)
  }

  sealedRequest(paymentHash: string): Promise<Uint8Array | undefined> {
    return this.#read<Uint8Array | undefined>('sealedRequest', paymentHash)
  }

  async frames(paymentHash: string, epoch: number, fromSeq: number, maxBytes: number): Promise<Frame[]> {
    if (maxBytes <= onePieceBytes) return this.#points.frames(paymentHash, epoch, fromSeq, maxBytes)
    return await this.#read<Frame[]>('frames', paymentHash, epoch, fromSeq, maxBytes)
  }

  revisions(): Promise<RevisionRecord[]> {
    return this.#read<RevisionRecord[]>('revisions')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#points.close()
    // The writer last: the connection that closes last puts the log into the file, and the reader’s cannot.
    await this.#reader.close()
    await this.#writer.close()
  }

  /** The worker returns what {@link Operations} returns under this name. */
  #write<T>(name: WriteName, ...args: readonly unknown[]): Promise<T> {
    return this.#writer.run(name, ...args) as Promise<T>
  }

  #read<T>(name: ReadName, ...args: readonly unknown[]): Promise<T> {
    return this.#reader.run(name, ...args) as Promise<T>
  }
}

const toWire = (request: ClaimRequest): WireClaim => ({ ...request, salt: Buffer.from(request.salt).toString('hex') })

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
