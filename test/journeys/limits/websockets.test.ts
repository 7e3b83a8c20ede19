import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { buyFrom } from '../../support/buyer.ts'
import { behindProxy } from '../../support/crowd.ts'
import { openGateway, type TestGateway } from '../../support/gateway.ts'
import { metric } from '../../support/guards.ts'
import { aRequest, makeShop } from '../../support/shop.ts'
import { openUpstream } from '../../support/upstream.ts'
import { openEcho, rawWebSocket, refusedHandshake } from '../../support/websockets.ts'

const live = (upstream: string, more = '') =>
  `services: { GET /live: { name: live, upstream: "${upstream}", price: free, websocket: true${more} } }`
const as = (address: string) => `X-Forwarded-For: ${address}\r\n`
const openNow = (gateway: TestGateway) => metric(gateway, 'turnpike_websockets_open')
const accepted = '101 Switching Protocols'
const ping = Buffer.from([0x89, 0])
const MiB = 1024 * 1024

/** Answers handshakes, and hands over its ends. */
async function openServer(answer: (incoming: IncomingMessage, socket: Duplex) => void) {
  const sockets: Duplex[] = []
  const server = createServer((_incoming, outgoing) => outgoing.end('no WebSocket'))
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
    sockets.push(socket.on('error', () => undefined))
    answer(incoming, socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

const accept = (_incoming: IncomingMessage, socket: Duplex) =>
  void socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')

describe('WebSockets', () => {
  test('of one client are limited, behind a proxy too, and its neighbours elsewhere have theirs', async () => {
    await using upstream = await openEcho()
    const config = `${behindProxy}limits: { websockets_per_client: 3 }\n${live(upstream.url)}`
    await using gateway = await openGateway({ config })
    using opened = new DisposableStack()
    const come = (address: string) => opened.use(rawWebSocket(gateway, '/live', as(address)))
    const crowd = ['198.51.100.1', '198.51.100.2', '198.51.100.3'].map(come)
    await expect.poll(() => crowd.every(({ received }) => received().includes(accepted))).toBe(true)
    const [line, body, headers] = await refusedHandshake(gateway, '/live', as('198.51.100.4'))
    expect([line, JSON.parse(body)]).toEqual(['HTTP/1.1 429 rate_limited', { status: 429, code: 'rate_limited' }])
    expect(headers).toContain('retry-after: ')
    expect(upstream.handshakes).toHaveLength(3)
    const other = come('203.0.113.1')
    await expect.poll(other.received).toContain(accepted)
    expect(await metric(gateway, 'turnpike_limited_total{limit="websockets_per_client",service="live"}')).toBe(1)
    crowd[0]?.socket.destroy()
    await expect.poll(() => openNow(gateway)).toBe(3)
    const next = come('198.51.100.4')
    await expect.poll(next.received).toContain(accepted)
  })

  test('of all clients leave half of the connections to those who pay', async () => {
    await using upstream = await openEcho()
    await using maker = await openUpstream()
    const shop = makeShop(maker.url)
    const config = `limits: { connections: 16 }\n${shop.trimEnd()}\n  GET /live: { name: live, upstream: "${upstream.url}", price: free, websocket: true }\n`
    await using gateway = await openGateway({ config })
    using opened = new DisposableStack()
    const crowd = Array.from({ length: 8 }, () => opened.use(rawWebSocket(gateway, '/live')))
    await expect.poll(() => crowd.every(({ received }) => received().includes(accepted))).toBe(true)
    // Each is one of the connections, and none that waits.
    expect(await metric(gateway, 'turnpike_connections_open')).toBe(8)
    for (let more = 0; more < 12; more++) {
      const [line, body] = await refusedHandshake(gateway, '/live')
      expect([line, JSON.parse(body)]).toMatchObject(['HTTP/1.1 503 websockets_full', { code: 'websockets_full' }])
    }
    expect(upstream.handshakes).toHaveLength(8)
    expect((await buyFrom(gateway, aRequest)).status).toBe(200)
    expect(crowd.some(({ socket }) => socket.closed)).toBe(false)
  })

  test.for([
    [
      'is answered with a page',
      (_incoming: IncomingMessage, socket: Duplex) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno'),
    ],
    [
      'is answered with half a page',
      (_incoming: IncomingMessage, socket: Duplex) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nno'),
    ],
    [
      'is answered with a bill',
      (_incoming: IncomingMessage, socket: Duplex) => socket.end('HTTP/1.1 402 Pay\r\nContent-Length: 0\r\n\r\n'),
    ],
    ['is broken off', (_incoming: IncomingMessage, socket: Duplex) => socket.destroy()],
    ['is never answered', () => undefined],
    ['is answered with what is none', (_incoming: IncomingMessage, socket: Duplex) => socket.end('hello')],
    [
      'is closed by its upstream',
      (incoming: IncomingMessage, socket: Duplex) => (accept(incoming, socket), socket.end()),
    ],
  ] as const)('whose handshake %s keep no place, whatever their client does', async ([, answer]) => {
    using upstream = await openServer(answer)
    const timeout = ', timeout: { total: 1s, websocket_idle: 1s }'
    await using gateway = await openGateway({ config: live(upstream.url, timeout) })
    using client = rawWebSocket(gateway, '/live')
    await expect.poll(() => upstream.sockets.length).toBe(1)
    using opened = new DisposableStack()
    const drops = setInterval(() => client.socket.writable && client.socket.write('more, which nobody reads'), 200)
    opened.defer(() => clearInterval(drops))
    await expect.poll(() => openNow(gateway)).toBe(0)
    await expect.poll(() => metric(gateway, 'turnpike_connections_open')).toBe(0)
  })

  test('that are refused keep no connection, whatever their client does', async () => {
    await using gateway = await openGateway({ config: live('http://127.0.0.1:9') })
    using opened = new DisposableStack()
    const stays = Array.from({ length: 4 }, () => opened.use(rawWebSocket(gateway, '/nothing')))
    await expect.poll(() => stays.every(({ received }) => received().includes('404 not_found'))).toBe(true)
    const [leaves] = stays
    for (const { socket } of stays) socket.write('something that nobody reads')
    leaves?.socket.end()
    await expect.poll(() => metric(gateway, 'turnpike_connections_open')).toBe(0)
  })
})

describe('a WebSocket', () => {
  test('on which no byte goes either way is closed, and one on which some do is not', async () => {
    using upstream = await openServer(accept)
    const timeout = 'defaults: { timeout: { total: 100ms, websocket_idle: 700ms } }\n'
    await using gateway = await openGateway({ config: `${timeout}${live(upstream.url)}` })
    using opened = new DisposableStack()
    const come = async (count: number) => {
      const each = opened.use(rawWebSocket(gateway, '/live'))
      await expect.poll(() => [upstream.sockets.length, each.received().includes(accepted)]).toEqual([count, true])
      return each
    }
    const [silent, sends, hears] = [await come(1), await come(2), await come(3)]
    for (const socket of upstream.sockets) socket.resume()
    const pings = setInterval(() => {
      sends.socket.write(ping)
      upstream.sockets[2]?.write(ping)
    }, 200)
    opened.defer(() => clearInterval(pings))
    await expect.poll(() => [silent.socket.readableEnded, upstream.sockets[0]?.readableEnded]).toEqual([true, true])
    await delay(1_500)
    expect([sends, hears].map(({ socket }) => socket.readableEnded)).toEqual([false, false])
    expect(await openNow(gateway)).toBe(2)
    clearInterval(pings)
    await expect.poll(() => openNow(gateway)).toBe(0)
  })

  test('whose client takes nothing is read no further, and closed', async () => {
    let written = 0
    using upstream = await openServer((incoming, socket) => {
      accept(incoming, socket)
      const write = (): void => {
        while (written < 200 && !socket.destroyed) {
          written++
          if (!socket.write(Buffer.alloc(MiB, 'x'))) return void socket.once('drain', write)
        }
      }
      write()
    })
    const timeout = ', timeout: { websocket_idle: 3s }'
    await using gateway = await openGateway({ config: live(upstream.url, timeout) })
    using client = rawWebSocket(gateway, '/live')
    client.socket.pause()
    await delay(2_000)
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThan(60)
    await expect.poll(() => openNow(gateway)).toBe(0)
  })

  test('whose upstream takes nothing is read no further, and closed', async () => {
    using upstream = await openServer(accept)
    const timeout = ', timeout: { websocket_idle: 3s }'
    await using gateway = await openGateway({ config: live(upstream.url, timeout) })
    using client = rawWebSocket(gateway, '/live')
    await expect.poll(client.received).toContain(accepted)
    let written = 0
    const write = (): void => {
      while (written < 200 && !client.socket.destroyed) {
        written++
        if (!client.socket.write(Buffer.alloc(MiB, 'x'))) return void client.socket.once('drain', write)
      }
    }
    write()
    await delay(2_000)
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThan(60)
    await expect.poll(() => openNow(gateway)).toBe(0)
  })
})
