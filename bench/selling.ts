import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { bakedRights, bakeMacaroon } from '../test/support/wallets/lnd-macaroon.ts'
import { canPin, pin, startChild } from './child.ts'
import { load } from './load.ts'
import { post } from './requests.ts'

/**
 * The second part of `npm run bench`: 402 challenges sold through lnd, beside a loop that does nothing but ask the same
 * lnd for invoices with the same client library. Both on one core, taking turns; lnd and the load on the other.
 */
const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const durationMs = Number(process.env.BENCH_MS ?? 1500)
const [measuredCore, otherCore] = [0, 1]
const msat = '2250000'
const targets = { ratio: 0.4, tail: 10 }

if (canPin) pin(process.pid, otherCore)
const dataDir = mkdtempSync(join(tmpdir(), 'turnpike-bench-'))
const macaroon = bakeMacaroon(bakedRights)
const lnd = await startChild('fake-lnd.ts', [macaroon, msat], otherCore)
const loop = await startChild('invoice-loop.ts', [String(lnd.port), macaroon, msat], measuredCore)
const gateway = await startChild(
  'gateway.ts',
  ['http://127.0.0.1:9', dataDir, `lnd:${lnd.port}:${macaroon}`],
  measuredCore,
)

interface Measured {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU time of a request or call, all threads. */
  readonly cpuUs: number
}

const unpaid = post('/paid')
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const ledgerBytes = (): number => statSync(join(dataDir, 'ledger.sqlite-wal')).size

const rows: Record<string, number>[] = []
try {
  for (const atOnce of (process.env.BENCH_AT_ONCE ?? '1,16,32').split(',').map(Number)) {
    const pairs: { ours: Measured; bare: Measured }[] = []
    const bytesBefore = ledgerBytes()
    for (let round = -1; round < rounds; round++) {
      const bare = (await loop.ask({ atOnce, durationMs })) as Measured
      const cpuBefore = await gateway.cpuMs()
      const result = await load({ port: gateway.port, connections: atOnce, durationMs, next: () => unpaid })
      const { statuses, requests } = result
      if (Object.keys(statuses).join() !== '402') throw new Error(`answers: ${JSON.stringify(statuses)}`)
      const ours = { ...result, cpuUs: (((await gateway.cpuMs()) - cpuBefore) * 1000) / requests }
      // The first round warms both up.
      if (round >= 0) pairs.push({ ours, bare })
    }
    rows.push({
      atOnce,
      perSecond: median(pairs.map(({ ours }) => ours.perSecond)),
      barePerSecond: median(pairs.map(({ bare }) => bare.perSecond)),
      ratio: median(pairs.map(({ ours, bare }) => ours.perSecond / bare.perSecond)),
      p50Ms: median(pairs.map(({ ours }) => ours.p50Ms)),
      p99Ms: median(pairs.map(({ ours }) => ours.p99Ms)),
      tail: median(pairs.map(({ ours }) => ours.p99Ms / ours.p50Ms)),
      bareP50Ms: median(pairs.map(({ bare }) => bare.p50Ms)),
      bareP99Ms: median(pairs.map(({ bare }) => bare.p99Ms)),
      cpuUs: median(pairs.map(({ ours }) => ours.cpuUs)),
      bareCpuUs: median(pairs.map(({ bare }) => bare.cpuUs)),
      challenges: pairs.reduce((sum, { ours }) => sum + ours.requests, 0),
      ledgerBytesWritten: ledgerBytes() - bytesBefore,
    })
  }
} finally {
  await Promise.all([gateway, loop, lnd].map((child) => child.stop()))
  rmSync(dataDir, { recursive: true, force: true })
}

console.log(
  `\n402 challenges through lnd beside addInvoice alone; ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.versions.node}, median of ${rounds} rounds of ${durationMs} ms`,
)
console.log(
  `targets: ratio at least ${targets.ratio}, p99 at most ${targets.tail} times p50, nothing written per challenge`,
)
console.table(
  rows.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, +value.toFixed(2)]))),
)
mkdirSync(new URL('results/', import.meta.url), { recursive: true })
writeFileSync(
  new URL('results/selling.json', import.meta.url),
  `${JSON.stringify({ rounds, durationMs, rows }, undefined, 2)}\n`,
)
