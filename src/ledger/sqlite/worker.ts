import { parentPort, workerData } from 'node:worker_threads'
import type Database from 'better-sqlite3'
import { BookOperations, BookReadings } from './book-operations.ts'
import { failure } from './failure.ts'
import { HoldOperations, HoldReadings } from './hold-operations.ts'
import { MetaTable } from './meta-table.ts'
import { openForReading, openForWriting, takeOwnership } from './open.ts'
import { Operations, Readings } from './operations.ts'
import type { FromWorker, Group, OperationResult, ToWorker, WorkerSettings } from './protocol.ts'

/**
 * The thread that owns the database. A group of operations is one transaction with one sync to disk; a group that
 * fails is rolled back and its operations are then tried one by one, so that one bad one costs the others nothing.
 */

const retryOwnershipMs = 50
let waiting = false

const port = parentPort
if (!port) throw new Error('this file is a worker thread')
const settings = workerData as WorkerSettings

const send = (message: FromWorker): void => port.postMessage(message)

type Handler = Readonly<Record<string, (...args: unknown[]) => unknown>>

function start(): void {
  try {
    if (settings.role === 'reader') {
      const database = openForReading(settings.directory)
      serve(
        database,
        [new Readings(database), new BookReadings(database), new HoldReadings(database)],
        (run) => run(),
        [database],
      )
      send({ kind: 'open', meta: new MetaTable(database).identity() })
      return
    }
    const lock = takeOwnership(settings.directory)
    if (!lock) {
      if (!waiting) send({ kind: 'waiting' })
      waiting = true
      setTimeout(start, retryOwnershipMs)
      return
    }
    const database = openForWriting(settings.directory)
    const operations = new Operations(database)
    const transaction = database.transaction((run: () => void) => run())
    const handlers = [operations, new BookOperations(database), new HoldOperations(database)]
    serve(database, handlers, (run) => transaction.immediate(run), [database, lock])
    send({ kind: 'open', meta: operations.identity() })
  } catch (thrown) {
    const { code, message } = failure(thrown)
    send({ kind: 'failed', code, message })
  }
}

function serve(
  database: Database.Database,
  handlers: readonly object[],
  inTransaction: (run: () => void) => void,
  closing: readonly Database.Database[],
): void {
  const runOne = ({ name, arguments: args }: Group['operations'][number]): OperationResult => {
    const handler = handlers.find((each) => name in each) as Handler | undefined
    const operation = handler?.[name]
    if (!operation) throw new Error(`no operation ${name}`)
    return { ok: true, value: operation.apply(handler, [...args]) }
  }
  const runAll = (group: Group): OperationResult[] => {
    let results: OperationResult[] = []
    try {
      inTransaction(() => {
        results = group.operations.map(runOne)
      })
      return results
    } catch (thrown) {
      if (database.inTransaction) database.exec('ROLLBACK')
      if (group.operations.length === 1) return [{ ok: false, ...failure(thrown) }]
      return group.operations.flatMap((operation) => runAll({ group: group.group, operations: [operation] }))
    }
  }
  port?.on('message', (message: ToWorker) => {
    if ('close' in message) {
      for (const each of closing) each.close()
      port.close()
      return
    }
    const begun = performance.now()
    const results = runAll(message)
    send({ kind: 'done', group: message.group, results, commitMs: performance.now() - begun })
  })
}

start()
