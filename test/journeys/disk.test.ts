import { describe, expect, test, vi } from 'vitest'
import { makeGate } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { metric, requestNumber, TestDisk } from '../support/guards.ts'
import { idle, rowIn } from '../support/shop.ts'
import { echo, openUpstream, type TestUpstream } from '../support/upstream.ts'

vi.setConfig({ testTimeout: 30_000 })
const soon = { timeout: 10_000 }

const MiB = 2 ** 20

/** Results of up to 10 MiB, and 100 MiB that stay free. */
const shop = (upstream: string) => `
disk: { reserve: 100MiB }
services:
  POST /make: { name: make, upstream: "${upstream}", price: { flat: 7 }, result: { max_bytes: 10MiB } }
`

const request = requestNumber(1)

interface Opened extends AsyncDisposable {
  readonly upstream: TestUpstream
  readonly gateway: TestGateway
  readonly clock: TestClock
  readonly disk: TestDisk
}

async function open(free = 1_000 * MiB): Promise<Opened> {
  const [clock, disk, upstream] = [new TestClock(Date.now()), new TestDisk(free), await openUpstream()]
  const gateway = await openGateway({ config: shop(upstream.url), clock, disk })
  return {
    upstream,
    gateway,
    clock,
    disk,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

describe('a disk that is short', () => {
  test('stops the sale and takes no payment; the same token works once there is room', async () => {
    await using shared = await open()
    const { gateway, upstream, clock, disk } = shared
    const payment = await payFor(gateway, request)
    disk.free = 110 * MiB - 1
    clock.advance(1_001)
    const asked = gateway.wallet.asked.length
    const unsold = await send(gateway, request)
    expect([unsold.status, unsold.json().code]).toEqual([503, 'disk_short'])
    expect(unsold.headers).toMatchObject({ 'l402-payment': 'not-charged', 'retry-after': '30' })
    expect(unsold.headers['www-authenticate']).toBeUndefined()
    expect(gateway.wallet.asked).toHaveLength(asked)
    const refused = await send(gateway, paid(request, payment))
    expect([refused.status, refused.json().code]).toEqual([503, 'disk_short'])
    expect(refused.headers).toMatchObject({ 'l402-payment': 'unspent', 'retry-after': '30' })
    expect(refused.json().payment).toEqual({ status: 'unspent', action: 'retry_same_token' })
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'retryable', epoch: 0, attempts: 0 } })
    expect(upstream.calls).toHaveLength(0)
    expect(gateway.log.filter((line) => line.includes('"status":503,"code":"disk_short"'))).toHaveLength(2)

    disk.free = 110 * MiB
    clock.advance(1_001)
    expect((await send(gateway, request)).status).toBe(402)
    expect((await send(gateway, paid(request, payment))).status).toBe(200)
  })

  test('keeps nobody from a result that is stored, or from work that is under way', async () => {
    await using shared = await open()
    const { gateway, upstream, clock, disk } = shared
    const stored = await payFor(gateway, request)
    const first = await send(gateway, paid(request, stored))
    const finish = makeGate()
    upstream.answer = async (call, outgoing, incoming) => {
      await finish.opened
      await echo(call, outgoing, incoming)
    }
    const other = requestNumber(2)
    const payment = await payFor(gateway, other)
    const running = send(gateway, paid(other, payment))
    await expect.poll(() => upstream.calls, soon).toHaveLength(2)
    disk.free = 0
    clock.advance(1_001)
    expect((await send(gateway, request)).status).toBe(503)
    const replay = await send(gateway, paid(request, stored))
    expect([replay.status, replay.headers['l402-payment'], replay.text]).toEqual([200, 'replayed', first.text])
    const attached = send(gateway, paid(other, payment))
    finish.open()
    expect([(await running).status, (await attached).status]).toEqual([200, 200])
    expect(upstream.calls).toHaveLength(2)
  })

  test('shows in readiness and metrics, and is no reason to send requests elsewhere', async () => {
    await using shared = await open()
    const { gateway, clock, disk } = shared
    const readiness = async () => {
      const probe = await fetch(`${gateway.adminUrl}/readyz`)
      return [probe.status, await probe.json()]
    }
    expect(await readiness()).toEqual([200, { status: 'ready' }])
    disk.free = 100 * MiB - 1
    clock.advance(1_001)
    expect(await readiness()).toEqual([200, { status: 'ready', degraded: ['disk_short'] }])
    expect(await metric(gateway, 'turnpike_disk_free_bytes')).toBe(100 * MiB - 1)
  })

  test('is one that does not answer, or answers with an error, until it does', async () => {
    await using shared = await open()
    const { gateway, clock, disk } = shared
    disk.instead = () => Promise.reject(new Error('EIO'))
    clock.advance(1_001)
    expect((await send(gateway, request)).json().code).toBe('disk_short')
    expect(gateway.log.some((line) => line.includes('cannot be asked'))).toBe(true)
    disk.instead = undefined
    clock.advance(1_001)
    expect((await send(gateway, request)).status).toBe(402)
  })
})

test('runs under way are promised room for the largest result each, until they end', async () => {
  await using shared = await open(130 * MiB)
  const { gateway, upstream } = shared
  const requests = [1, 2, 3, 4].map(requestNumber)
  const payments = await Promise.all(requests.map((each) => payFor(gateway, each)))
  const finish = makeGate()
  upstream.answer = async (_call, outgoing) => {
    await finish.opened
    outgoing.end('made')
  }
  const sent = requests.map((each, index) => {
    const payment = payments[index]
    if (!payment) throw new Error('nothing was paid')
    return send(gateway, paid(each, payment))
  })
  const refused = await Promise.any(sent)
  expect([refused.status, refused.json().code]).toEqual([503, 'disk_short'])
  await expect.poll(() => upstream.calls, soon).toHaveLength(3)
  expect(await metric(gateway, 'turnpike_disk_promised_bytes')).toBe(30 * MiB)
  expect((await send(gateway, requestNumber(9))).json().code).toBe('disk_short')
  finish.open()
  expect((await Promise.all(sent)).map(({ status }) => String(status)).toSorted()).toEqual(['200', '200', '200', '503'])
  await idle(gateway)
  expect(await metric(gateway, 'turnpike_disk_promised_bytes')).toBe(0)
  expect((await send(gateway, requestNumber(9))).status).toBe(402)
})

test('the disk is asked once a second at most', async () => {
  await using shared = await open()
  const { gateway, clock, disk } = shared
  const asked = disk.asked
  for (let round = 0; round < 20; round++) await send(gateway, requestNumber(round))
  expect(disk.asked - asked).toBeLessThanOrEqual(1)
  clock.advance(1_001)
  await Promise.all([1, 2, 3, 4, 5].map((number) => send(gateway, requestNumber(number))))
  expect(disk.asked - asked).toBeLessThanOrEqual(2)
})
