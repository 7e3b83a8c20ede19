import { chmodSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { KeyStore } from '#src/keys/key-store.ts'
import { turnpike } from '../cli/run.ts'
import { answerWith } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { makeDirectory, openSqlite } from '../support/ledger/opened-ledger.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

const hour = 3_600_000

async function openShop() {
  const clock = new TestClock(Date.now())
  const upstream = await openUpstream()
  const gateway = await openGateway({
    config: `l402: { token_ttl: 24h }\n${makeShop(upstream.url, ['attempts: 1', 'result: { ttl: 72h }'])}`,
    clock,
  })
  return {
    clock,
    upstream,
    gateway,
    file: join(gateway.dataDir, 'keys'),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

async function post(gateway: TestGateway, path: string) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${gateway.adminUrl}${path}`, { method: 'POST', headers, body: '{}' })
  return [answer.status, (await answer.json()) as { text?: string; error?: string }] as const
}

const saidIn = (error: string): string => /until (\S+)$/.exec(error)?.[1] ?? ''

const keyOf = (token: string): number => {
  const packet = Buffer.from(token, 'base64')
  // Identifier: version (2), payment hash (32), then the key's number.
  const at = packet.indexOf(Buffer.from([0, 0]), 2)
  return packet[at + 34] ?? -1
}

describe('keys that are rotated while the gateway runs', () => {
  test('sign new tokens at once, and what was sold before still works', async () => {
    await using shop = await openShop()
    const { gateway, file } = shop
    const before = [await payFor(gateway, aRequest), await payFor(gateway, aRequest)] as const
    expect((await send(gateway, paid(aRequest, before[0]))).status).toBe(200)
    expect(await post(gateway, '/keys/rotate')).toMatchObject([
      200,
      { text: expect.stringContaining('key 2') as string },
    ])
    expect(readFileSync(file, 'utf8')).toMatch(/^1 verify [0-9a-f]{64} .*\n2 mint [0-9a-f]{64} /m)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const after = await payFor(gateway, aRequest)
    expect([keyOf(before[0].token), keyOf(after.token)]).toEqual([1, 2])
    const worth = async (from: TestGateway) =>
      await Promise.all(
        [...before, after].map(async (each) => (await send(from, paid(aRequest, each))).headers['l402-payment']),
      )
    expect(await worth(gateway)).toEqual(['replayed', 'spent', 'spent'])
    await using restarted = await gateway.restart()
    expect(await worth(restarted)).toEqual(['replayed', 'replayed', 'replayed'])
  })

  test('are kept while a token or a result under them may live, and can be retired from the date that is said', async () => {
    await using shop = await openShop()
    const { gateway, clock, file } = shop
    const payment = await payFor(gateway, aRequest)
    expect(await post(gateway, '/keys/1/retire')).toMatchObject([
      409,
      { error: expect.stringContaining('rotate first') as string },
    ])
    await post(gateway, '/keys/rotate')
    const rotatedAt = clock.nowMs()
    const [status, { error = '' }] = await post(gateway, '/keys/1/retire')
    expect(status).toBe(409)
    // Nobody knows yet what will be bought: the token's own day, and after it a result's three.
    expect(Date.parse(saidIn(error))).toBeGreaterThanOrEqual(rotatedAt + 96 * hour)
    clock.advance(23 * hour)
    expect((await send(gateway, paid(aRequest, payment))).status).toBe(200)
    clock.advance(72 * hour - 1)
    const [, { error: later = '' }] = await post(gateway, '/keys/1/retire')
    expect(Date.parse(saidIn(later))).toBe(clock.nowMs() + 1)
    expect((await send(gateway, paid(aRequest, payment))).headers['l402-payment']).toBe('replayed')
    clock.advance(1)
    expect(await post(gateway, '/keys/1/retire')).toMatchObject([200, { text: 'key 1 is retired' }])
    expect(readFileSync(file, 'utf8')).not.toMatch(/^1 /m)
    expect((await send(gateway, paid(aRequest, payment))).json().code).toBe('unknown_token')
    expect((await post(gateway, '/keys/1/retire'))[0]).toBe(404)
    await using restarted = await gateway.restart()
    expect((await send(restarted, aRequest)).status).toBe(402)
  })

  test('are not retired while a payment under them is owed', async () => {
    await using shop = await openShop()
    const { gateway, clock } = shop
    shop.upstream.answer = answerWith(500)
    const payment = await payFor(gateway, aRequest)
    const reference = (await send(gateway, paid(aRequest, payment))).json().payment.reference
    await post(gateway, '/keys/rotate')
    clock.advance(100 * hour)
    expect(await post(gateway, '/keys/1/retire')).toMatchObject([
      409,
      { error: expect.stringContaining('1 payment under it is owed') as string },
    ])
    expect((await send(gateway, paid(aRequest, payment))).json().code).toBe('refund_due')
    await fetch(`${gateway.adminUrl}/refunds/${reference}/mark`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"note":"sent"}',
    })
    expect((await post(gateway, '/keys/1/retire'))[0]).toBe(200)
  })

  test('stay as they are when the file cannot be used', async () => {
    await using shop = await openShop()
    const { gateway, file } = shop
    chmodSync(file, 0o644)
    expect(await post(gateway, '/keys/rotate')).toMatchObject([
      409,
      { error: expect.stringContaining('chmod 600') as string },
    ])
    chmodSync(file, 0o600)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(/[0-9a-f]{64}/, 'ab'.repeat(32)))
    expect((await post(gateway, '/keys/rotate'))[0]).toBe(409)
    writeFileSync(file, text)
    const payment = await payFor(gateway, aRequest)
    expect(keyOf(payment.token)).toBe(1)
    expect((await send(gateway, paid(aRequest, payment))).status).toBe(200)
  })

  test('by the command: listed, rotated, retired too early', { timeout: 30_000 }, async () => {
    await using shop = await openShop()
    const { gateway } = shop
    const file = join(gateway.dataDir, 'gateway.yaml')
    writeFileSync(file, `admin: { listen: ${new URL(gateway.adminUrl).host} }\ndata: .\n${makeShop(shop.upstream.url)}`)
    const run = (...args: string[]) => turnpike(['keys', ...args, '--config', file])
    expect((await run('list')).stdout).toMatch(/^key 1 {2}[0-9a-f]{32} {2}signs and verifies\n$/)
    expect(await run('rotate')).toMatchObject({ code: 0, stdout: expect.stringContaining('key 2 signs') as string })
    const { stdout } = await run('list')
    expect(stdout).toMatch(/^key 1 .* verifies {2}may be retired from \d{4}-/)
    for (const [, secret = ''] of readFileSync(shop.file, 'utf8').matchAll(/ ([0-9a-f]{64}) /g))
      expect(stdout).not.toContain(secret)
    expect(await run('retire', '1')).toMatchObject({ code: 4 })
    expect(await run('retire', '9')).toMatchObject({ code: 5 })
    expect(await run('retire')).toMatchObject({ code: 2 })
  })
})

describe('a rotation that is cut short', () => {
  const open = (directory: string, ledger: ReturnType<typeof bound>) =>
    KeyStore.open({
      file: join(directory, 'keys'),
      ledger,
      clock: new TestClock(),
      tokenTtlMs: () => 24 * hour,
      longestUseMs: () => 24 * hour,
    })

  test('between file and ledger goes on signing with the old key, and is finished when it is asked for again', async () => {
    using directory = makeDirectory()
    await using ledger = await openSqlite(directory.path)
    const failing = { fail: false }
    const flaky = bound(ledger)
    flaky.saveKeyFingerprints = (given) =>
      failing.fail ? Promise.reject(new Error('cut')) : ledger.saveKeyFingerprints(given)
    const again = await open(directory.path, flaky)
    failing.fail = true
    await expect(again.rotate()).rejects.toThrow('cut')
    expect(again.ring.minting.id).toBe(1)
    failing.fail = false
    expect(await again.rotate()).toBe(2)
    expect(again.ring.all.map(({ id, state }) => [id, state])).toEqual([
      [1, 'verify'],
      [2, 'mint'],
    ])
  })

  test('there, and by a crash, is finished by the next start', async () => {
    using directory = makeDirectory()
    const file = join(directory.path, 'keys')
    const first = await openSqlite(directory.path)
    const store = await open(directory.path, bound(first))
    const before = join(directory.path, 'before')
    copyFileSync(file, before)
    expect(await store.rotate()).toBe(2)
    await first[Symbol.asyncDispose]()
    // The file is new and the ledger is not: as after a crash between the two.
    using other = makeDirectory()
    await using old = await openSqlite(other.path)
    const oldStore = await open(other.path, bound(old))
    const text = readFileSync(file, 'utf8').replaceAll(first.meta.ledgerId, old.meta.ledgerId)
    const kept = /^1 mint ([0-9a-f]{64})/m.exec(readFileSync(join(other.path, 'keys'), 'utf8'))?.[1] ?? ''
    writeFileSync(join(other.path, 'keys'), text.replace(/^1 verify [0-9a-f]{64}/m, `1 verify ${kept}`))
    expect(oldStore.ring.minting.id).toBe(1)
    const next = await open(other.path, bound(old))
    expect(next.ring.minting.id).toBe(2)
    expect((await next.list())[0]).toMatchObject({
      id: 1,
      state: 'verify',
      retirableFromMs: expect.any(Number) as number,
    })
    // The ledger is new and the file is not: that is an old file, and refused.
    copyFileSync(before, file)
    await using second = await openSqlite(directory.path)
    await expect(open(directory.path, bound(second))).rejects.toThrow(/lacks key 2.*older than the ledger/)
  })
})

/** The ledger's methods under names that a test may replace. */
function bound(ledger: Awaited<ReturnType<typeof openSqlite>>) {
  return {
    meta: ledger.meta,
    saveKeyFingerprints: ledger.saveKeyFingerprints.bind(ledger),
    stopSigning: ledger.stopSigning.bind(ledger),
    keyUse: ledger.keyUse.bind(ledger),
    forgetKey: ledger.forgetKey.bind(ledger),
  }
}
