import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { answerWith, makeGate } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openRequest } from '../support/open-request.ts'
import { makeSite } from '../support/process.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

const grace = (time: string) => `shutdown: { grace: ${time} }`

async function openWorking() {
  const [called, finish] = [makeGate(), makeGate()]
  const upstream = await openUpstream(async (_call, outgoing) => {
    called.open()
    await finish.opened
    outgoing.end('made')
  })
  return { called, finish, upstream, [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose]() }
}

describe('a gateway that is told to stop', { timeout: 30_000 }, () => {
  test.for(['SIGTERM', 'SIGINT'] as const)(
    'with %s says so first, takes nobody new, and finishes what runs',
    async (signal) => {
      await using work = await openWorking()
      using site = makeSite(makeShop(work.upstream.url), grace('20s'))
      await using gateway = await site.start()
      const payment = await payFor(gateway, aRequest)
      const answering = send(gateway, paid(aRequest, payment))
      await work.called.opened
      const stopped = gateway.stop(signal)
      await expect.poll(async () => (await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(503)
      expect(await (await fetch(`${gateway.adminUrl}/readyz`)).json()).toMatchObject({ reason: 'shutting down' })
      await expect(send(gateway, aRequest)).rejects.toThrow('ECONNREFUSED')
      work.finish.open()
      const answer = await answering
      expect([answer.status, answer.text, answer.headers.connection]).toEqual([200, 'made', 'close'])
      expect(await stopped).toMatchObject({ code: 0 })
    },
  )

  test('leaves what takes longer to the next one: nothing is counted, and no result is lost', async () => {
    await using work = await openWorking()
    using site = makeSite(makeShop(work.upstream.url, 'attempts: 1'), grace('400ms'))
    await using gateway = await site.start()
    const payment = await payFor(gateway, aRequest)
    const answering = send(gateway, paid(aRequest, payment))
    await work.called.opened
    const { code, tookMs } = await gateway.stop('SIGTERM')
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(5_000)
    const answer = await answering
    expect([answer.status, answer.json().payment]).toMatchObject([
      503,
      { status: 'unspent', action: 'retry_same_token' },
    ])
    expect(gateway.log()).toContainEqual(expect.objectContaining({ event: 'handed_over', jobs: 1 }))

    work.finish.open()
    await using next = await site.start()
    const again = await send(next, paid(aRequest, payment))
    expect([again.status, again.text, again.headers['l402-payment']]).toEqual([200, 'made', 'spent'])
    const [first, second] = work.upstream.calls.map(({ headers }) => headers['idempotency-key'])
    expect(second).toBe(first)
    expect(work.upstream.calls).toHaveLength(2)
  })

  test('leaves a stream that began in the same way: broken off, not counted, made again', async () => {
    const finish = makeGate()
    await using upstream = await openUpstream(async (_call, outgoing) => {
      outgoing.write('one, ')
      await finish.opened
      outgoing.end('two')
    })
    using site = makeSite(makeShop(upstream.url, ['stream: true', 'attempts: 1']), grace('300ms'))
    await using gateway = await site.start()
    const payment = await payFor(gateway, aRequest)
    const reading = await openRequest(gateway, paid(aRequest, payment))
    await reading.atLeast(4)
    const reason = reading.whole().catch((thrown: unknown) => thrown)
    expect(await gateway.stop('SIGTERM')).toMatchObject({ code: 0 })
    expect(await reason).toBeInstanceOf(Error)
    finish.open()
    await using next = await site.start()
    expect((await send(next, paid(aRequest, payment))).text).toBe('one, two')
  })

  test('a second time ends at once', async () => {
    await using work = await openWorking()
    using site = makeSite(makeShop(work.upstream.url), grace('60s'))
    await using gateway = await site.start()
    const payment = await payFor(gateway, aRequest)
    const answering = send(gateway, paid(aRequest, payment)).catch((thrown: unknown) => thrown)
    await work.called.opened
    const { code, tookMs } = await gateway.stop('SIGTERM', 'SIGTERM')
    expect(code).toBe(1)
    expect(tookMs).toBeLessThan(3_000)
    expect(await answering).toBeInstanceOf(Error)
  })

  test('is held up by no client: idle, silent, slow to read, on a WebSocket', async () => {
    await using upstream = await openUpstream(answerWith(200, Buffer.alloc(12 * 2 ** 20, 7)))
    await using talking = await openWebSocketUpstream()
    const talk = `  GET /talk: { name: talk, upstream: "${talking.url}", price: free, websocket: true }\n`
    const free = `  GET /free/*: { name: free, upstream: "${upstream.url}", price: free, websocket: true }\n`
    using site = makeSite(makeShop(upstream.url) + free + talk, grace('700ms'))
    await using gateway = await site.start()
    const { hostname, port } = new URL(gateway.url)
    const admin = new URL(gateway.adminUrl)
    const payment = await payFor(gateway, aRequest)
    const slow = await openRequest(gateway, paid(aRequest, payment))
    slow.pause()
    const slowFree = await openRequest(gateway, { path: '/free/x' })
    slowFree.pause()
    const sockets = [
      ...Array.from({ length: 4 }, () => connect(Number(port), hostname)),
      connect(Number(admin.port), admin.hostname),
      connect(Number(admin.port), admin.hostname),
    ]
    for (const socket of sockets) socket.on('error', () => undefined)
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    const request = 'GET /l402/services HTTP/1.1\r\nHost: localhost\r\n'
    sockets[0]?.write(`${request}\r\n`)
    sockets[1]?.write(request)
    sockets[2]?.write('POST /make HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{')
    sockets[4]?.write(`GET /livez HTTP/1.1\r\nHost: ${admin.host}\r\n\r\n`)
    sockets[5]?.write('GET /livez HTTP/1.1\r\n')
    const talker = new WebSocket(`${gateway.url.replace('http', 'ws')}/talk`)
    await new Promise((resolve) => talker.addEventListener('open', resolve))
    const cut = new Promise((resolve) => talker.addEventListener('close', resolve))
    await new Promise((resolve) => setTimeout(resolve, 200))
    const { code, tookMs } = await gateway.stop('SIGTERM')
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(5_000)
    await cut
    for (const socket of sockets) socket.destroy()
    await expect(slow.whole()).rejects.toThrow()
    await expect(slowFree.whole()).rejects.toThrow()
    await using next = await site.start()
    expect((await send(next, paid(aRequest, payment))).bytes).toHaveLength(12 * 2 ** 20)
    expect(upstream.calls.filter(({ url }) => url === '/make')).toHaveLength(1)
  })
})

/** Says yes to every handshake and nothing after it. */
async function openWebSocketUpstream() {
  const open = new Set<Duplex>()
  const server = createServer().on('upgrade', (incoming, socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    const key = `${incoming.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash('sha1').update(key).digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
