import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, canPin, pin, startChild } from './child.ts'
import { type LoadResult, load } from './load.ts'
import { get, post, revisionOf, tokenMaker } from './requests.ts'

/**
 * `npm run bench`: the gateway against a bare hono + undici reverse proxy, and the fastest such proxy, on the same core, in
 * one run. Every figure is the median of several rounds in which they take turns.
 */
const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const durationMs = Number(process.env.BENCH_MS ?? 1500)
const only = process.env.BENCH_ONLY
const [gatewayCore, loadCore] = [0, 1]

interface Scenario {
  readonly name: string
  readonly target: number
  /** The process measured, and what it is compared with. */
  readonly proxy: Child
  readonly next: () => Buffer | undefined
  readonly baseline: () => Buffer
  readonly expect: number
}

interface Row {
  readonly scenario: string
  readonly connections: number
  readonly perSecond: number
  readonly barePerSecond: number
  readonly directPerSecond: number
  /** To the bare proxy. */
  readonly ratio: number
  readonly ratioToDirect: number
  readonly target: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly bareP50Ms: number
  readonly bareP99Ms: number
  readonly cpuUs: number
  readonly bareCpuUs: number
  readonly directCpuUs: number
}

if (canPin) pin(process.pid, loadCore)
const dataDirs = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'turnpike-bench-')))
const [stubData = '', devData = ''] = dataDirs
const upstream = await startChild('upstream.ts', [], loadCore)
const origin = `http://127.0.0.1:${upstream.port}`
const bare = await startChild('baseline.ts', [origin, 'bare'], gatewayCore)
const direct = await startChild('baseline.ts', [origin, 'direct'], gatewayCore)
const stub = await startChild('gateway.ts', [origin, stubData, 'stub'], gatewayCore)
const dev = await startChild('gateway.ts', [origin, devData, 'dev'], gatewayCore)

const challenge = (await (
  await fetch(`http://127.0.0.1:${stub.port}/paid`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'x' }),
  })
).json()) as { token: string }
const newToken = tokenMaker(stubData, revisionOf(challenge.token))
const tokens: Buffer[] = []
const used: Buffer[] = []

const freshRequest = (): Buffer | undefined => {
  const request = tokens.pop()
  if (request) used.push(request)
  return request
}
let turn = 0
const usedRequest = (): Buffer | undefined => used[turn++ % used.length]

const scenarios: Scenario[] = [
  {
    name: 'pass-through (free GET)',
    target: 0.85,
    proxy: stub,
    next: () => freeGet,
    baseline: () => freeGet,
    expect: 200,
  },
  {
    name: '402 challenge, stub wallet',
    target: 0.6,
    proxy: stub,
    next: () => unpaid,
    baseline: () => unpaid,
    expect: 402,
  },
  { name: '402 challenge, dev wallet', target: 0, proxy: dev, next: () => unpaid, baseline: () => unpaid, expect: 402 },
  { name: 'first redemption', target: 0.3, proxy: stub, next: freshRequest, baseline: () => unpaid, expect: 200 },
  { name: 'replay', target: 0.6, proxy: stub, next: usedRequest, baseline: () => unpaid, expect: 200 },
]
const freeGet = get('/free')
const unpaid = post('/paid')

