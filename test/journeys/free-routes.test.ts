import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { answerWith, hang, makeGate, raw } from '../support/answers.ts'
import { send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { beginRequest, openRequest } from '../support/open-request.ts'
import { openUpstream } from '../support/upstream.ts'

const config = (upstream: string, lines = '') => `
services:
  /media/*: { name: media, upstream: "${upstream}/files/*", price: free${lines} }
`

/** An upstream that gets a request before its body has come. */
async function openStreaming(answer: (incoming: IncomingMessage, outgoing: ServerResponse) => unknown) {
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('a free route', () => {
  test('passes every method on, with its body, and the answer back as it is', async () => {
    await using upstream = await openUpstream((call, outgoing) => {
      outgoing.writeHead(207, 'Multi Status', { 'x-method': call.method, 'content-type': 'text/plain' })
      outgoing.end(call.body)
    })
    await using gateway = await openGateway({ config: config(upstream.url) })
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const sent = { method, path: '/media/a?b=1', body: `by ${method}`, headers: { 'content-type': 'text/x-own' } }
      const answer = await send(gateway, sent)
      expect([answer.status, answer.headers['x-method'], answer.text]).toEqual([207, method, `by ${method}`])
      expect(upstream.calls.at(-1)).toMatchObject({ url: '/files/a?b=1', headers: { 'content-type': 'text/x-own' } })
    }
    const head = await send(gateway, { method: 'HEAD', path: '/media/a' })
    expect([head.status, head.headers['x-method'], head.text]).toEqual([207, 'HEAD', ''])
    expect(gateway.wallet.asked).toHaveLength(0)
  })

  test.for([200, 304, 400, 401, 404, 416, 429, 500, 503])('passes an answer of %i on', async (status) => {
    await using upstream = await openUpstream(answerWith(status, status === 304 ? '' : 'as it is', { 'x-own': 'yes' }))
    await using gateway = await openGateway({ config: config(upstream.url) })
    const answer = await send(gateway, { path: '/media/a' })
    expect([answer.status, answer.headers['x-own'], answer.headers['l402-payment']]).toEqual([status, 'yes', undefined])
  })

  test('passes ranges and conditions on, and what comes of them back', async () => {
    await using upstream = await openUpstream((call, outgoing) => {
      if (call.headers['if-none-match'] === '"1"') outgoing.writeHead(304, { etag: '"1"' }).end()
      else
        outgoing
          .writeHead(206, { 'content-range': 'bytes 2-4/9', 'content-length': '3', 'accept-ranges': 'bytes' })
          .end('cde')
    })
    await using gateway = await openGateway({ config: config(upstream.url) })
    const part = await send(gateway, { path: '/media/a', headers: { range: 'bytes=2-4', 'if-range': '"1"' } })
    expect([part.status, part.text]).toEqual([206, 'cde'])
    expect(part.headers).toMatchObject({
      'content-range': 'bytes 2-4/9',
      'accept-ranges': 'bytes',
      'content-length': '3',
    })
    const same = await send(gateway, { path: '/media/a', headers: { 'if-none-match': '"1"' } })
    expect([same.status, same.text, same.headers.etag]).toEqual([304, '', '"1"'])
    expect(upstream.calls.map(({ headers }) => headers.range)).toEqual(['bytes=2-4', undefined])
  })

  test('leaves bytes that are compressed as they are', async () => {
    const zipped = Buffer.from('1f8b08000000000000034bcc4b010043cf47df03000000', 'hex')
    await using upstream = await openUpstream(answerWith(200, zipped, { 'content-encoding': 'gzip' }))
    await using gateway = await openGateway({ config: config(upstream.url) })
    const answer = await send(gateway, { path: '/media/a', headers: { 'accept-encoding': 'gzip' } })
    expect(upstream.calls[0]?.headers['accept-encoding']).toBe('gzip')
    expect(answer.headers['content-encoding']).toBe('gzip')
    expect(answer.bytes.equals(zipped)).toBe(true)
  })
})

describe('through a free route', () => {
  test('an answer comes piece by piece while it is made', async () => {
    const gate = makeGate()
    await using upstream = await openUpstream(async (_call, outgoing) => {
      outgoing.write('first')
      await gate.opened
      outgoing.end('second')
    })
    await using gateway = await openGateway({ config: config(upstream.url) })
    const answer = await openRequest(gateway, { path: '/media/a' })
    expect((await answer.atLeast(1)).toString()).toBe('first')
    gate.open()
    expect((await answer.whole()).toString()).toBe('firstsecond')
  })

  test('a large upload goes on while it comes, and is not kept', async () => {
    const seen = makeGate()
    const hash = createHash('sha256')
    let received = 0
    await using upstream = await openStreaming(async (incoming, outgoing) => {
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        received += chunk.length
        hash.update(chunk)
        seen.open()
      }
      outgoing.end(hash.digest('hex'))
    })
    await using gateway = await openGateway({ config: config(upstream.url) })
    const { hostname, port } = new URL(gateway.url)
    const outgoing = request({ hostname, port, path: '/media/a', method: 'PUT', agent: false })
    const answered = new Promise<IncomingMessage>((resolve) => outgoing.on('response', resolve))
    const piece = randomBytes(2 ** 20)
    const sent = createHash('sha256')
    outgoing.write(piece)
    sent.update(piece)
    // The upstream has the first of it before the last of it is sent.
    await seen.opened
    expect(received).toBeLessThanOrEqual(piece.length)
    for (let times = 1; times < 24; times++) {
      sent.update(piece)
      if (!outgoing.write(piece)) await new Promise((resolve) => outgoing.once('drain', resolve))
    }
    outgoing.end()
    const answer = await answered
    const chunks = await Array.fromAsync(answer as AsyncIterable<Buffer>)
    expect(Buffer.concat(chunks).toString()).toBe(sent.digest('hex'))
    expect(received).toBe(24 * piece.length)
  })

  test.for([
    ['breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it', 'end'],
    ['is reset', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'reset'],
  ] as const)('an answer that %s breaks off for the client too, and never looks whole', async ([, bytes, then]) => {
    await using upstream = await openUpstream(raw(bytes, then))
    await using gateway = await openGateway({ config: config(upstream.url) })
    const answer = await openRequest(gateway, { path: '/media/a' })
    expect(answer.status).toBe(200)
    await expect(answer.whole()).rejects.toThrow('aborted')
    expect(answer.ended).toBe(false)
    // The gateway itself goes on.
    upstream.answer = answerWith(200, 'well')
    expect((await send(gateway, { path: '/media/a' })).text).toBe('well')
  })

  test.for([
    ['is gone', raw('', 'reset'), 502, 'upstream_unreachable'],
    ['says nothing in time', hang, 504, 'upstream_timeout'],
  ] as const)('an upstream that %s is an error of its own', async ([, answer, status, code]) => {
    await using upstream = await openUpstream(answer)
    await using gateway = await openGateway({ config: config(upstream.url, ', timeout: 100ms') })
    const said = await send(gateway, { path: '/media/a' })
    expect([said.status, said.json().code, said.headers['l402-payment']]).toEqual([status, code, undefined])
    expect(said.json().payment).toBeUndefined()
  })

  test.for(['before the answer', 'within the answer'] as const)(
    'a client that leaves %s ends the call to the upstream',
    async (when) => {
      const [called, gone] = [makeGate(), makeGate()]
      await using upstream = await openUpstream((_call, outgoing, incoming) => {
        incoming.socket.once('close', () => gone.open())
        if (when === 'within the answer') outgoing.write('first')
        called.open()
      })
      await using gateway = await openGateway({ config: config(upstream.url) })
      const { answered, leave } = beginRequest(gateway, { path: '/media/a' })
      await called.opened
      if (when === 'within the answer') await (await answered).atLeast(1)
      leave()
      await expect(gone.opened).resolves.toBeUndefined()
    },
  )
})
