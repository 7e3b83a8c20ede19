import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../cli/run.ts'
import { type Payment, paid, payFor, send } from '../support/buyer.ts'
import { behindProxy, from } from '../support/crowd.ts'
import { type Served, startServe } from '../support/serve.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { type FloodCounts, type FloodOptions, flood } from './support/flood.ts'

/**
 * A gateway in a process of its own under floods of requests that nobody pays for, while paid ones are redeemed at a
 * steady pace. The figures are printed; what is asserted leaves room for a busy machine.
 */
const isLong = process.env.TURNPIKE_HOSTILE === 'long'
const phaseMs = Number(process.env.FLOOD_MS ?? (isLong ? 20_000 : 3_000))
/** Of the flood from everywhere, against which there is no limit but the gateway's own. */
const longestMs = isLong ? Math.max(phaseMs, 60_000) : phaseMs
const everyMs = 50
/** Of a flood; each refusal waits for a quarter of a second, so many of them are needed to send much. */
const connections = isLong ? 250 : 24
const openInvoices = 400
const request = { path: '/make', body: { prompt: 'a cat' } } as const

const directory = mkdtempSync(join(tmpdir(), 'turnpike-flood-'))
let upstream: TestUpstream
let gateway: Served
let adminUrl = ''

beforeAll(async () => {
  upstream = await openUpstream()
  const [url, admin] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
  adminUrl = admin
  const file = join(directory, 'gateway.yaml')
  writeFileSync(
    file,
    `${behindProxy}data: ./data
lightning: { max_open_invoices: ${openInvoices} }
log: { level: error }
services:
  POST /make:
    name: make
    upstream: ${upstream.url}
    price: { per_char: { of: prompt, rate: 1 }, max: 50 }
`,
  )
  gateway = await startServe({ file, url, adminUrl })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const count = (phase: number): number => Math.ceil(phase / everyMs)

/** Paid before the floods, which may leave no invoice for anyone. */
const kept: Payment[] = []

async function payments(wanted: number): Promise<Payment[]> {
  const made: Payment[] = []
  const pay = async (): Promise<void> => {
    while (made.length < wanted) made.push(await payFor(gateway, request))
  }
  await Promise.all(Array.from({ length: 8 }, pay))
  return made
}

/** Redeems at a steady pace, whatever the answers take. @returns how long each took, ms */
async function redeem(tokens: readonly Payment[]): Promise<number[]> {
  const begun = performance.now()
  return await Promise.all(
    tokens.map(async (token, index) => {
      const at = begun + index * everyMs
      await new Promise((resolve) => setTimeout(resolve, at - performance.now()))
      const sent = performance.now()
      const answer = await send(gateway, paid(request, token))
      expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
      return performance.now() - sent
    }),
  )
}

const at = (times: readonly number[], share: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN
/** Without those of the first second, in which each flood uses up what its limit holds. */
const later = (times: readonly number[]): readonly number[] => times.slice(1000 / everyMs)
const figures = (times: readonly number[]) =>
  `p50 ${at(times, 0.5).toFixed(1)} ms, p99 ${at(times, 0.99).toFixed(1)} ms`

/** When the slowest were sent, and what they took. */
const slowest = (times: readonly number[]): string =>
  times
    .map((took, index) => ({ took, atSeconds: (index * everyMs) / 1000 }))
    .toSorted((a, b) => b.took - a.took)
    .slice(0, 8)
    .map(({ took, atSeconds }) => `${took.toFixed(0)} at ${atSeconds.toFixed(1)}`)
    .join(', ')

async function metric(pattern: RegExp): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0)
}

const walletCalls = () =>
  metric(/^turnpike_wallet_call_duration_seconds_count\{[^}]*operation="create"[^}]*\} ([0-9]+)$/gm)
const challenges = () => metric(/^turnpike_challenges_total\{[^}]*\} ([0-9]+)$/gm)
const openNow = () => metric(/^turnpike_open_invoices\{[^}]*\} ([0-9]+)$/gm)
/** Of the gateway, all its threads. */
const cpuSeconds = () => metric(/^process_cpu_seconds_total ([0-9.e+]+)$/gm)
const memoryMiB = async () => (await metric(/^process_resident_memory_bytes ([0-9.e+]+)$/gm)) / 2 ** 20

function rows(): Record<string, number> {
  using database = Object.assign(new Database(join(directory, 'data/ledger.sqlite'), { readonly: true }), {
    [Symbol.dispose]: () => database.close(),
  })
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]
  return Object.fromEntries(
    tables.map((name) => [name, Number(database.prepare(`SELECT count(*) FROM "${name}"`).pluck().get())]),
  )
}

interface Phase {
  readonly times: readonly number[]
  readonly counts: FloodCounts
  readonly walletCalls: number
  readonly challenges: number
  /** Rows added by what was not paid. */
  readonly rows: number
}

/** What takes as long to refuse as the gateway, and does nothing else: what the flood itself costs this machine. */
const bareServer = `require('node:http').createServer((incoming, outgoing) => {
  incoming.resume()
  setTimeout(() => outgoing.writeHead(429).end('{}'), 250)
}).listen(Number(process.argv[1]), '127.0.0.1')`

async function openBare(): Promise<{ readonly url: string } & Disposable> {
  const port = await freePort()
  const child = spawn(process.execPath, ['-e', bareServer, String(port)], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  const answers = () =>
    fetch(url).then(
      () => true,
      () => false,
    )
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 50))
  return { url, [Symbol.dispose]: () => void child.kill() }
}

