import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { describe, expect, test } from 'vitest'
import { type ListenOptions, listen } from '#src/cli/listen.ts'
import { operatorConnections } from '#src/cli/operator-connections.ts'
import { openGateway } from '../../support/gateway.ts'
import { makeShop } from '../../support/shop.ts'

const waitedEnoughMs = 1_100
/** As many as one of these listeners takes. */
const places = 64

interface Visitor {
  readonly socket: Socket
  readonly received: () => string
}

async function come(url: string, opened: DisposableStack): Promise<Visitor> {
  const { hostname, port } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname })
  opened.defer(() => void socket.destroy())
  let text = ''
  socket.on('error', () => undefined).on('data', (data) => (text += data.toString('latin1')))
  await once(socket, 'connect')
  return { socket, received: () => text }
}

const openProbed = () => openGateway({ config: `health: { listen: 127.0.0.1:0 }\n${makeShop('http://127.0.0.1:9')}` })

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await delay(20)
}

const closed = (crowd: readonly Visitor[]) => crowd.filter(({ socket }) => socket.closed).length

async function openListener(fetch: ListenOptions['fetch'], told: string[] = []) {
  const connections = operatorConnections('health', { probeClosed: (name) => void told.push(name) })
  const listener = await listen({ fetch, address: { host: '127.0.0.1', port: 0 }, connections, isOperator: true })
  const { port } = listener.address
  return Object.assign(listener, { connections, url: `http://127.0.0.1:${port}` })
}

describe.concurrent('the listeners of probes and of the operator', () => {
  test.for(['health', 'admin'] as const)(
    'take so many connections, and silent ones make room: %s',
    { timeout: 40_000 },
    async (name) => {
      await using gateway = await openProbed()
      using opened = new DisposableStack()
      const urls = { health: gateway.running.healthUrl ?? '', admin: gateway.adminUrl }
      const crowd = await Promise.all(Array.from({ length: places + 8 }, () => come(urls[name], opened)))
      await until(() => closed(crowd) >= 8)
      const other = name === 'health' ? urls.admin : urls.health
      expect((await fetch(`${other}/readyz`)).status).toBe(200)
      await delay(waitedEnoughMs)
      expect((await fetch(`${urls[name]}/readyz`)).status).toBe(200)
      expect(closed(crowd)).toBe(9)
      expect(gateway.log.filter((line) => line.includes('"event":"probe_closed"'))).toHaveLength(1)
      // Heads that never come to their end.
      await until(() => closed(crowd) === places + 8)
    },
  )

  test('are not held by answers that nobody takes', { timeout: 60_000 }, async () => {
    let asked = 0
    const long = Buffer.alloc(16 * 2 ** 20, 'x')
    await using listener = await openListener(({ url }, { outgoing }) => {
      if (!url.endsWith('/long')) return new Response('alive')
      asked++
      outgoing.end(long)
      return RESPONSE_ALREADY_SENT
    })
    using opened = new DisposableStack()
    const crowd = await Promise.all(Array.from({ length: places }, () => come(listener.url, opened)))
    for (const { socket } of crowd) socket.pause().write('GET /long HTTP/1.1\r\nHost: here\r\n\r\n')
    await until(() => asked === places)
    const drops = setInterval(
      () => crowd.slice(0, 8).forEach(({ socket }) => void (socket.writable && socket.write('G'))),
      500,
    )
    opened.defer(() => clearInterval(drops))
    await delay(waitedEnoughMs)
    expect(listener.connections.size).toBe(places)
    expect(await (await fetch(`${listener.url}/livez`)).text()).toBe('alive')
    expect(listener.connections.size).toBe(places)
    // The one that was just asked is kept for its next request.
    await until(() => listener.connections.size <= 1)
  })

  test('wait for an answer as long as it takes, behind another one too', { timeout: 40_000 }, async () => {
    await using listener = await openListener(async ({ url }) => {
      if (url.endsWith('/slow')) await delay(12_500)
      return new Response('served')
    })
    using opened = new DisposableStack()
    const { socket, received } = await come(listener.url, opened)
    const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: here\r\n\r\n`
    socket.write(ask('/quick') + ask('/slow'))
    await until(() => received().match(/served/g)?.length === 2 || socket.closed)
    expect(received().match(/served/g)).toHaveLength(2)
  })

  test('cut requests that do not come whole within seconds', { timeout: 40_000 }, async () => {
    await using gateway = await openProbed()
    using opened = new DisposableStack()
    const head =
      'POST /dev/pay HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nContent-Type: application/json\r\n\r\n'
    const { port } = new URL(gateway.adminUrl)
    const dripping = await come(gateway.adminUrl, opened)
    dripping.socket.write(head.replace('localhost', `localhost:${port}`))
    const drops = setInterval(() => dripping.socket.write(' '), 500)
    opened.defer(() => clearInterval(drops))
    await delay(5_000)
    expect(dripping.socket.closed).toBe(false)
    await until(() => dripping.socket.closed)
  })

  test('take no body for long where none is read, nor does the public one', async () => {
    await using gateway = await openProbed()
    const { healthUrl = '' } = gateway.running
    const pages = [
      [healthUrl, '/livez'],
      [gateway.adminUrl, '/metrics'],
      [gateway.url, '/l402/services'],
    ] as const
    const framings = ['Content-Length: 1000000000', 'Transfer-Encoding: chunked']
    using opened = new DisposableStack()
    const attempts = pages.flatMap(([url, path]) => framings.map((framing) => [url, path, framing] as const))
    await Promise.all(
      attempts.map(async ([url, path, framing]) => {
        const { socket, received } = await come(url, opened)
        socket.write(`GET ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${framing}\r\n\r\n`)
        const chunk = Buffer.from(`400\r\n${'x'.repeat(1024)}\r\n`)
        const sending = setInterval(() => void (socket.writableNeedDrain || socket.write(chunk)), 20)
        opened.defer(() => clearInterval(sending))
        await until(() => socket.closed)
        expect(received()).toMatch(/^HTTP\/1\.1 200 /)
      }),
    )
  })
})
