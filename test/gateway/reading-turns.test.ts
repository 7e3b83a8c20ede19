import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ReadingTurns } from '#src/gateway/request/reading-turns.ts'

const MiB = 2 ** 20

class FakeBody {
  isPaused = false
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }
}

const bodies = (count: number) => Array.from({ length: count }, () => new FakeBody())
const read = (turns: ReadingTurns, body: FakeBody, bytes: number, soFar = MiB) =>
  turns.read(body as unknown as IncomingMessage, bytes, soFar)
const paused = (all: readonly FakeBody[]) => all.map(({ isPaused }) => isPaused)

test('what is read in one turn is bounded; who waits for longest is next, and who has left is not resumed', async () => {
  const turns = new ReadingTurns()
  const all = bodies(40)
  read(turns, new FakeBody(), MiB / 4)
  for (const body of all) read(turns, body, 1)
  expect(paused(all)).toEqual(all.map(() => true))
  turns.leave(all[1] as unknown as IncomingMessage)
  await nextTurn()
  expect(paused(all)).toEqual(all.map((_, at) => at === 1 || at > 4))
  await nextTurn()
  expect(paused(all)).toEqual(all.map((_, at) => at === 1 || at > 8))
  for (let turn = 0; turn < 8; turn++) await nextTurn()
  expect(paused(all)).toEqual(all.map((_, at) => at === 1))
})

test('small bodies never wait, however many large ones do', async () => {
  const turns = new ReadingTurns()
  const large = bodies(200)
  for (const body of large) read(turns, body, 64 * 1024)
  for (let turn = 0; turn < 20; turn++) {
    const small = bodies(10)
    for (const body of small) read(turns, body, 64 * 1024, 64 * 1024)
    expect(paused(small)).toEqual(small.map(() => false))
    expect(paused(large)).toContain(true)
    await nextTurn()
  }
})

test('many large bodies over real connections all come whole', async () => {
  const turns = new ReadingTurns()
  const server = createServer((incoming, outgoing) => {
    let size = 0
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      turns.read(incoming, chunk.length, size)
    })
    incoming.once('end', () => {
      turns.leave(incoming)
      outgoing.end(String(size))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const body = Buffer.alloc(2 * MiB)
  const send = async (): Promise<string> => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST' }).end(body)
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    return String(await answer.setEncoding('utf8').toArray())
  }
  const sizes = await Promise.all(Array.from({ length: 30 }, send))
  expect(new Set(sizes)).toEqual(new Set([String(body.length)]))
  server.close()
})
