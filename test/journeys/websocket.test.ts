import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { openGateway } from '../support/gateway.ts'
import { openEcho, refusedHandshake } from '../support/websockets.ts'

const config = (upstream: string) => `
services:
  GET /live/:room: { name: live, upstream: "${upstream}/rooms/:room", price: free, websocket: true }
  GET /plain: { name: plain, upstream: "${upstream}", price: free }
  GET /sold: { name: sold, upstream: "${upstream}", price: { flat: 7 } }
`

const socketTo = (gateway: { url: string }, path: string) =>
  new WebSocket(`${gateway.url.replace('http', 'ws')}${path}`)

const once = (socket: WebSocket, event: 'open' | 'message' | 'close' | 'error') =>
  new Promise<Event>((resolve) => socket.addEventListener(event, resolve, { once: true }))

describe('a WebSocket', () => {
  test('passes through a free route that says so, both ways', async () => {
    await using upstream = await openEcho()
    await using gateway = await openGateway({ config: config(upstream.url) })
    const socket = socketTo(gateway, '/live/7?x=1')
    await once(socket, 'open')
    for (const text of ['hello', 'again']) {
      const message = once(socket, 'message')
      socket.send(text)
      expect((await message) as MessageEvent).toMatchObject({ data: text })
    }
    const closed = once(socket, 'close')
    socket.close()
    await closed
    const [handshaken] = upstream.handshakes
    expect(handshaken?.url).toBe('/rooms/7?x=1')
    expect(handshaken?.headers).toMatchObject({ host: new URL(upstream.url).host, 'x-forwarded-for': '127.0.0.1' })
  })

  test('takes no credential and no cookie with it', async () => {
    await using upstream = await openEcho()
    await using gateway = await openGateway({ config: config(upstream.url) })
    const { hostname, port } = new URL(gateway.url)
    const socket = connect(Number(port), hostname)
    const { promise, resolve } = Promise.withResolvers<string>()
    socket.once('data', (data: Buffer) => resolve(data.toString()))
    socket.write(
      `GET /live/7 HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: L402 token:preimage\r\nCookie: a=1\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n`,
    )
    expect(await promise).toContain('101 Switching Protocols')
    const { authorization, cookie, 'x-forwarded-for': address } = upstream.handshakes[0]?.headers ?? {}
    expect([authorization, cookie, address]).toEqual([undefined, undefined, '127.0.0.1'])
    socket.destroy()
  })

  test.for([
    ['a priced route', '/sold', 'HTTP/1.1 400 bad_header'],
    ['a free route that does not say so', '/plain', 'HTTP/1.1 400 bad_header'],
    ['a path where nothing is', '/nothing', 'HTTP/1.1 404 not_found'],
    ['a path that is none', '/live/../sold', 'HTTP/1.1 400 bad_target'],
  ] as const)('is refused on %s, and reaches no upstream', async ([, path, line]) => {
    await using upstream = await openEcho()
    await using gateway = await openGateway({ config: config(upstream.url) })
    const [said, body] = await refusedHandshake(gateway, path)
    expect(said).toBe(line)
    expect(JSON.parse(body)).toMatchObject({ code: line.split(' ')[2] })
    expect(upstream.handshakes).toHaveLength(0)
    expect(gateway.wallet.asked).toHaveLength(0)
  })

  test('to an upstream that is gone is closed, and the gateway goes on', async () => {
    const upstream = await openEcho()
    await using gateway = await openGateway({ config: config(upstream.url) })
    await upstream[Symbol.asyncDispose]()
    const socket = socketTo(gateway, '/live/7')
    await once(socket, 'close')
    expect((await fetch(`${gateway.adminUrl}/livez`)).status).toBe(200)
  })

  test('is closed when its upstream closes it', async () => {
    await using upstream = await openEcho()
    await using gateway = await openGateway({ config: config(upstream.url) })
    const socket = socketTo(gateway, '/live/1')
    await once(socket, 'open')
    const closed = once(socket, 'close')
    for (const each of upstream.sockets) each.destroy()
    await expect(closed).resolves.toBeDefined()
  })

  test('that is open does not hold up the end of the gateway', async () => {
    await using upstream = await openEcho()
    const gateway = await openGateway({ config: config(upstream.url) })
    const socket = socketTo(gateway, '/live/1')
    await once(socket, 'open')
    const closed = once(socket, 'close')
    await gateway[Symbol.asyncDispose]()
    await expect(closed).resolves.toBeDefined()
  })
})

test('an upgrade to anything else is not taken up, and the request is answered as it is', async () => {
  await using upstream = await openEcho()
  await using gateway = await openGateway({ config: config(upstream.url) })
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET /sold HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n`)
  const text = Buffer.concat(await Array.fromAsync(socket as AsyncIterable<Buffer>)).toString()
  expect(text).toMatch(/^HTTP\/1\.1 402 /)
})

describe('a handshake that its upstream', () => {
  const head =
    'Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

  async function openUnwilling(answer: (incoming: IncomingMessage, socket: Duplex) => void) {
    const calls = { left: 0 }
    const server = createServer()
    server.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => undefined).on('end', () => calls.left++)
      socket.resume()
      answer(incoming, socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const gateway = await openGateway({
      config: `services: { GET /live: { name: live, upstream: "${upstream}", price: free, websocket: true, timeout: 1s } }`,
    })
    const { port } = new URL(gateway.url)
    const client = connect(Number(port), '127.0.0.1')
    client.on('error', () => undefined)
    client.write(`GET /live HTTP/1.1\r\n${head}`)
    return {
      calls,
      client,
      async [Symbol.asyncDispose]() {
        client.destroy()
        await gateway[Symbol.asyncDispose]()
        server.closeAllConnections()
        server.close()
      },
    }
  }

  test('answers with a page is read no faster than its client reads', async () => {
    let written = 0
    await using shop = await openUnwilling((_incoming, socket) => {
      const piece = Buffer.alloc(1024 * 1024, 'x')
      const write = (): void => {
        while (written < 150 && !socket.destroyed) {
          written++
          if (!socket.write(piece)) return void socket.once('drain', write)
        }
      }
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${150 * piece.length}\r\n\r\n`)
      write()
    })
    shop.client.pause()
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThan(60)
    let received = 0
    shop.client.on('data', (data) => (received += data.length)).resume()
    await expect.poll(() => received, { timeout: 20_000 }).toBeGreaterThan(150 * 1024 * 1024)
  })

  test('never answers is not waited for when its client has broken off', async () => {
    await using shop = await openUnwilling(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 200))
    shop.client.resetAndDestroy()
    await expect.poll(() => shop.calls.left, { timeout: 700 }).toBe(1)
  })

  test('never answers ends with the time of its service', async () => {
    await using shop = await openUnwilling(() => undefined)
    await expect.poll(() => [shop.calls.left, shop.client.closed], { timeout: 4_000 }).toEqual([1, true])
  })
})
