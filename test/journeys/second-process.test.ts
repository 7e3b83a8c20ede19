import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeGate } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { beginRequest } from '../support/open-request.ts'
import { startServe } from '../support/serve.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** A directory with a configuration that child processes serve. */
async function makeSetting(upstream: string) {
  const [listen = 0, admin = 0, otherListen = 0, otherAdmin = 0] = await freePorts(4)
  const directory = mkdtempSync(join(tmpdir(), 'turnpike-serve-'))
  const file = join(directory, 'gateway.yaml')
  writeFileSync(file, `data: ./data\n${makeShop(upstream)}`)
  const at = (port: number, adminPort: number) => ({
    file,
    url: `http://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
  })
  return {
    one: at(listen, admin),
    two: at(otherListen, otherAdmin),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

describe('a process that is killed', () => {
  test('while the work goes on loses nobody’s money: the next one takes it up under the same key', async () => {
    const called = makeGate()
    await using upstream = await openUpstream((_call, outgoing) => {
      called.open()
      if (upstream.calls.length > 1) outgoing.end(`made by call ${upstream.calls.length}`)
    })
    using setting = await makeSetting(upstream.url)
    const { one } = setting
    await using first = await startServe(one)
    const payment = await payFor(first, aRequest)
    beginRequest(one, paid(aRequest, payment))
    await called.opened
    await first.kill('SIGKILL')

    await using second = await startServe(one)
    const answer = await send(second, paid(aRequest, payment))
    expect([answer.status, answer.text]).toEqual([200, 'made by call 2'])
    expect(answer.headers['l402-payment']).toBe('spent')
    const [before, after] = upstream.calls.map(({ headers }) => headers['idempotency-key'])
    expect(after).toBe(before)
    expect(upstream.calls).toHaveLength(2)
  })
})

describe('a second process on the same data', () => {
  test('sells nothing and is not ready until the first is gone, and then redeems what the first sold', async () => {
    await using upstream = await openUpstream()
    using setting = await makeSetting(upstream.url)
    const { one, two } = setting
    await using first = await startServe(one)
    const payment = await payFor(first, aRequest)
    await using second = await startServe(two, { waits: true })
    for (const [request, status, action] of [
      [aRequest, 'not-charged', 'none'],
      [paid(aRequest, payment), 'unspent', 'retry_same_token'],
    ] as const) {
      const answer = await send(second, request)
      expect([answer.status, answer.json().code]).toEqual([503, 'not_ready'])
      expect(answer.headers).toMatchObject({ 'retry-after': '1', 'cache-control': 'no-store', 'l402-payment': status })
      expect(answer.json().payment).toEqual({ status, action })
      expect(answer.headers['www-authenticate']).toBeUndefined()
    }
    const probe = await fetch(`${two.adminUrl}/readyz`)
    expect([probe.status, await probe.json()]).toEqual([
      503,
      { status: 'not ready', reason: 'another process owns the ledger' },
    ])
    expect((await fetch(`${two.adminUrl}/livez`)).status).toBe(200)
    expect(upstream.calls).toHaveLength(0)

    expect(await first.kill('SIGTERM')).toBe(0)
    await expect.poll(async () => (await fetch(`${two.adminUrl}/readyz`)).status).toBe(200)
    const answer = await send(second, paid(aRequest, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
  })

  test('that is told to stop while it waits, stops', async () => {
    await using upstream = await openUpstream()
    using setting = await makeSetting(upstream.url)
    await using first = await startServe(setting.one)
    await using second = await startServe(setting.two, { waits: true })
    expect(await second.kill('SIGTERM')).toBe(0)
    expect((await send(first, aRequest)).status).toBe(402)
  })
})

test('a gateway that ends lets the work that is under way come to its end, and a new one has the result', async () => {
  const [called, finish] = [makeGate(), makeGate()]
  await using upstream = await openUpstream(async (_call, outgoing) => {
    called.open()
    await finish.opened
    outgoing.end('made')
  })
  const before = await openGateway({ config: makeShop(upstream.url) })
  const payment = await payFor(before, aRequest)
  const { leave } = beginRequest(before, paid(aRequest, payment))
  await called.opened
  leave()
  const restarting = before.restart()
  setTimeout(() => finish.open(), 50)
  await using gateway = await restarting
  const answer = await send(gateway, paid(aRequest, payment))
  expect([answer.status, answer.text]).toEqual([200, 'made'])
  expect(upstream.calls).toHaveLength(1)
})
