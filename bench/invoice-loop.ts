import { randomBytes } from 'node:crypto'
import { authenticatedLndGrpc } from 'lightning'
import { lndTls } from '../test/support/wallets/lnd.ts'

/**
 * What selling through lnd is compared with: a loop that only asks it for invoices, through the same client library.
 * `node bench/invoice-loop.ts <port of lnd> <macaroon hex> <msat>`; each message `{ atOnce, durationMs }` is answered with
 * a result.
 */
const [port = '', macaroon = '', msat = '0'] = process.argv.slice(2)
const cert = Buffer.from(lndTls().cert).toString('hex')
const { lnd } = authenticatedLndGrpc({ cert, macaroon, socket: `localhost:${port}` })

interface Client {
  addInvoice(request: object, options: { deadline: number }, done: (error: Error | null) => void): void
}
const client = lnd.default as Client

const addInvoice = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = { value_msat: msat, memo: 'paid', expiry: '600', private: false, r_preimage: randomBytes(32) }
    client.addInvoice(request, { deadline: Date.now() + 10_000 }, (error) => (error ? reject(error) : resolve()))
  })

async function run({ atOnce, durationMs }: { atOnce: number; durationMs: number }) {
  const latencies: number[] = []
  const begun = performance.now()
  const cpuBefore = process.cpuUsage()
  const worker = async (): Promise<void> => {
    while (performance.now() - begun < durationMs) {
      const before = performance.now()
      await addInvoice()
      latencies.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
  const requests = latencies.length
  return { requests, perSecond: requests / seconds, p50Ms: at(0.5), p99Ms: at(0.99), cpuUs: (user + system) / requests }
}

process.on('message', (message: { atOnce: number; durationMs: number }) => {
  void run(message).then((result) => process.send?.(result))
})
process.on('disconnect', () => process.exit(0))
process.send?.({ port: 0 })
