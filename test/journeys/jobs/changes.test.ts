import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { answerWith } from '../../support/answers.ts'
import { type Payment, paid, payFor, send } from '../../support/buyer.ts'
import { openGateway } from '../../support/gateway.ts'
import { documentOf, look, sendAsync, untilJob } from '../../support/jobs.ts'
import { aRequest, idle, makeShop } from '../../support/shop.ts'
import { openUpstream } from '../../support/upstream.ts'
import { finish, type JobUpstream, jobLines, openJobUpstream } from '../../support/upstream-jobs.ts'

let upstream: JobUpstream
let dataDir: string
beforeEach(async () => {
  upstream = await openJobUpstream()
  dataDir = mkdtempSync(join(tmpdir(), 'turnpike-changes-'))
})
afterEach(async () => {
  await upstream[Symbol.asyncDispose]()
  rmSync(dataDir, { recursive: true, force: true })
})

/** Begins a job, lets the gateway end while the upstream works, and does something to the ledger. */
async function interrupted(change?: string): Promise<{ payment: Payment; path: string }> {
  await using gateway = await openGateway({ config: makeShop(upstream.url, jobLines()), dataDir })
  const payment = await payFor(gateway, aRequest)
  const path = await sendAsync(gateway, aRequest, payment)
  await expect.poll(() => upstream.polls().length).toBeGreaterThan(1)
  await gateway[Symbol.asyncDispose]()
  if (change !== undefined) {
    const database = new Database(join(dataDir, 'ledger.sqlite'), { fileMustExist: true })
    expect(database.prepare(change).run().changes).toBe(1)
    database.close()
  }
  return { payment, path }
}

describe('a job whose service is gone since it was begun', () => {
  test('goes on at the upstream where it was', async () => {
    const { payment, path } = await interrupted()
    const config = makeShop(upstream.url).replaceAll('make', 'other')
    await using gateway = await openGateway({ config, dataDir })
    await look(gateway, path, payment)
    finish(upstream, 'done', { output: 'made' })
    await untilJob(gateway, path, payment, 'succeeded')
    expect((await look(gateway, `${path}/result`, payment)).text).toBe('"made"')
    expect(upstream.begun()).toHaveLength(1)
  })

  test('goes on at the address that the service has now', async () => {
    const { payment, path } = await interrupted()
    await using moved = await openUpstream(answerWith(200, '{"status":"done","output":"moved"}'))
    await using gateway = await openGateway({ config: makeShop(moved.url, jobLines()), dataDir })
    await untilJob(gateway, path, payment, 'succeeded')
    expect((await look(gateway, `${path}/result`, payment)).text).toBe('"moved"')
    expect(moved.calls.map(({ method }) => method)).toEqual(['GET'])
  })

  test('goes on when its request is sent again, too', async () => {
    const { payment, path } = await interrupted()
    await using gateway = await openGateway({ config: makeShop(upstream.url, jobLines()), dataDir })
    expect(await sendAsync(gateway, aRequest, payment)).toBe(path)
    finish(upstream, 'done', { output: 'made' })
    expect((await send(gateway, paid(aRequest, payment))).text).toBe('"made"')
    expect(upstream.begun()).toHaveLength(1)
  })
})

describe('a ledger that was tampered with', () => {
  test('does not run another request: a look is told, and the request itself still runs', async () => {
    const { payment, path } = await interrupted('UPDATE job SET sealed_request = zeroblob(length(sealed_request))')
    await using gateway = await openGateway({ config: makeShop(upstream.url, jobLines()), dataDir })
    const status = await look(gateway, path, payment)
    expect([status.status, status.json().code, status.headers['l402-payment']]).toEqual([500, 'internal', 'unspent'])
    finish(upstream, 'done', { output: 'made' })
    expect((await send(gateway, paid(aRequest, payment))).text).toBe('"made"')
    expect(upstream.begun()).toHaveLength(1)
  })

  test('does not ask for other work: it is begun anew, under the same key', async () => {
    const { payment, path } = await interrupted('UPDATE job SET upstream_ref = zeroblob(length(upstream_ref))')
    upstream.work.clear()
    await using gateway = await openGateway({ config: makeShop(upstream.url, jobLines()), dataDir })
    await look(gateway, path, payment)
    await expect.poll(() => upstream.work.size).toBe(1)
    finish(upstream, 'done', { output: 'made' })
    await untilJob(gateway, path, payment, 'succeeded')
    expect(new Set(upstream.begun().map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    await idle(gateway)
    expect(documentOf(await look(gateway, path, payment)).state).toBe('succeeded')
  })
})
