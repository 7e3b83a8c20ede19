import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Arena } from './arena.ts'
import { type Purchase, pay } from './buyer.ts'

/**
 * Pays once, and then asks for the result over so many connections at once: every request stands ready on its
 * connection but for its last byte, and all last bytes are sent together.
 */
export async function stampede(arena: Arena, purchase: Purchase, connections: number): Promise<void> {
  await pay(purchase, arena)
  const { payment, work, kind, steps } = purchase
  const { hostname, port } = new URL(arena.url)
  const body = JSON.stringify(work)
  const bytes = [
    `POST /${kind} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    `Authorization: L402 ${payment?.token}:${payment?.preimage}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')
  const sockets = await Promise.all(Array.from({ length: connections }, () => ready(hostname, Number(port), bytes)))
  const answers = sockets.map((socket) => answerOn(socket))
  for (const socket of sockets) socket.write(bytes.slice(-1))
  steps.push(...(await Promise.all(answers)))
  purchase.outcome = steps.some(({ paid, status }) => paid && status === 200) ? 'delivered' : 'lost'
}

function ready(host: string, port: number, bytes: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true }, () => socket.write(bytes.slice(0, -1), () => resolve(socket)))
    socket.once('error', reject)
  })
}

async function answerOn(socket: Socket): Promise<Purchase['steps'][number]> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const all = Buffer.concat(chunks)
  const end = all.indexOf('\r\n\r\n')
  const head = all.subarray(0, end).toString()
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]
  const content = all.subarray(end + 4)
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
  return {
    paid: true,
    status: Number.isNaN(status) ? undefined : status,
    code: /"code":"(\w+)"/.exec(content.toString())?.[1],
    money: field('l402-payment'),
    complete: field('content-length') === String(content.length),
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  }
}
