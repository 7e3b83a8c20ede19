import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Listener, listen } from '#src/cli/listen.ts'
import { makeGate } from '../support/answers.ts'

const here = { host: '127.0.0.1', port: 0 }
const served = () => new Response('served')

const come = ({ address }: Listener, count: number): Socket[] =>
  Array.from({ length: count }, () => connect(address.port, address.host).on('error', () => undefined))

test.runIf(process.platform === 'linux')(
  'of a crowd that comes at once several are accepted in each turn',
  async () => {
    await using listener = await listen({ address: here, fetch: served })
    const turns: number[] = [0]
    listener.server.on('connection', () => turns.push((turns.pop() ?? 0) + 1))
    let isOver = false
    const turn = (): void => {
      if (isOver) return
      turns.push(0)
      setImmediate(turn)
    }
    const crowd = come(listener, 64)
    turn()
    await expect.poll(() => turns.reduce((sum, each) => sum + each, 0)).toBe(64)
    isOver = true
    for (const socket of crowd) socket.destroy()
    // One in each would be 64 turns, behind all of which one more has to wait.
    expect(turns.filter((each) => each > 0).length).toBeLessThan(40)
  },
)

describe('a port that another program has is refused', () => {
  const inUse = /is in use by another program/
  test.for([true, false])('also where that one would share it: %s', async (reusePort) => {
    const other = createServer()
    other.listen({ ...here, reusePort: reusePort && process.platform === 'linux' })
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    await expect(listen({ address: { ...here, port }, fetch: served })).rejects.toThrow(inUse)
    other.close()
  })

  test('and ours to others, until we leave it', async () => {
    const listener = await listen({ address: here, fetch: served })
    const { address } = listener
    await expect(listen({ address, fetch: served })).rejects.toThrow(inUse)
    const other = createServer()
    other.listen(address)
    const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('EADDRINUSE')
    await listener[Symbol.asyncDispose]()
    await using again = await listen({ address, fetch: served })
    expect(again.address).toEqual(address)
  })
})

test.for([1, 2, 3])('who drains waits for the last answer, on whichever socket it came: %i', async () => {
  const gates = Array.from({ length: 32 }, () => makeGate())
  let asked = 0
  const listener = await listen({
    address: here,
    async fetch() {
      await gates[asked++]?.opened
      return served()
    },
  })
  const answers = come(listener, gates.length).map(async (socket) => {
    socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n')
    let text = ''
    for await (const piece of socket) text += String(piece)
    return text
  })
  await expect.poll(() => asked).toBe(gates.length)
  let isDrained = false
  const draining = listener.drain().then(() => (isDrained = true))
  const last = gates.pop()
  for (const gate of gates) gate.open()
  await Promise.race([Promise.all(answers), new Promise((resolve) => setTimeout(resolve, 300))])
  expect(isDrained).toBe(false)
  last?.open()
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1.1 200 .*served/s)
  await draining
})

test('over TLS, who leaves before the handshake is gone at once, on whichever socket it came', async () => {
  const directory = join(import.meta.dirname, '../support/wallets/tls')
  const tls = { certFile: join(directory, 'server.pem'), keyFile: join(directory, 'server-key.pem') }
  await using listener = await listen({ address: here, fetch: served, tls })
  const probes = come(listener, 24)
  for (const probe of probes) probe.resume().end()
  await expect.poll(() => probes.filter(({ closed }) => !closed), { timeout: 5_000 }).toEqual([])
})
