import { Worker } from 'node:worker_threads'
import { LedgerError, type LedgerMeta } from '../../ports/ledger.ts'
import type { FromWorker, OperationResult, WorkerSettings } from './protocol.ts'

interface Pending {
  readonly name: string
  readonly arguments: readonly unknown[]
  resolve(value: unknown): void
  reject(error: LedgerError): void
}

export interface WorkerEvents {
  /** The thread ended without being asked to: nothing after this can be trusted to be stored. */
  readonly onDeath: (cause: unknown) => void
  /** Another process owns the ledger. */
  readonly onWaiting?: () => void
  readonly onGroup?: (operations: number, commitMs: number) => void
}

/** Operations that may wait this long for others to be committed with. */
const lazyMs = 100

/**
 * The caller's end of one worker thread. While the thread works on a group, operations gather for the next: the more
 * load, the larger the groups and the fewer the syncs.
 */
export class WorkerClient {
  readonly #worker: Worker
  readonly #events: WorkerEvents
  readonly #opened = Promise.withResolvers<LedgerMeta>()
  readonly #exited: Promise<void>
  #gathering: Pending[] = []
  #lazy: Pending[] = []
  #lazyTimer: NodeJS.Timeout | undefined
  #working: Pending[] | undefined
  #group = 0
  #flushScheduled = false
  #isOpen = false
  #closing = false

  constructor(settings: WorkerSettings, events: WorkerEvents) {
    this.#events = events
    this.#worker = new Worker(new URL('worker.ts', import.meta.url), {
      workerData: settings,
      name: `ledger-${settings.role}`,
    })
    this.#worker.on('message', (message: FromWorker) => this.#receive(message))
    this.#worker.on('error', (error) => this.#die(error))
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        if (!this.#closing) this.#die(new Error(`the ledger thread ended with code ${code}`))
        resolve()
      })
    })
    // Whoever needs it awaits `opened`; a failure before that must not end the process by itself.
    this.#opened.promise.catch(() => undefined)
  }

  /** Resolves once the database is open and owned. @throws LedgerError */
  get opened(): Promise<LedgerMeta> {
    return this.#opened.promise
  }

  /** Runs one operation with the next group. */
  run(name: string, ...args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closing) {
        reject(new LedgerError('closed', 'the ledger is closed'))
        return
      }
      this.#gathering.push({ name, arguments: args, resolve, reject })
      this.#scheduleFlush()
    })
  }

  /** Runs one operation with the next group of others, or soon. */
  runLazily(name: string, ...args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closing) {
        reject(new LedgerError('closed', 'the ledger is closed'))
        return
      }
      this.#lazy.push({ name, arguments: args, resolve, reject })
      this.#lazyTimer ??= setTimeout(() => this.#flush(), lazyMs)
    })
  }

  async close(): Promise<void> {
    if (!this.#closing) {
      while (this.#isOpen && (this.#working || this.#gathering.length > 0 || this.#lazy.length > 0)) {
        this.#flush()
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      this.#closing = true
      // A thread that waits for the ledger has nothing to finish.
      if (this.#isOpen) this.#worker.postMessage({ close: true })
      else await this.#worker.terminate()
    }
    await this.#exited
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#working) return
    this.#flushScheduled = true
    // After the events of this turn, so that requests that arrived together are committed together.
    setImmediate(() => {
      this.#flushScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#working || (this.#gathering.length === 0 && this.#lazy.length === 0)) return
    clearTimeout(this.#lazyTimer)
    this.#lazyTimer = undefined
    // What waited is older: an operation of this group must see it.
    this.#working = [...this.#lazy, ...this.#gathering]
    this.#gathering = []
    this.#lazy = []
    const operations = this.#working.map(({ name, arguments: args }) => ({ name, arguments: args }))
    this.#worker.postMessage({ group: ++this.#group, operations })
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'waiting':
        this.#events.onWaiting?.()
        return
      case 'open':
        this.#isOpen = true
        this.#opened.resolve(message.meta)
        return
      case 'failed':
        this.#closing = true
        this.#opened.reject(new LedgerError(message.code, message.message))
        void this.#worker.terminate()
        return
      case 'done': {
        const working = this.#working ?? []
        this.#working = undefined
        this.#flush()
        this.#events.onGroup?.(working.length, message.commitMs)
        for (const [index, pending] of working.entries()) settle(pending, message.results[index])
      }
    }
  }

  #die(cause: unknown): void {
    if (this.#closing) return
    this.#closing = true
    const error = new LedgerError('closed', 'the ledger thread has ended', { cause })
    this.#opened.reject(error)
    for (const pending of [...(this.#working ?? []), ...this.#gathering, ...this.#lazy]) pending.reject(error)
    this.#working = undefined
    this.#gathering = []
    this.#lazy = []
    this.#events.onDeath(cause)
  }
}

function settle(pending: Pending, result: OperationResult | undefined): void {
  if (result?.ok) pending.resolve(result.value)
  else pending.reject(new LedgerError(result?.code ?? 'io', result?.message ?? 'the ledger gave no answer'))
}
