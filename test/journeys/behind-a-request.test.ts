import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { payFor } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { connectTo, headOf } from '../support/raw-socket.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

const config = (upstream: string) => `
services:
  POST /make: { name: make, upstream: "${upstream}", price: { flat: 7 } }
  POST /stream: { name: stream, upstream: "${upstream}", price: { flat: 7 }, stream: true }
  GET /live: { name: live, upstream: "${upstream}", price: free, websocket: true }
  GET /free: { name: free, upstream: "${upstream}", price: free }
`
let upstream: TestUpstream
let gateway: TestGateway
let goOn = Promise.withResolvers<void>()

beforeAll(async () => {
  upstream = await openUpstream(async (_call, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/plain', 'content-length': '400' })
    outgoing.write('a'.repeat(200))
    await goOn.promise
    outgoing.end('b'.repeat(200))
  })
  gateway = await openGateway({ config: config(upstream.url) })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

describe('what cannot be read behind a request', () => {
  test.for(['/make', '/stream'])('leaves its answer as it is, and ends the connection after it: %s', async (path) => {
    goOn = Promise.withResolvers()
    const sent = { method: 'POST', path, body: { prompt: 'a cat' } }
    const payment = await payFor(gateway, sent)
    const body = JSON.stringify(sent.body)
    const { socket, received, until } = await connectTo(gateway)
    const authorization = `Authorization: L402 ${payment.token}:${payment.preimage}`
    const request = headOf(path, `Content-Length: ${body.length}`, authorization, 'Connection: keep-alive') + body
    socket.write(`${request}NOT / A REQUEST\r\n\r\n`)
    if (path === '/stream') await until(/a{200}/)
    for (let times = 0; times < 3; times++) {
      socket.write('NOT / A REQUEST\r\n\r\n')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    goOn.resolve()
    await until(/never/)
    expect(received()).toMatch(/^HTTP\/1.1 200 /)
    expect(received().match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(received().replace(/\r\n(?:c8|190|0)?/g, '')).toMatch(/a{200}b{200}$/)
  })

  test('has an answer of its own where the request before it has had its', async () => {
    goOn.resolve()
    const { socket, until } = await connectTo(gateway)
    socket.write('GET /free HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(/b{200}/)
    socket.write('NOT / A REQUEST\r\n\r\n')
    expect(await until(/never/)).toMatch(/b{200}HTTP\/1.1 400 Bad Request\r\n/)
  })

  test('is said of a body that breaks the rules, unless the answer has begun', async () => {
    const { socket, until } = await connectTo(gateway)
    socket.write(`${headOf('/make', 'Transfer-Encoding: chunked')}5\r\nhello\r\nnot a size\r\n`)
    expect(await until(/never/)).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
  })

  test('is no handshake of a WebSocket', async () => {
    goOn = Promise.withResolvers()
    const { socket, until } = await connectTo(gateway)
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: aa==\r\n'
    socket.write(`GET /free HTTP/1.1\r\nHost: localhost\r\n\r\nGET /live HTTP/1.1\r\nHost: localhost\r\n${upgrade}\r\n`)
    await until(/never/)
    goOn.resolve()
    expect(upstream.calls.filter(({ url }) => url === '/live')).toEqual([])
  })
})
