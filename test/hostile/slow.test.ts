import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../cli/run.ts'
import { type Payment, paid, payFor, send } from '../support/buyer.ts'
import { headOf } from '../support/raw-socket.ts'
import { type Served, startServe } from '../support/serve.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { long, scale, tally } from './support/tally.ts'

/** A gateway in a process of its own, and connections that hold what they can for as long as they can. */
const resultBytes = 30 * 2 ** 20
const directory = mkdtempSync(join(tmpdir(), 'turnpike-slow-'))
let upstream: TestUpstream
let gateway: Served
let adminUrl = ''

beforeAll(async () => {
  const result = Buffer.alloc(resultBytes, 'x')
  upstream = await openUpstream(({ url }, outgoing) => void outgoing.end(url === '/big' ? result : 'made'))
  const [url, admin] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
  adminUrl = admin
  const file = join(directory, 'gateway.yaml')
  writeFileSync(
    file,
    `data: ./data
log: { level: error }
services:
  POST /make: { name: make, upstream: { url: "${upstream.url}", max_concurrent: 1 }, price: { flat: 7 } }
  POST /big: { name: big, upstream: "${upstream.url}", price: { flat: 7 } }
`,
  )
  gateway = await startServe({ file, url, adminUrl })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  return Number(new RegExp(`^${name} ([0-9.e+]+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}
const memoryMiB = async () => (await metric('process_resident_memory_bytes')) / 2 ** 20
/** Of buffers: what is in use, and what was not collected yet. */
const buffersMiB = async () => (await metric('nodejs_external_memory_bytes')) / 2 ** 20

/** A connection from one of many addresses of this machine. */
function come(number: number): Socket {
  const { hostname, port } = new URL(gateway.url)
  const localAddress = `127.0.${1 + (number % 200)}.${1 + (number % 250)}`
  return connect({ host: hostname, port: Number(port), localAddress }).on('error', () => undefined)
}

const request = { path: '/make', body: { prompt: 'a cat' } } as const
const body = JSON.stringify(request.body)

/** Buys, and how long the answer to the paid request took. */
async function buy(): Promise<number> {
  const payment = await payFor(gateway, request)
  const begun = performance.now()
  expect((await send(gateway, paid(request, payment))).status).toBe(200)
  return performance.now() - begun
}

async function purchases(count: number): Promise<readonly number[]> {
  const times: number[] = []
  while (times.length < count) times.push(await buy())
  return times.toSorted((a, b) => a - b)
}

const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? Number.NaN

describe('connections that send drop by drop, or nothing', () => {
  const count = scale(300, 2_000)
  /** How long the slowest may live: 10 s for a head or the first of a body, and the time until somebody looks. */
  const cutMs = 20_000

  test('hold up no buyer, hold no place at the upstream, spend nothing, and are cut', async (context) => {
    const kept: Payment[] = []
    while (kept.length < 10) kept.push(await payFor(gateway, request))
    const [quiet, before] = [await purchases(scale(5, 40)), await memoryMiB()]
    const calls = upstream.calls.length
    const begun = performance.now()
    const closedMs: number[] = []
    const received: string[] = []
    const sockets: Socket[] = []
    const open = (number: number): Socket => {
      const socket = come(number)
      socket.on('data', (data) => void (received[number] = `${received[number] ?? ''}${data.toString('latin1')}`))
      socket.on('close', () => void closedMs.push(performance.now() - begun))
      const lines = [`Content-Length: ${body.length}`]
      const payment = kept[Math.floor(number / 3)]
      if (payment) lines.push(`Authorization: ${payment.authorization.authorization}`)
      if (number % 3 === 0) socket.write(headOf('/make', ...lines))
      if (number % 3 === 1) socket.write('POST /make HTTP/1.1\r\nHost: here\r\n')
      return socket
    }
    // As many as the kernel lets wait to be accepted, or it makes them wait for a second.
    for (let number = 0; number < count; number++) {
      sockets.push(open(number))
      if (number % 200 === 199) await delay(50)
    }
    const drops = setInterval(() => {
      for (const [number, socket] of sockets.entries()) {
        if (number % 3 === 0 && socket.writable && performance.now() - begun > 1_000) socket.write(' ')
        if (number % 3 === 1 && socket.writable) socket.write('x')
      }
    }, 1_500)
    await expect.poll(() => metric('turnpike_connections_open'), { timeout: 8_000 }).toBeGreaterThanOrEqual(count)
    const slow = await purchases(scale(5, 40))
    const during = await memoryMiB()
    expect(upstream.calls.length - calls).toBe(slow.length)
    let cut = 'not waited for'
    if (long) {
      while (closedMs.length < count && performance.now() - begun < cutMs + 10_000) await delay(100)
      cut = `${closedMs.length} cut, the last after ${(Math.max(...closedMs) / 1000).toFixed(1)} s`
      expect([closedMs.length, Math.max(...closedMs) < cutMs]).toEqual([count, true])
      expect(received.filter((text) => text?.startsWith('HTTP/1.1 408')).length).toBeGreaterThan(count / 4)
      // What was presented by them is as good as before.
      for (const payment of kept)
        expect((await send(gateway, paid(request, payment))).headers['l402-payment']).toBe('spent')
    }
    clearInterval(drops)
    for (const socket of sockets) socket.destroy()
    const note = `${count} slow connections: paid p50 ${median(quiet).toFixed(1)} → ${median(slow).toFixed(1)} ms, at most ${quiet.at(-1)?.toFixed(1)} → ${slow.at(-1)?.toFixed(1)} ms; ${before.toFixed(0)} → ${during.toFixed(0)} MiB; ${cut}`
    if (long) console.log(note)
    tally(context, { kind: 'slow connections', tried: count, note })
    expect(slow.at(-1)).toBeLessThan(2_000)
    expect(during - before).toBeLessThan(150)
  })
})

test.runIf(long)('readers that take nothing of a big result hold a piece of it each, not more', async (context) => {
  const big = { path: '/big', body: {} } as const
  const payment = await payFor(gateway, big)
  expect((await send(gateway, paid(big, payment))).bytes.length).toBe(resultBytes)
  const quick = async (): Promise<number> => {
    const begun = performance.now()
    expect((await send(gateway, paid(big, payment))).bytes.length).toBe(resultBytes)
    return performance.now() - begun
  }
  const quickMs = Math.min(await quick(), await quick(), await quick())
  const count = 200
  const before = [await memoryMiB(), await buffersMiB()] as const
  const head = headOf('/big', 'Content-Length: 2', `Authorization: ${payment.authorization.authorization}`)
  const sockets = Array.from({ length: count }, (_, number) => come(number).pause())
  await expect.poll(() => metric('turnpike_connections_open'), { timeout: 8_000 }).toBeGreaterThanOrEqual(count)
  for (const socket of sockets) socket.write(`${head}{}`)
  // Until the kernel holds what it takes, results flow; then every write stands.
  const standing = () => metric('nodejs_active_resources\\{type="SimpleWriteWrap"\\}')
  await expect.poll(standing, { timeout: 60_000, interval: 500 }).toBeGreaterThanOrEqual(count)
  await delay(2_000)
  const most = await memoryMiB()
  // What is held is the least that is seen while garbage is made, and collected.
  let held = Number.POSITIVE_INFINITY
  for (let looks = 0; looks < 8; looks++) {
    await quick()
    held = Math.min(held, await buffersMiB())
  }
  const [buyMs] = await purchases(1)
  for (const socket of sockets) socket.destroy()
  const note = `${count} readers that take nothing of ${resultBytes / 2 ** 20} MiB: ${before[0].toFixed(0)} → ${most.toFixed(0)} MiB, buffers ${before[1].toFixed(0)} → ${held.toFixed(0)} MiB; one that reads takes ${quickMs.toFixed(0)} ms; another buyer meanwhile ${buyMs?.toFixed(1)} ms`
  console.log(note)
  tally(context, { kind: 'slow connections', tried: count, note })
  // A frame each is 50 MiB; the rest is for what was not collected yet.
  expect(held - before[1]).toBeLessThan(count * 0.75)
})
