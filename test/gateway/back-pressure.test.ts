import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { drained, finished } from '#src/gateway/back-pressure.ts'

const MiB = 2 ** 20

/** A connection on which an answer of many bytes begins, and both ends of it. */
async function begin(): Promise<AsyncDisposable & { client: Socket; outgoing: ServerResponse }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => undefined)
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  client.pause()
  const [, outgoing] = (await once(server, 'request')) as [unknown, ServerResponse]
  return {
    client,
    outgoing,
    async [Symbol.asyncDispose]() {
      client.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('a client that takes nothing is gone after a while, and what waited for it is let go', async () => {
  await using pair = await begin()
  const { outgoing } = pair
  expect(outgoing.write(Buffer.alloc(16 * MiB))).toBe(false)
  const begun = performance.now()
  await drained(outgoing, 300)
  expect(outgoing.destroyed).toBe(true)
  expect(performance.now() - begun).toBeGreaterThan(250)
  expect(performance.now() - begun).toBeLessThan(5_000)
})

test('nor does its end wait for ever', async () => {
  await using pair = await begin()
  const { outgoing } = pair
  outgoing.end(Buffer.alloc(16 * MiB))
  expect(await finished(outgoing, 300)).toBe(false)
})

test('a client that takes little by little is waited for, and later its connection is not cut', async () => {
  await using pair = await begin()
  const { client, outgoing } = pair
  outgoing.write(Buffer.alloc(16 * MiB))
  let taken = 0
  const timer = setInterval(() => {
    const piece = client.read() as Buffer | null
    taken += piece?.length ?? 0
  }, 40)
  const begun = performance.now()
  await drained(outgoing, 1_500)
  expect(outgoing.destroyed).toBe(false)
  expect(performance.now() - begun).toBeGreaterThan(2_500)
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  expect(outgoing.destroyed).toBe(false)
  outgoing.end()
  expect(await finished(outgoing, 1_500)).toBe(true)
  clearInterval(timer)
  expect(taken).toBeGreaterThan(8 * MiB)
})
