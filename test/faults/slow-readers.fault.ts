import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as passed } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Arena } from './arena/arena.ts'
import { buy } from './arena/buyer.ts'
import { check } from './arena/checker.ts'
import { note } from './summary.ts'

const readers = 200
const resultMiB = 30

/** Resident memory of a process, MiB. */
function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}

/** Asks, takes the beginning of the answer, and then no more. */
async function beginReading(url: string, authorization: string, body: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.write(
    `POST /binary HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  )
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('readable', resolve)
  })
  return socket
}

async function readOn(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  const all = Buffer.concat(chunks)
  return createHash('sha256')
    .update(all.subarray(all.indexOf('\r\n\r\n') + 4))
    .digest('hex')
}

test.runIf(process.platform === 'linux')(
  `${readers} readers who stop reading a result of ${resultMiB} MiB cost memory by the piece, not by the result`,
  async () => {
    await using arena = await Arena.open()
    const purchase = arena.want('binary')
    await buy(purchase, arena)
    const { pid } = arena.gateway
    const beforeMiB = residentMiB(pid)
    const authorization = `L402 ${purchase.payment?.token}:${purchase.payment?.preimage}`
    const body = JSON.stringify(purchase.work)
    const sockets: Socket[] = []
    let peakMiB = beforeMiB
    for (let from = 0; from < readers; from += 20) {
      const more = Array.from({ length: 20 }, () => beginReading(arena.url, authorization, body))
      sockets.push(...(await Promise.all(more)))
      peakMiB = Math.max(peakMiB, residentMiB(pid))
    }
    for (let times = 0; times < 20; times++) {
      await passed(100)
      peakMiB = Math.max(peakMiB, residentMiB(pid))
    }
    note('slow readers', readers)
    note('slow readers: resident memory before, MiB', Math.round(beforeMiB), 'max')
    note('slow readers: highest resident memory, MiB', Math.round(peakMiB), 'max')
    // All of it in memory would be 6000 MiB.
    expect(peakMiB - beforeMiB).toBeLessThan(readers * 4)
    // Who reads on has all of it, whatever became of the others.
    const patient = sockets.splice(0, 3)
    for (const socket of sockets) socket.destroy()
    const delivered = purchase.steps.at(-1)?.sha256
    for (const socket of patient) expect(await readOn(socket)).toBe(delivered)
    const { violations, executions } = await check(arena)
    expect([executions, violations]).toEqual([1, []])
    note('violations', violations.length)
  },
)