async function under(
  what: string,
  { durationMs = phaseMs, ...options }: Pick<FloodOptions, 'clients' | 'bodyBytes'> & { durationMs?: number },
): Promise<Phase> {
  const tokens = kept.splice(0, count(durationMs))
  const before = { cpu: await cpuSeconds(), calls: await walletCalls(), challenges: await challenges(), rows: rows() }
  const flooding = flood({ url: gateway.url, durationMs: durationMs + 300, connections, ...options })
  await new Promise((resolve) => setTimeout(resolve, 300))
  const [times, counts] = await Promise.all([redeem(tokens), flooding])
  const after = rows()
  // Each paid request is a payment, a job and a frame; all else belongs to the flood.
  const others = Object.keys(after).filter((name) => !['payment', 'job', 'frame'].includes(name))
  const grown = (name: string) => (after[name] ?? 0) - (before.rows[name] ?? 0)
  const phase = {
    times,
    counts,
    walletCalls: (await walletCalls()) - before.calls,
    challenges: (await challenges()) - before.challenges,
    rows: others.reduce((sum, name) => sum + Math.max(0, grown(name)), grown('payment') - tokens.length),
  }
  const cpu = (await cpuSeconds()) - before.cpu
  const total = Object.values(counts).reduce((sum, each) => sum + each, 0)
  console.log(
    `${what}: ${Math.round(total / (durationMs / 1000))}/s ${JSON.stringify(counts)}; paid ${figures(times)}, after 1 s ${figures(later(times))}; slowest (ms at s): ${slowest(times)}; the gateway used ${((100 * cpu) / (durationMs / 1000)).toFixed(0)} % of a core; wallet calls ${phase.walletCalls}, rows ${phase.rows}, ${(await memoryMiB()).toFixed(0)} MiB`,
  )
  return phase
}

// How long the paid ones took is printed and not judged: that depends on the machine.
describe('while nobody pays, those who have paid are served', { timeout: 300_000 }, () => {
  let quiet: number[] = []
  const perPhase = count(phaseMs)

  test('at a pace that is measured first', async () => {
    const begun = performance.now()
    const wanted = 40 + 5 * perPhase + count(longestMs)
    kept.push(...(await payments(wanted)))
    await redeem(kept.splice(0, 40))
    quiet = await redeem(kept.splice(0, perPhase))
    console.log(
      `${wanted} payments took ${((performance.now() - begun) / 1000 - phaseMs / 1000).toFixed(0)} s; load ${loadavg()[0]?.toFixed(1)}; quiet: paid ${figures(later(quiet))} after 1 s`,
    )
    expect(quiet).toHaveLength(count(phaseMs))
  })

  test.for([100, 900_000])(
    'while the same flood, of bodies of %i bytes, goes to somebody else on this machine, which is what to compare with',
    async (bodyBytes) => {
      using bare = await openBare()
      const flooding = flood({ url: bare.url, durationMs: phaseMs, connections, clients: 'many', bodyBytes })
      const [times, counts] = await Promise.all([redeem(kept.splice(0, perPhase)), flooding])
      console.log(
        `a bare server floods with ${bodyBytes} bytes: ${JSON.stringify(counts)}; paid ${figures(later(times))} after 1 s; slowest (ms at s): ${slowest(times)}`,
      )
      expect(counts[429]).toBeGreaterThan(0)
    },
  )

  test('one client floods: its challenges are those of its limit, and others buy', async () => {
    const [phase] = await Promise.all([
      under('one client', { clients: 'one', bodyBytes: 100 }),
      (async () => {
        await new Promise((resolve) => setTimeout(resolve, phaseMs / 2))
        const honest = from('203.0.113.7', request)
        const payment = await payFor(gateway, honest)
        expect((await send(gateway, from('203.0.113.7', paid(request, payment)))).status).toBe(200)
      })(),
    ])
    expect(Object.keys(phase.counts).filter((status) => !['402', '429', '503'].includes(status))).toEqual([])
    expect(phase.walletCalls).toBeGreaterThan(0)
    expect(phase.walletCalls).toBeLessThanOrEqual(120 + (24 * (phaseMs + 3_000)) / 60_000 + 1)
    // Those of the one who bought: a payment and its entry in the books.
    expect(phase.rows).toBe(2)
  })

  test('one client sends large bodies: they are not read any more', async () => {
    const phase = await under('one client, bodies of 900 kB', { clients: 'another', bodyBytes: 900_000 })
    expect(phase.challenges).toBeLessThanOrEqual(120 + (24 * (phaseMs + 3_000)) / 60_000 + 1)
    // 512 MiB of bodies at once are allowed, and what held them is not given back at once.
    expect(await memoryMiB()).toBeLessThan(1_100)
  })

  test('many clients flood: invoices are those of the cap, and the ledger does not grow', async () => {
    const phase = await under('many clients', { clients: 'many', bodyBytes: 100, durationMs: longestMs })
    expect(Object.keys(phase.counts).filter((status) => !['402', '429', '503'].includes(status))).toEqual([])
    expect(phase.walletCalls).toBeGreaterThan(0)
    expect(await openNow()).toBeLessThanOrEqual(openInvoices)
    expect(phase.walletCalls).toBeLessThanOrEqual(openInvoices)
    expect(phase.rows).toBe(0)
  })
})