async function measure(proxy: Child, connections: number, next: () => Buffer | undefined, expected: number) {
  const cpuBefore = await proxy.cpuMs()
  const result = await load({ port: proxy.port, connections, durationMs, next })
  const cpuUs = (((await proxy.cpuMs()) - cpuBefore) * 1000) / result.requests
  const wrong = Object.entries(result.statuses).filter(([status]) => Number(status) !== expected)
  if (wrong.length > 0) throw new Error(`unexpected answers: ${JSON.stringify(result.statuses)}`)
  return { ...result, cpuUs }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

type Rate = Pick<LoadResult, 'perSecond'>
const ratio = (ours: readonly Rate[], theirs: readonly Rate[]): number =>
  median(ours.map((each, index) => each.perSecond / (theirs[index]?.perSecond ?? Number.NaN)))

async function compare(
  { name, proxy, next, baseline: plain, expect, target }: Scenario,
  connections: number,
): Promise<Row> {
  const ours: (LoadResult & { cpuUs: number })[] = []
  const bares: (LoadResult & { cpuUs: number })[] = []
  const directs: (LoadResult & { cpuUs: number })[] = []
  process.stderr.write(`${name}, ${connections} ${connections === 1 ? 'connection' : 'connections'}\n`)
  for (let round = -1; round < rounds; round++) {
    if (name === 'first redemption')
      for (let made = tokens.length; made < 12_000; made++) tokens.push(post('/paid', newToken()))
    const a = await measure(bare, connections, plain, 200)
    const c = await measure(direct, connections, plain, 200)
    const b = await measure(proxy, connections, next, expect)
    // The first round warms both up.
    if (round >= 0) {
      bares.push(a)
      directs.push(c)
      ours.push(b)
    }
  }
  const of = (list: typeof ours, key: 'perSecond' | 'p50Ms' | 'p99Ms' | 'cpuUs') =>
    median(list.map((each) => each[key]))
  return {
    scenario: name,
    connections,
    perSecond: of(ours, 'perSecond'),
    barePerSecond: of(bares, 'perSecond'),
    directPerSecond: of(directs, 'perSecond'),
    ratio: ratio(ours, bares),
    ratioToDirect: ratio(ours, directs),
    target,
    p50Ms: of(ours, 'p50Ms'),
    p99Ms: of(ours, 'p99Ms'),
    bareP50Ms: of(bares, 'p50Ms'),
    bareP99Ms: of(bares, 'p99Ms'),
    cpuUs: of(ours, 'cpuUs'),
    bareCpuUs: of(bares, 'cpuUs'),
    directCpuUs: of(directs, 'cpuUs'),
  }
}

const rows: Row[] = []
try {
  for (const scenario of scenarios.filter(
    ({ name }) => only === undefined || name.includes(only) || (only === 'replay' && name.startsWith('first')),
  )) {
    for (const connections of [1, 32]) rows.push(await compare(scenario, connections))
  }
} finally {
  await Promise.all([upstream, bare, direct, stub, dev].map((child) => child.stop()))
  for (const dir of dataDirs) rmSync(dir, { recursive: true, force: true })
}

const columns = [
  'scenario',
  'conns',
  'req/s',
  'bare',
  'direct',
  '÷ bare',
  'target',
  '÷ direct',
  'p50 ms',
  'bare',
  'p99 ms',
  'bare',
  'CPU µs',
  'bare',
  'direct',
]
const cells = rows.map((row) => [
  row.scenario,
  String(row.connections),
  row.perSecond.toFixed(0),
  row.barePerSecond.toFixed(0),
  row.directPerSecond.toFixed(0),
  row.ratio.toFixed(2),
  row.target === 0 ? '–' : row.target.toFixed(2),
  row.ratioToDirect.toFixed(2),
  row.p50Ms.toFixed(2),
  row.bareP50Ms.toFixed(2),
  row.p99Ms.toFixed(2),
  row.bareP99Ms.toFixed(2),
  row.cpuUs.toFixed(0),
  row.bareCpuUs.toFixed(0),
  row.directCpuUs.toFixed(0),
])
const widths = columns.map((title, index) => Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)))
const line = (row: readonly string[]) =>
  row
    .map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
    .join('  ')
const where = `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.versions.node}, ${canPin ? 'proxies on core 0, upstream and load on core 1' : 'cores not pinned'}`
console.log([where, `median of ${rounds} rounds of ${durationMs} ms`, '', line(columns), ...cells.map(line)].join('\n'))
mkdirSync(new URL('results/', import.meta.url), { recursive: true })
writeFileSync(
  new URL('results/latest.json', import.meta.url),
  `${JSON.stringify({ where, rounds, durationMs, rows }, undefined, 2)}\n`,
)
