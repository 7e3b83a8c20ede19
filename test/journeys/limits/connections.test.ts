import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { type Listener, type ListenOptions, listen } from '#src/cli/listen.ts'
import { mostConnections, mostOpenFiles } from '#src/cli/most-connections.ts'
import { addressMatcher, canonicalAddress } from '#src/config/address-range.ts'
import { Connections } from '#src/gateway/limits/connections.ts'
import { makeGate } from '../../support/answers.ts'
import { buyFrom, send } from '../../support/buyer.ts'
import { openGateway } from '../../support/gateway.ts'
import { metric } from '../../support/guards.ts'
import { aRequest, makeShop } from '../../support/shop.ts'
import { openUpstream } from '../../support/upstream.ts'
import { authorities } from '../../support/wallets/tls-files.ts'

/** Addresses of this machine that stand for clients elsewhere. */
const [here, neighbour, elsewhere, proxy] = ['127.0.5.1', '127.0.5.200', '127.0.6.1', '127.0.9.1']
const waitedEnoughMs = 1_100

/** A listener that answers `/slow` when the gate is opened. */
async function open(most: { all?: number; client?: number | undefined }, more: Partial<ListenOptions> = {}) {
  const gate = makeGate()
  const closed: string[] = []
  const rules = {
    addresses: { canonical: canonicalAddress, isProxy: addressMatcher([`${proxy}/32`]) },
    connections: most.all ?? 100,
    connectionsPerClient: 'client' in most ? most.client : 3,
  }
  const connections = new Connections({
    rules: () => rules,
    onClosed: (limit, which) => void closed.push(`${limit} ${which}`),
    isOwn: ({ remoteAddress }) => remoteAddress === '127.0.0.1',
  })
  const listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    async fetch({ url }) {
      if (url.endsWith('/slow')) await gate.opened
      return new Response('served')
    },
    connections,
    ...more,
  })
  return {
    listener,
    connections,
    gate,
    closed,
    rules,
    async [Symbol.asyncDispose]() {
      gate.open()
      await listener[Symbol.asyncDispose]()
    },
  }
}

interface Visitor {
  readonly socket: Socket
  readonly received: () => string
}

async function come({ address }: Listener, localAddress: string): Promise<Visitor> {
  const socket = connect({ host: address.host, port: address.port, localAddress })
  let text = ''
  socket.on('error', () => undefined).on('data', (data) => (text += data.toString('latin1')))
  await once(socket, 'connect')
  return { socket, received: () => text }
}

const ask = (socket: Socket, path = '/'): boolean => socket.write(`GET ${path} HTTP/1.1\r\nHost: here\r\n\r\n`)
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await delay(5)
}
const isServed = ({ received }: Visitor) => until(() => /^HTTP\/1.1 200 .*served/s.test(received()))
const isClosed = async ({ socket, received }: Visitor) => {
  await until(() => socket.closed)
  expect(received()).toBe('')
}

