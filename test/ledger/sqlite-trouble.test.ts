import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { makeDirectory, openSqlite } from '../support/ledger/opened-ledger.ts'
import { again, makeCapture, makeClaim, makeFrame, now } from '../support/ledger/requests.ts'

const fileIn = (directory: string) => join(directory, 'ledger.sqlite')

/** The threads that are started while `run` runs. */
async function threadsOf<T>(run: () => Promise<T>): Promise<{ result: T; threads: Worker[] }> {
  const threads: Worker[] = []
  const onWorker = (worker: Worker): void => void threads.push(worker)
  process.on('worker', onWorker)
  try {
    return { result: await run(), threads }
  } finally {
    process.off('worker', onWorker)
  }
}

describe('a ledger that cannot be opened', () => {
  test.for([
    [
      'is not a database',
      'corrupt',
      (file: string) => writeFileSync(file, 'these are not the pages of a database'.repeat(200)),
    ],
    ['is a directory', 'readonly', (file: string) => mkdirSync(file)],
    [
      'was written by a newer Turnpike',
      'io',
      (file: string) => {
        const database = new Database(file)
        database.pragma('user_version = 99')
        database.close()
      },
    ],
  ] as const)('since its file %s says so', async ([, code, prepare]) => {
    using directory = makeDirectory()
    prepare(fileIn(directory.path))
    await expect(openSqlite(directory.path)).rejects.toMatchObject({ name: 'LedgerError', code })
  })

  test('since its directory cannot be made says so', async () => {
    using directory = makeDirectory()
    writeFileSync(join(directory.path, 'taken'), '')
    const inside = join(directory.path, 'taken', 'data')
    await expect(openSqlite(inside)).rejects.toMatchObject({ name: 'LedgerError', code: 'io' })
  })

  test('leaves no thread behind', async () => {
    using directory = makeDirectory()
    mkdirSync(fileIn(directory.path))
    const { threads } = await threadsOf(() => openSqlite(directory.path).catch(() => undefined))
    expect(threads.map(({ threadId }) => threadId)).toEqual([-1])
  })
})

describe('a ledger that is open', () => {
  test('syncs every commit to disk and keeps a log ahead of its pages', async () => {
    using directory = makeDirectory()
    await using ledger = await openSqlite(directory.path)
    await ledger.probe(now)
    const database = new Database(fileIn(directory.path), { readonly: true })
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal')
    database.close()
    expect(statSync(directory.path).mode & 0o077).toBe(0)
  })

  test('says busy while somebody else writes into its file, loses nothing, and goes on afterwards', async () => {
    using directory = makeDirectory()
    await using ledger = await openSqlite(directory.path)
    const claim = makeClaim()
    const intruder = new Database(fileIn(directory.path))
    intruder.exec('BEGIN IMMEDIATE')
    const outcomes = await Promise.allSettled([ledger.claim(claim), ledger.probe(now)])
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { name: 'LedgerError', code: 'busy' } })
    expect(await ledger.read(claim.paymentHash)).toBeUndefined()
    intruder.exec('ROLLBACK')
    intruder.close()
    expect(await ledger.claim(again(claim))).toMatchObject({ kind: 'claimed', job: { epoch: 1 } })
  })

  test('keeps a payment running whose result cannot be stored, and spends it only with the result', async () => {
    using directory = makeDirectory()
    await using ledger = await openSqlite(directory.path)
    const claim = makeClaim()
    await ledger.claim(claim)
    const intruder = new Database(fileIn(directory.path))
    intruder.exec("CREATE TRIGGER no_room BEFORE INSERT ON frame BEGIN SELECT RAISE(ABORT, 'no room'); END")
    await expect(ledger.capture(makeCapture(claim))).rejects.toMatchObject({ name: 'LedgerError', code: 'io' })
    expect(await ledger.read(claim.paymentHash)).toMatchObject({ job: { state: 'running', finishedAtMs: undefined } })
    intruder.exec('DROP TRIGGER no_room')
    intruder.close()
    expect(await ledger.capture(makeCapture(claim))).toBe(true)
  })

  test.for([
    ['writes', 0],
    ['reads', 1],
  ] as const)('reports the death of the thread that %s, and every operation under way fails', async ([, which]) => {
    using directory = makeDirectory()
    const deaths: unknown[] = []
    const opening = () => openSqlite(directory.path, { onDeath: (cause) => void deaths.push(cause) })
    const { result: ledger, threads } = await threadsOf(opening)
    const claim = makeClaim()
    await ledger.claim(claim)
    const operations = [
      ledger.append(claim.paymentHash, 1, [makeFrame(0, Buffer.alloc(2 ** 24))]),
      ledger.frames(claim.paymentHash, 1, 0, 2 ** 20),
    ]
    const ending = threads[which]?.terminate()
    const outcomes = await Promise.allSettled(operations)
    await ending
    expect(outcomes[which]).toMatchObject({ reason: { name: 'LedgerError', code: 'closed' } })
    expect(deaths).toHaveLength(1)
    const after = which === 0 ? ledger.probe(now) : ledger.frames(claim.paymentHash, 1, 0, 2 ** 20)
    await expect(after).rejects.toMatchObject({ name: 'LedgerError', code: 'closed' })
    await ledger[Symbol.asyncDispose]()
    expect(deaths).toHaveLength(1)
    await using reopened = await openSqlite(directory.path)
    expect(await reopened.claim(again(claim))).toMatchObject({ kind: 'claimed', job: { epoch: 2 } })
  })
})
