import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { paid, payFor, send } from '../../support/buyer.ts'
import { behindProxy, from } from '../../support/crowd.ts'
import { openGateway, type TestGateway } from '../../support/gateway.ts'
import { connectTo, headOf } from '../../support/raw-socket.ts'
import { aRequest, makeShop } from '../../support/shop.ts'
import { echo, openUpstream, type TestUpstream } from '../../support/upstream.ts'

const KiB = 1024
const promptOf = (bytes: number): { prompt: string } => ({ prompt: 'x'.repeat(bytes) })
const big = { path: '/make', body: promptOf(600 * KiB) }

let upstream: TestUpstream
let gateway: TestGateway
let network = 0
/** A client that nobody was before. */
const somebody = (): string => `203.0.${network++}.7`

beforeAll(async () => {
  upstream = await openUpstream()
  const limits = 'limits: { unpaid_bytes: 1MiB/1h, unpaid_bytes_at_once: 3MiB }\n'
  gateway = await openGateway({ config: behindProxy + limits + makeShop(upstream.url, 'request: { max_bytes: 8MiB }') })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const held = () => gateway.running.context.gateway.use.heldBytes

describe('bodies of requests without a payment', () => {
  test('are counted by what the head says, before a byte of them is read', async () => {
    const address = somebody()
    const connection = await connectTo(gateway)
    const head = (bytes: number) =>
      headOf('/make', `X-Forwarded-For: ${address}`, `Content-Length: ${bytes}`, 'Connection: keep-alive')
    connection.socket.write(head(1024 * KiB))
    await expect.poll(() => gateway.running.context.gateway.use.unpaidBytes.size).toBeGreaterThan(0)
    const refused = await connectTo(gateway)
    refused.socket.write(head(2 * KiB))
    expect(await refused.until(/"code":"[a-z_]+"/)).toMatch(/^HTTP\/1.1 429 .*rate_limited/s)
    expect(refused.received()).toMatch(/^retry-after: [0-9]+\r$/im)
    expect(connection.received()).toBe('')
    connection.socket.destroy()
    refused.socket.destroy()
  })

  test('that do not say their length are counted as they come, and no further', async () => {
    const address = somebody()
    const { socket, until } = await connectTo(gateway)
    socket.write(headOf('/make', `X-Forwarded-For: ${address}`, 'Transfer-Encoding: chunked'))
    const piece = Buffer.alloc(64 * KiB, 'x')
    let sent = 0
    const timer = setInterval(() => {
      if (!socket.writable) return
      sent += piece.length
      socket.write(`${piece.length.toString(16)}\r\n`)
      socket.write(piece)
      socket.write('\r\n')
    }, 5)
    expect(await until(/"code":"[a-z_]+"/)).toMatch(/^HTTP\/1.1 429 .*rate_limited/s)
    clearInterval(timer)
    socket.destroy()
    expect(sent).toBeLessThan(8 * 1024 * KiB)
    expect((await send(gateway, from(address, { path: '/make', body: promptOf(100 * KiB) }))).status).toBe(429)
  })

  test('leave no room for more, while those of others and those that were paid for are taken', async () => {
    const address = somebody()
    const payment = await payFor(gateway, from(address, big))
    const more = { path: '/make', body: promptOf(700 * KiB) }
    const statuses = [
      (await send(gateway, from(address, more))).status,
      (await send(gateway, from(somebody(), more))).status,
    ]
    expect(statuses).toEqual([429, 402])
    const bought = await send(gateway, from(address, paid(big, payment)))
    expect([bought.status, upstream.calls.at(-1)?.body.length]).toEqual([200, JSON.stringify(big.body).length])
    expect((await send(gateway, from(address, paid(big, payment)))).headers['l402-payment']).toBe('replayed')
  })

  test('count for a quote too, and for a token that does not cover them', async () => {
    const address = somebody()
    const small = { path: '/make', body: promptOf(1) }
    const payment = await payFor(gateway, from(address, small))
    expect((await send(gateway, from(address, paid(small, payment)))).status).toBe(200)
    expect((await send(gateway, from(address, paid(big, payment)))).json().code).toBe('token_spent')
    expect((await send(gateway, from(address, paid(big, payment)))).status).toBe(429)
    const asker = somebody()
    const quote = { ...big, path: '/l402/quote/make' }
    expect((await send(gateway, from(asker, quote))).status).toBe(200)
    expect((await send(gateway, from(asker, quote))).status).toBe(429)
  })

  test('hold a bounded part of the memory, of which the usual small ones need none', async () => {
    expect(held()).toBe(0)
    using opened = new DisposableStack()
    const connections = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const connection = opened.use(await connectTo(gateway))
        const length = `Content-Length: ${1024 * KiB}`
        connection.socket.write(headOf('/make', `X-Forwarded-For: ${somebody()}`, length))
        connection.socket.write(Buffer.alloc(1000 * KiB, 'x'))
        return connection
      }),
    )
    await expect.poll(() => connections.filter(({ received }) => received().includes('429')).length).toBe(1)
    await expect.poll(held).toBe(3 * (1000 - 64) * KiB)
    expect((await send(gateway, from(somebody(), big))).status).toBe(429)
    expect((await send(gateway, from(somebody(), { path: '/make', body: promptOf(60 * KiB) }))).status).toBe(402)
    opened.dispose()
    await expect.poll(held).toBe(0)
    expect((await send(gateway, from(somebody(), big))).status).toBe(402)
    await expect.poll(held).toBe(0)
  })
})

