import { type Clock, systemClock } from '../../ports/clock.ts'
import type {
  CaptureRequest,
  ClaimOutcome,
  ClaimRequest,
  FailRequest,
  Frame,
  KeyUse,
  Ledger,
  LedgerMeta,
  OperatorOutcome,
  PaymentRecord,
  RevisionRecord,
} from '../../ports/ledger.ts'
import type { ReadName, WireClaim, WriteName } from './protocol.ts'
import { WorkerClient } from './worker-client.ts'

export interface SqliteLedgerOptions {
  readonly directory: string
  readonly clock?: Pick<Clock, 'nowMs'>
  /** Nothing can be trusted to be stored any more; the process has to end. */
  readonly onDeath: (cause: unknown) => void
  /** Called while another process owns the ledger. */
  readonly onWaiting?: () => void
  /** Called after each commit. */
  readonly onCommit?: (operations: number, commitMs: number) => void
}

/**
 * Opens the SQLite ledger in `directory`, making it when there is none, and waits while another process owns it.
 * @param signal ends the waiting
 * @throws LedgerError
 */
export async function openSqliteLedger(options: SqliteLedgerOptions, signal?: AbortSignal): Promise<Ledger> {
  signal?.throwIfAborted()
  const { directory } = options
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
    return new SqliteLedger(meta, writer, reader)
  } catch (thrown) {
    await writer.close()
    throw thrown
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

class SqliteLedger implements Ledger {
  readonly meta: LedgerMeta
  readonly #writer: WorkerClient
  readonly #reader: WorkerClient

  constructor(meta: LedgerMeta, writer: WorkerClient, reader: WorkerClient) {
    this.meta = meta
    this.#writer = writer
    this.#reader = reader
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

  find(reference: string): Promise<PaymentRecord | undefined> {
    return this.#read<PaymentRecord | undefined>('find', reference)
  }

  prune(nowMs: number, monotonicMs: number): Promise<number> {
    return this.#write<number>('prune', nowMs, monotonicMs)
  }

  async saveRevisions(revisions: readonly RevisionRecord[]): Promise<void> {
    await this.#write('saveRevisions', revisions)
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

  read(paymentHash: string): Promise<PaymentRecord | undefined> {
    return this.#read<PaymentRecord | undefined>('read', paymentHash)
  }

  frames(paymentHash: string, epoch: number, fromSeq: number, maxBytes: number): Promise<Frame[]> {
    return this.#read<Frame[]>('frames', paymentHash, epoch, fromSeq, maxBytes)
  }

  revisions(): Promise<RevisionRecord[]> {
    return this.#read<RevisionRecord[]>('revisions')
  }

  async [Symbol.asyncDispose](): Promise<void> {
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
