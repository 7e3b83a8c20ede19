import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerWith } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { aRequest } from '../support/shop.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

/**
 * An upstream that asks for payment itself. Agents pay on every 402 that they see, so they must not see this one:
 * its money would not go to the operator, and nobody would know what it bought.
 */
const bill = {
  'content-type': 'application/json',
  'www-authenticate': ['L402 macaroon="AAAA", invoice="lnbc1theirs"', 'Payment id="x"'],
  'l402-payment': 'required',
  'set-cookie': 'session=theirs',
  'x-payment-required': 'theirs',
}
const body = JSON.stringify({ invoice: 'lnbc1theirs', macaroon: 'AAAA', token: 'AAAA' })

describe('a bill of the upstream’s own', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  beforeAll(async () => {
    upstream = await openUpstream(answerWith(402, body, bill))
    gateway = await openGateway({
      config: `
services:
  POST /make: { name: make, upstream: "${upstream.url}", price: { flat: 7 } }
  POST /stream: { name: stream, upstream: "${upstream.url}", price: { flat: 7 }, stream: true }
  /free/*: { name: free, upstream: "${upstream.url}", price: free }
`,
    })
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })

  test.for(['/make', '/stream'])('for what was paid for at %s is a failure of the service', async (path) => {
    const request = { ...aRequest, path }
    const answer = await send(gateway, paid(request, await payFor(gateway, request)))
    expect([answer.status, answer.json().code]).toEqual([502, 'upstream_answer_refused'])
    expect(answer.headers).toMatchObject({ 'l402-payment': 'unspent' })
    expectNothingOfTheBill(answer.text, answer.headers)
  })

  test.for(['GET', 'POST', 'DELETE'])('on a free route is one too: %s', async (method) => {
    const sent = { method, path: '/free/a', ...(method === 'GET' ? {} : { body: { prompt: 'a cat' } }) }
    const answer = await send(gateway, sent)
    expect([answer.status, answer.json().code, answer.headers['l402-payment']]).toEqual([
      502,
      'upstream_answer_refused',
      undefined,
    ])
    expectNothingOfTheBill(answer.text, answer.headers)
    const head = await send(gateway, { method: 'HEAD', path: '/free/a' })
    expect([head.status, head.text]).toEqual([502, ''])
    // And the gateway goes on.
    upstream.answer = answerWith(200, 'well')
    expect((await send(gateway, { path: '/free/a' })).text).toBe('well')
    upstream.answer = answerWith(402, body, bill)
  })

  test('of any length on a free route ends with the refusal', async () => {
    upstream.answer = (_call, outgoing) => {
      outgoing.writeHead(402, bill)
      for (let piece = 0; piece < 40; piece++) outgoing.write('theirs'.repeat(10_000))
    }
    const answer = await send(gateway, { path: '/free/a' })
    expect([answer.status, answer.json().code]).toEqual([502, 'upstream_answer_refused'])
    upstream.answer = answerWith(402, body, bill)
  })
})

function expectNothingOfTheBill(text: string, headers: Record<string, unknown>): void {
  expect(`${text}${JSON.stringify(headers)}`).not.toMatch(/theirs|AAAA|lnbc/)
  for (const name of ['www-authenticate', 'set-cookie', 'x-payment-required']) expect(headers[name]).toBeUndefined()
}

const theirs =
  'WWW-Authenticate: L402 macaroon="AAAA", invoice="lnbc1theirs"\r\nSet-Cookie: session=theirs\r\nL402-Payment: theirs\r\n'

describe('a WebSocket handshake that the upstream', () => {
  const open = new AsyncDisposableStack()
  const sockets = new Set<Duplex>()
  const server = createServer()
  let bytes = ''
  let gateway: TestGateway
  beforeAll(async () => {
    server.on('upgrade', (_incoming: IncomingMessage, socket: Duplex) => {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.write(bytes)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    open.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())))
    gateway = open.use(
      await openGateway({
        config: `services: { GET /live: { name: live, upstream: "${url}", price: free, websocket: true } }`,
      }),
    )
    open.defer(() => {
      for (const socket of sockets) socket.destroy()
    })
  })
  afterAll(() => open.disposeAsync())

  async function handshake(answered: string, until: RegExp): Promise<string> {
    bytes = answered
    const { hostname, port } = new URL(gateway.url)
    const socket = connect(Number(port), hostname)
    const lines = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhl']
    socket.write(`GET /live HTTP/1.1\r\nHost: ${hostname}:${port}\r\n${lines.join('\r\n')}\r\n\r\n`)
    let text = ''
    for await (const chunk of socket as AsyncIterable<Buffer>) if (until.test((text += chunk.toString()))) break
    socket.destroy()
    return text
  }

  test('answers with a bill of its own is answered by the gateway itself', async () => {
    const text = await handshake(`HTTP/1.1 402 Theirs\r\n${theirs}Content-Length: 6\r\n\r\ntheirs`, /never/)
    expect(text).toMatch(/^HTTP\/1.1 502 /)
    expect(text).toContain('"code":"upstream_answer_refused"')
    expect(text).not.toMatch(/theirs|AAAA|lnbc/i)
  })

  test.for([401, 403, 302, 200])('answers with %i tells the client nothing of cookies and payments', async (status) => {
    const answered = `HTTP/1.1 ${status} Theirs\r\n${theirs}X-Own: yes\r\nContent-Length: 4\r\n\r\npage`
    const text = await handshake(answered, /never/)
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} .*\r\nx-own: yes\r\n.*\r\n\r\npage$`, 'is'))
    expect(text).not.toMatch(/theirs|AAAA|lnbc/i)
  })

  test('takes tells the client nothing of cookies and payments', async () => {
    const lines = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: abc=\r\nX-Own: yes\r\n'
    const text = await handshake(`HTTP/1.1 101 Theirs\r\n${lines}${theirs}\r\nhello`, /hello/)
    expect(text).toMatch(/^HTTP\/1.1 101 /)
    for (const line of [/^upgrade: websocket\r$/im, /^sec-websocket-accept: abc=\r$/im, /^x-own: yes\r$/im])
      expect(text).toMatch(line)
    expect(text).not.toMatch(/theirs|AAAA|lnbc/i)
  })
})