test('a body that was refused takes no room, though its refusal has to wait for the answer before it', async () => {
  const payment = await payFor(gateway, from(somebody(), aRequest))
  const slow = Promise.withResolvers<undefined>()
  upstream.answer = async (call, outgoing, incoming) => {
    await slow.promise
    await echo(call, outgoing, incoming)
  }
  using connection = await connectTo(gateway)
  const { socket, until } = connection
  const body = JSON.stringify(aRequest.body)
  const authorization = `Authorization: L402 ${payment.token}:${payment.preimage}`
  socket.write(`${headOf('/make', authorization, `Content-Length: ${body.length}`)}${body}`)
  const before = gateway.running.context.gateway.use.unpaidBytes.size
  socket.write(headOf('/make', `X-Forwarded-For: ${somebody()}`, 'Transfer-Encoding: chunked'))
  socket.write(`${(1020 * KiB).toString(16)}\r\n`)
  socket.write(Buffer.alloc(1020 * KiB, 'x'))
  await expect.poll(held).toBe((1020 - 64) * KiB)
  expect(gateway.running.context.gateway.use.unpaidBytes.size).toBe(before + 1)
  socket.write(`\r\n${(8 * KiB).toString(16)}\r\n`)
  socket.write(Buffer.alloc(8 * KiB, 'x'))
  await expect.poll(held).toBe(0)
  slow.resolve(undefined)
  expect(await until(/"code":"rate_limited"/)).toMatch(/^HTTP\/1.1 200 .*HTTP\/1.1 429 /s)
  upstream.answer = echo
})

test('one payment holds a bounded part of the memory, on however many connections its token is sent', async () => {
  const payment = await payFor(gateway, from(somebody(), big))
  const length = `Content-Length: ${8 * 1024 * KiB - 1}`
  const authorization = `Authorization: L402 ${payment.token}:${payment.preimage}`
  using opened = new DisposableStack()
  const connections = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const connection = opened.use(await connectTo(gateway))
      connection.socket.write(headOf('/make', length, authorization))
      connection.socket.write(Buffer.alloc(8 * 1024 * KiB - 2, 'x'))
      return connection
    }),
  )
  const refused = () => connections.filter(({ received }) => /^HTTP\/1.1 429 .*"unspent"/s.test(received())).length
  await expect.poll(refused, { timeout: 10_000 }).toBe(4)
  opened.dispose()
  await expect.poll(() => gateway.running.context.gateway.use.paidBytes.size).toBe(0)
  expect((await send(gateway, paid(big, payment))).status).toBe(200)
  expect(gateway.running.context.gateway.use.paidBytes.size).toBe(0)
})