describe.concurrent('the connections of one client', () => {
  test('beyond the limit are closed before anything is read, and others are served', async () => {
    await using shop = await open({ client: 3 })
    const { listener, closed, gate } = shop
    const visitors = await Promise.all([here, here, neighbour].map((address) => come(listener, address)))
    for (const { socket } of visitors) ask(socket, '/slow')
    await until(() => shop.connections.size === 3)
    await delay(waitedEnoughMs)
    const more = await Promise.all([come(listener, here), come(listener, neighbour)])
    for (const { socket } of more) ask(socket)
    await Promise.all(more.map(isClosed))
    expect(closed).toEqual(['client new', 'client new'])
    const other = await come(listener, elsewhere)
    ask(other.socket)
    await isServed(other)
    gate.open()
    await Promise.all(visitors.map(isServed))
    visitors[0]?.socket.destroy()
    await until(() => shop.connections.size === 3)
    const next = await come(listener, here)
    ask(next.socket)
    await isServed(next)
  })

  test('make room for a new one when they wait for a request, the one that waits for longest first', async () => {
    await using shop = await open({ client: 3 })
    const { listener, closed } = shop
    const dawdler = await come(listener, here)
    dawdler.socket.write('GET / HTTP/1.1\r\n')
    const [working, idle] = [await come(listener, here), await come(listener, here)]
    ask(working.socket, '/slow')
    ask(idle.socket)
    await isServed(idle)
    const early = await come(listener, here)
    await isClosed(early)
    await delay(waitedEnoughMs)
    const late = await come(listener, here)
    ask(late.socket)
    await isServed(late)
    expect([dawdler.socket.closed, idle.socket.closed, working.socket.closed]).toEqual([true, false, false])
    const later = await come(listener, here)
    ask(later.socket)
    await isServed(later)
    expect([idle.socket.closed, working.socket.closed, late.socket.closed]).toEqual([true, false, false])
    shop.gate.open()
    await isServed(working)
    expect(closed).toEqual(['client new', 'client waiting', 'client waiting'])
  })

  test('are not limited for a trusted proxy, nor for this machine, nor where the limit is off', async () => {
    await using shop = await open({ client: 2 })
    await using free = await open({ client: undefined })
    const visitors = await Promise.all([
      ...[proxy, proxy, proxy, proxy, '127.0.0.1', '127.0.0.1', '127.0.0.1'].map((from) => come(shop.listener, from)),
      ...[here, here, here, here].map((from) => come(free.listener, from)),
    ])
    for (const { socket } of visitors) ask(socket)
    await Promise.all(visitors.map(isServed))
    expect([shop.closed, free.closed, shop.connections.clients]).toEqual([[], [], 0])
  })

  test('over TLS are closed before the handshake, and counted until they end', async () => {
    const directory = join(import.meta.dirname, '../../support/wallets/tls')
    const tls = { certFile: join(directory, 'server.pem'), keyFile: join(directory, 'server-key.pem') }
    await using shop = await open({ client: 2 }, { tls })
    const { listener, connections } = shop
    const secure = async () => {
      const socket = await come(listener, here)
      const over = connectTls({ socket: socket.socket, servername: 'localhost', ca: authorities().right })
      let text = ''
      over.on('error', () => undefined).on('data', (data) => (text += data.toString()))
      await once(over, 'secureConnect')
      return { socket: over, received: () => text }
    }
    const [idle, working] = [await secure(), await secure()]
    ask(idle.socket)
    ask(working.socket, '/slow')
    await isServed(idle)
    const refused = await come(listener, here)
    connectTls({ socket: refused.socket, servername: 'localhost' }).on('error', () => undefined)
    await isClosed(refused)
    await delay(waitedEnoughMs)
    const next = await secure()
    ask(next.socket)
    await isServed(next)
    await until(() => idle.socket.closed)
    shop.gate.open()
    await isServed(working)
    next.socket.destroy()
    working.socket.destroy()
    await until(() => connections.size === 0)
    expect(connections.clients).toBe(0)
  })

  test('that were upgraded do not wait for a request', async () => {
    const upgraded: unknown[] = []
    const onUpgrade: ListenOptions['onUpgrade'] = (_incoming, socket) => void upgraded.push(socket)
    await using shop = await open({ client: 1 }, { onUpgrade })
    const live = await come(shop.listener, here)
    live.socket.write('GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    await until(() => upgraded.length === 1)
    await delay(waitedEnoughMs)
    await isClosed(await come(shop.listener, here))
    expect(live.socket.closed).toBe(false)
  })
})

test.concurrent('the connections of all clients have a limit too, which only those that wait make room under', async () => {
  await using shop = await open({ all: 4 })
  const { listener, closed } = shop
  const busy = [await come(listener, here), await come(listener, proxy), await come(listener, '127.0.0.1')]
  for (const { socket } of busy) ask(socket, '/slow')
  const idle = await come(listener, elsewhere)
  await until(() => shop.connections.size === 4)
  await isClosed(await come(listener, '127.0.7.1'))
  await delay(waitedEnoughMs)
  const next = await come(listener, '127.0.8.1')
  ask(next.socket, '/slow')
  await until(() => idle.socket.closed)
  await isClosed(await come(listener, '127.0.0.1'))
  shop.gate.open()
  await Promise.all([...busy, next].map(isServed))
  expect(closed).toEqual(['all new', 'all waiting', 'all new'])
})

test.concurrent('a gateway full of connections that send nothing sells all the same, and says so once', async () => {
  await using upstream = await openUpstream()
  const text = (connections: number) => `limits: { connections: ${connections} }\n${makeShop(upstream.url)}`
  await using gateway = await openGateway({ config: text(16) })
  const listener = { address: { host: '127.0.0.1', port: Number(new URL(gateway.url).port) } } as Listener
  using opened = new DisposableStack()
  const crowd = await Promise.all(Array.from({ length: 16 }, () => come(listener, here)))
  opened.defer(() => crowd.forEach(({ socket }) => void socket.destroy()))
  // Those that came first are not always accepted first.
  while ((await metric(gateway, 'turnpike_connections_open')) !== 16) await delay(5)
  await Promise.all([isClosed(await come(listener, here)), isClosed(await come(listener, elsewhere))])
  await delay(waitedEnoughMs)
  expect((await buyFrom(gateway, aRequest)).status).toBe(200)
  const gone = crowd.filter(({ socket }) => socket.closed).length
  expect(gone).toBeGreaterThan(0)
  const closed = (which: string) => metric(gateway, `turnpike_connections_closed_total{limit="all",which="${which}"}`)
  expect([await closed('new'), await closed('waiting')]).toEqual([2, gone])
  expect(await metric(gateway, 'turnpike_connections_open')).toBeGreaterThanOrEqual(16 - gone)
  expect(gateway.log.filter((line) => line.includes('"event":"connection_closed"'))).toHaveLength(1)
  // Taken over by a reload.
  const { context } = gateway.running
  const { limits } = context.config
  await context.adopt({ ...context.config, limits: { ...limits, connections: 20 } }, context.gateway.catalog())
  const more = await Promise.all(Array.from({ length: 3 }, () => come(listener, here)))
  await delay(50)
  expect(more.filter(({ socket }) => socket.closed)).toEqual([])
  for (const { socket } of [...crowd, ...more]) socket.destroy()
  expect((await send(gateway, aRequest)).status).toBe(402)
})

test('there are never more connections than half of the files that may be open', () => {
  expect(mostConnections(8192, undefined)).toBe(8192)
  expect(mostConnections(8192, 20_000)).toBe(8192)
  expect(mostConnections(8192, 1024)).toBe(384)
  expect(mostConnections(8192, 100)).toBe(16)
  expect(mostOpenFiles('/nowhere')).toBeUndefined()
  if (process.platform === 'linux') expect(mostOpenFiles()).toBeGreaterThan(0)
})
