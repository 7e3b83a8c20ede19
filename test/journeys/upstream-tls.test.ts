import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { connectTo } from '../support/raw-socket.ts'
import { aRequest, rowIn } from '../support/shop.ts'
import { authorities, serverTls } from '../support/wallets/tls-files.ts'

let server: Server
let calls = 0
let upgrades = 0
beforeAll(async () => {
  server = createServer(serverTls(), (incoming, outgoing) => {
    calls++
    incoming.resume().on('end', () => outgoing.end('made'))
  })
  server.on('upgrade', (_incoming, socket) => {
    upgrades++
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** @param host as the certificate names it, or does not */
async function openShop(ca: string | undefined, host = 'localhost') {
  const { port } = server.address() as AddressInfo
  const pem = ca === undefined ? '' : `, ca: ${JSON.stringify(ca)}`
  return await openGateway({
    config: `
upstreams: { gpu: { url: "https://${host}:${port}", breaker: off${pem} } }
services:
  POST /make: { upstream: { use: gpu }, price: { flat: 7 } }
  GET /free: { upstream: { use: gpu }, price: free }
  GET /live: { upstream: { use: gpu }, price: free, websocket: true }
`,
  })
}

const upgrade = 'GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

describe('an upstream behind TLS', () => {
  test('is reached where the private authority that signed its certificate is named', async () => {
    await using gateway = await openShop(authorities().right)
    const payment = await payFor(gateway, aRequest)
    const made = await send(gateway, paid(aRequest, payment))
    expect([made.status, made.text, (await send(gateway, { path: '/free' })).text]).toEqual([200, 'made', 'made'])
    const { socket, until } = await connectTo(gateway)
    socket.write(upgrade)
    expect(await until(/101/)).toMatch(/^HTTP\/1.1 101 /)
    socket.destroy()
  })

  test.for([
    ['another authority signed it', 'wrong', 'localhost'],
    ['no authority that is usually trusted signed it', undefined, 'localhost'],
    ['it is for another name', 'right', '127.0.0.1'],
  ] as const)('is never spoken to where %s, and the payment stays good', async ([, ca, host]) => {
    await using gateway = await openShop(ca && authorities()[ca], host)
    const before = calls
    const payment = await payFor(gateway, aRequest)
    const failed = await send(gateway, paid(aRequest, payment))
    expect([failed.status, failed.json().code]).toEqual([502, 'upstream_unreachable'])
    expect(failed.headers['l402-payment']).toBe('unspent')
    expect((await rowIn(gateway, payment))?.job).toMatchObject({ state: 'retryable', attempts: 0 })
    expect((await send(gateway, { path: '/free' })).status).toBe(502)
    const { socket, until } = await connectTo(gateway)
    const sockets = upgrades
    socket.write(upgrade)
    await until(/101/)
    expect([calls, upgrades]).toEqual([before, sockets])
  })
})