test('a body that comes byte by byte is the same body', async () => {
  const body = JSON.stringify(aRequest.body)
  const payment = await payFor(gateway, aRequest)
  const { socket, until } = await connectTo(gateway)
  const authorization = `Authorization: L402 ${payment.token}:${payment.preimage}`
  socket.write(headOf('/make', 'Transfer-Encoding: chunked', authorization, 'Connection: close'))
  socket.write(
    `${body
      .split('')
      .map((byte) => `1\r\n${byte}\r\n`)
      .join('')}0\r\n\r\n`,
  )
  expect(await until(/never/)).toMatch(/^HTTP\/1.1 200 /)
  expect(upstream.calls.at(-1)?.body.toString()).toBe(body)
})

describe('a connection that dawdles', () => {
  test.concurrent('with its body is answered 408, though it never stops sending', { timeout: 40_000 }, async () => {
    const { socket, until } = await connectTo(gateway)
    const begun = performance.now()
    socket.write(headOf('/make', 'Content-Length: 100000'))
    const timer = setInterval(() => socket.write('x'), 300)
    expect(await until(/"code":"[a-z_]+"/)).toMatch(/^HTTP\/1.1 408 .*body_timeout/s)
    clearInterval(timer)
    expect(performance.now() - begun).toBeGreaterThan(9_000)
    expect(performance.now() - begun).toBeLessThan(20_000)
    socket.destroy()
  })

  test.concurrent('with its head is closed', { timeout: 40_000 }, async () => {
    const { socket, until } = await connectTo(gateway)
    const begun = performance.now()
    socket.write('GET /make HTTP/1.1\r\nHost: localhost\r\n')
    let count = 0
    const timer = setInterval(() => socket.write(`X-${count++}: a\r\n`), 300)
    await until(/never/)
    clearInterval(timer)
    expect(performance.now() - begun).toBeLessThan(20_000)
  })

  test.concurrent('is left alone where its body comes at the pace of a slow line', { timeout: 40_000 }, async () => {
    const { socket, until } = await connectTo(gateway)
    const body = JSON.stringify(promptOf(130 * KiB))
    socket.write(headOf('/make', `Content-Length: ${body.length}`))
    let at = 0
    const timer = setInterval(() => {
      socket.write(body.slice(at, at + 2 * KiB))
      at += 2 * KiB
    }, 200)
    expect(await until(/"code":"[a-z_]+"/)).toMatch(/^HTTP\/1.1 402 /)
    clearInterval(timer)
    socket.destroy()
  })
})

test('a client that sends far more than is taken sees why, and is cut off when it does not stop', async () => {
  for (let round = 0; round < 20; round++) {
    const tooMuch = await send(gateway, {
      path: '/make',
      headers: { 'content-type': 'application/json' },
      body: Buffer.alloc(9 * 1024 * KiB),
    })
    expect(tooMuch.json().code).toBe('body_too_large')
  }
  const late = await connectTo(gateway)
  // It looks for an answer only when it has sent what it has.
  late.socket.pause()
  late.socket.write(headOf('/make', `Content-Length: ${9 * 1024 * KiB}`))
  await new Promise((resolve) => late.socket.write(Buffer.alloc(2 * 1024 * KiB), resolve))
  await new Promise((resolve) => setTimeout(resolve, 300))
  late.socket.write(Buffer.alloc(1024 * KiB))
  await new Promise((resolve) => setTimeout(resolve, 200))
  late.socket.resume()
  expect(await late.until(/body_too_large/)).toMatch(/^HTTP\/1.1 413 /)
  late.socket.destroy()
  const { socket } = await connectTo(gateway)
  socket.write(headOf('/make', 'Content-Length: 1000000000'))
  const begun = performance.now()
  const timer = setInterval(() => socket.write(Buffer.alloc(4096)), 20)
  await new Promise((resolve) => socket.once('close', resolve))
  clearInterval(timer)
  expect(performance.now() - begun).toBeLessThan(5_000)
})
