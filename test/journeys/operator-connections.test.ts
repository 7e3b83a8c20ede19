import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openGateway } from '../support/gateway.ts'

test.for(['admin', 'health'] as const)(
  'connections that send nothing cannot take all files of the process by the %s listener',
  async (listener) => {
    await using gateway = await openGateway({
      config:
        'health: { listen: 127.0.0.1:0 }\nservices: { /a: { upstream: "http://127.0.0.1:9", price: { flat: 1 } } }',
      logLevel: 'silent',
    })
    const url = (listener === 'admin' ? gateway.adminUrl : gateway.running.healthUrl) ?? ''
    const { hostname, port } = new URL(url)
    const sockets = Array.from({ length: 400 }, (): Socket => connect(Number(port), hostname).on('error', () => {}))
    await sleep(1_500)
    expect(sockets.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(128)
    // The ones that wait for longest make room for who has something to ask.
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    for (const socket of sockets) socket.destroy()
  },
)

test('a body that never ends holds no place on the admin listener for long', { timeout: 30_000 }, async () => {
  await using gateway = await openGateway({
    config: 'services: { /a: { upstream: "http://127.0.0.1:9", price: { flat: 1 } } }',
    logLevel: 'silent',
  })
  const { host, hostname, port } = new URL(gateway.adminUrl)
  const socket = connect(Number(port), hostname).on('error', () => {})
  socket.resume().write(`POST /dev/pay HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`)
  const dripping = setInterval(() => socket.writable && socket.write('1\r\n{\r\n'), 500)
  const begunMs = performance.now()
  await new Promise((resolve) => socket.once('close', resolve))
  clearInterval(dripping)
  expect(performance.now() - begunMs).toBeLessThan(16_000)
})
