import { createCipheriv, hash, randomBytes } from 'node:crypto'
import { appendFileSync, existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import Database from 'better-sqlite3'
import type { Begun, LogLine, Work } from './execution-log.ts'

/**
 * A service that makes another result with every call, in a process of its own. It writes every execution down before
 * it works, together with what the gateway's ledger and wallet say at that moment about the payment it works for.
 *
 * Arguments: port, directory of the log and of the gates, data directory of the gateway.
 */

const [port = '0', directory = '.', dataDir = '.'] = process.argv.slice(2)
const binaryBytes = 30 * 2 ** 20

const write = (line: LogLine): void => appendFileSync(join(directory, 'executions.jsonl'), `${JSON.stringify(line)}\n`)

/** What others can see of the payment now. */
function witness(paymentHash: string): Pick<Begun, 'row' | 'paidMsat' | 'held'> {
  let row: Begun['row'] = 'none'
  let paidMsat: number | undefined
  let held: Begun['held']
  try {
    // What the wallet does follows what the ledger says, so the ledger is read last: it cannot be behind the wallet.
    using holds = opened('dev-wallet-holds.sqlite')
    held = holds.database
      .prepare('SELECT state, amount_msat AS amountMsat FROM hold WHERE payment_hash = ?')
      .get(paymentHash) as Begun['held']
    using wallet = opened('dev-wallet.sqlite')
    paidMsat = wallet.database
      .prepare('SELECT amount_msat FROM payment WHERE payment_hash = ?')
      .pluck()
      .get(paymentHash) as number | undefined
    using ledger = opened('ledger.sqlite')
    row = (ledger.database
      .prepare(
        'SELECT j.state, j.epoch, p.state AS payment FROM job j JOIN payment p ON p.number = j.number WHERE p.hash = ?',
      )
      .get(Buffer.from(paymentHash, 'hex')) ?? 'none') as Begun['row']
  } catch (thrown) {
    row = `unreadable: ${String(thrown)}`
  }
  return { row, paidMsat, held }
}

function opened(name: string): Disposable & { database: Database.Database } {
  const database = new Database(join(dataDir, name), { readonly: true, timeout: 2_000 })
  return { database, [Symbol.dispose]: () => void database.close() }
}

/** The whole result of an execution, in the pieces it is sent in. */
function make(path: string, id: string, work: Work): { readonly type: string; readonly pieces: Buffer[] } {
  if (path === '/sse') {
    const count = 12
    const events = Array.from({ length: count }, (_, index) => `data: {"id":"${id}","part":${index + 1}}\n\n`)
    return { type: 'text/event-stream', pieces: [...events, 'data: [DONE]\n\n'].map((event) => Buffer.from(event)) }
  }
  if (path === '/binary') {
    const cipher = createCipheriv('aes-128-ctr', Buffer.from(id, 'hex'), Buffer.alloc(16))
    const piece = Buffer.alloc(2 ** 20)
    const pieces = Array.from({ length: binaryBytes / piece.length }, () => cipher.update(piece))
    return { type: 'image/png', pieces }
  }
  return {
    type: 'application/json',
    pieces: [Buffer.from(JSON.stringify({ id, units: work.units, secret: `${work.note} made` }))],
  }
}

const runs = new Map<string, number>()

const beatMs = 20
let beatAt = performance.now()
let awakeSince = beatAt
setInterval(() => {
  const now = performance.now()
  if (now - beatAt > 5 * beatMs) awakeSince = now
  beatAt = now
}, beatMs).unref()

/** Whether the caller of a request that was read after this process stood still has gone meanwhile. */
async function isOrphan({ socket }: IncomingMessage): Promise<boolean> {
  const now = performance.now()
  if (now - beatAt > 5 * beatMs || now - awakeSince < 500) await passed(5)
  return socket.destroyed || socket.readableEnded
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const body = JSON.parse(Buffer.concat(chunks).toString()) as Work
  const key = String(incoming.headers['idempotency-key'] ?? '')
  const paymentHash = key.slice(0, 64)
  const run = (runs.get(paymentHash) ?? 0) + 1
  runs.set(paymentHash, run)
  const id = randomBytes(16).toString('hex')
  const path = incoming.url ?? ''
  const { type, pieces } = make(path, id, body)
  const sha256 = hash('sha256', Buffer.concat(pieces), 'hex')
  const names = Object.keys(incoming.headers).join(' ')
  const orphan = await isOrphan(incoming)
  write({ kind: 'begun', id, path, key, paymentHash, run, body, names, sha256, orphan, ...witness(paymentHash) })
  if (body.hold !== undefined) while (!existsSync(join(directory, `${body.hold}-${run}`))) await passed(5)
  if (body.lateMs !== undefined) await passed(body.lateMs)
  if (body.refused) {
    write({ kind: 'refused', id, paymentHash })
    outgoing.writeHead(422, { 'content-type': 'application/json' }).end('{"refused":true}')
    return
  }
  const failing = body.failures !== undefined && run <= body.failures
  if (failing && !body.breaks) {
    write({ kind: 'failed', id, paymentHash })
    outgoing.writeHead(500).end('broken')
    return
  }
  outgoing.writeHead(200, {
    'content-type': type,
    ...(path === '/binary' && { 'content-length': String(binaryBytes) }),
  })
  for (const [index, piece] of pieces.entries()) {
    if (failing && index >= pieces.length * 0.95 - 1) {
      write({ kind: 'failed', id, paymentHash })
      outgoing.destroy()
      return
    }
    if (body.paceMs !== undefined && body.paceMs > 0) await passed(body.paceMs)
    if (outgoing.destroyed) break
    if (!outgoing.write(piece)) await new Promise((resolve) => outgoing.once('drain', resolve).once('close', resolve))
  }
  outgoing.end(() => write({ kind: 'ended', id, paymentHash }))
}

const server = createServer((incoming, outgoing) => {
  answer(incoming, outgoing).catch((thrown: unknown) => {
    write({ kind: 'trouble', what: String(thrown) })
    outgoing.destroy()
  })
})
server.listen(Number(port), '127.0.0.1', () => console.error('the sample service listens'))
