import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, canPin, pin, startChild } from './child.ts'
import { load } from './load.ts'
import { post } from './requests.ts'

/**
 * The third part of `npm run bench`: services that charge on delivery. Challenges a second, what an open offer takes in
 * memory, and how long after a payment the upstream begins, beside the same service sold upfront.
 */
const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const durationMs = Number(process.env.BENCH_MS ?? 1500)
const offers = Number(process.env.BENCH_OFFERS ?? 5000)
const purchases = Number(process.env.BENCH_PURCHASES ?? 200)
const [measuredCore, otherCore] = [0, 1]
const body = { prompt: 'A cat walking on the surface of the moon', duration: 5 }

interface Upstream extends AsyncDisposable {
  readonly origin: string
  /** When the last call came, on this process's clock. */
  calledAt: number
}

if (canPin) pin(process.pid, otherCore)
const dataDirs: string[] = []
const rows: Record<string, string | number>[] = []
const upstream = await openUpstream()
try {
  for (const wallet of ['stub', 'dev'] as const) await challenges(wallet)
  for (const wallet of ['stub', 'dev'] as const) await memory(wallet)
  for (const open of [0, 1000]) await latency(open)
} finally {
  await upstream[Symbol.asyncDispose]()
  for (const dir of dataDirs) rmSync(dir, { recursive: true, force: true })
}

const where = `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.versions.node}`
console.log(`\nCharged on delivery; ${where}, median of ${rounds} rounds of ${durationMs} ms`)
console.table(rows)
mkdirSync(new URL('results/', import.meta.url), { recursive: true })
writeFileSync(
  new URL('results/holding.json', import.meta.url),
  `${JSON.stringify({ where, rounds, durationMs, offers, purchases, rows }, undefined, 2)}\n`,
)

async function openUpstream(): Promise<Upstream> {
  const server = createServer((incoming, outgoing) => {
    upstream.calledAt = performance.now()
    incoming.resume().on('end', () => outgoing.end('made'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calledAt: Number.NaN,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function openGateway(wallet: 'stub' | 'dev'): Promise<Child> {
  const dataDir = mkdtempSync(join(tmpdir(), 'turnpike-bench-'))
  dataDirs.push(dataDir)
  return await startChild('gateway.ts', [upstream.origin, dataDir, wallet, 'holds'], measuredCore)
}

/** Each is an offer written down and an invoice signed; upfront it is neither. */
async function challenges(wallet: 'stub' | 'dev'): Promise<void> {
  const gateway = await openGateway(wallet)
  try {
    for (const connections of [1, 32]) {
      const perSecond: Record<string, number[]> = { '/held': [], '/paid': [] }
      const p99Ms: number[] = []
      for (let round = -1; round < rounds; round++) {
        for (const path of ['/paid', '/held']) {
          const result = await load({ port: gateway.port, connections, durationMs, next: () => post(path) })
          if (Object.keys(result.statuses).join() !== '402') throw new Error(JSON.stringify(result.statuses))
          // The first round warms both up.
          if (round < 0) continue
          perSecond[path]?.push(result.perSecond)
          if (path === '/held') p99Ms.push(result.p99Ms)
        }
      }
      const figures = { held: median(perSecond['/held']), upfront: median(perSecond['/paid']), 'p99 ms': median(p99Ms) }
      rows.push(row(`challenges a second, ${wallet} wallet, ${connections} at once`, figures))
    }
  } finally {
    await gateway.stop()
  }
}

async function memory(wallet: 'stub' | 'dev'): Promise<void> {
  const gateway = await openGateway(wallet)
  try {
    // What the first requests load and keep is not an offer's.
    await openOffers(gateway, 500)
    const before = await gateway.memory()
    await openOffers(gateway, offers)
    const after = await gateway.memory()
    const figures = {
      'heap KiB': (after.heapBytes - before.heapBytes) / offers / 1024,
      'all KiB': (after.rssBytes - before.rssBytes) / offers / 1024,
    }
    rows.push(row(`memory of an open offer, ${wallet} wallet, ${offers} open`, figures))
  } finally {
    await gateway.stop()
  }
}

async function openOffers(gateway: Child, count: number): Promise<void> {
  let left = count
  const next = () => (left-- > 0 ? post('/held') : undefined)
  await load({ port: gateway.port, connections: 32, durationMs: 600_000, next })
}

/** From the payment being sent to the upstream's call: of a held payment, and of a paid request. */
async function latency(open: number): Promise<void> {
  const gateway = await openGateway('dev')
  try {
    await openOffers(gateway, open)
    const held: number[] = []
    const upfront: number[] = []
    for (let index = 0; index < purchases; index++) {
      const offer = await challenge(gateway, '/held')
      const lockedAt = performance.now()
      await pay(gateway, offer.invoice)
      held.push(upstream.calledAt - lockedAt)

      const sale = await challenge(gateway, '/paid')
      const authorization = `L402 ${sale.token}:${await pay(gateway, sale.invoice)}`
      const sentAt = performance.now()
      await (await ask(`http://127.0.0.1:${gateway.port}/paid`, body, { authorization })).text()
      upfront.push(upstream.calledAt - sentAt)
    }
    const figures = {
      'held ms': median(held),
      'held p99 ms': at(held, 0.99),
      'upfront ms': median(upfront),
      'added ms': median(held) - median(upfront),
    }
    rows.push(row(`payment to upstream start, dev wallet, ${open} offers open`, figures))
  } finally {
    await gateway.stop()
  }
}

async function challenge(gateway: Child, path: string): Promise<{ readonly token: string; readonly invoice: string }> {
  const response = await ask(`http://127.0.0.1:${gateway.port}${path}`, body)
  if (response.status !== 402) throw new Error(`no challenge but ${response.status}: ${await response.text()}`)
  return (await response.json()) as { token: string; invoice: string }
}

async function pay(gateway: Child, invoice: string): Promise<string> {
  const response = await ask(`http://127.0.0.1:${gateway.adminPort}/dev/pay`, { invoice })
  if (!response.ok) throw new Error(`not paid: ${await response.text()}`)
  return ((await response.json()) as { preimage: string }).preimage
}

function ask(url: string, value: object, headers: Record<string, string> = {}): Promise<Response> {
  const json = { 'content-type': 'application/json' }
  return fetch(url, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(value) })
}

function at(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN
}

function median(values: readonly number[] | undefined): number {
  return at(values ?? [], 0.5)
}

function row(what: string, figures: Readonly<Record<string, number>>): Record<string, string | number> {
  return { what, ...Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, +value.toFixed(2)])) }
}
