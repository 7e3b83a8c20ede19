import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openRequest } from '../support/open-request.ts'
import { aRequest, idle, makeShop, rowIn } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

const size = 3 * 2 ** 20
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const openMaker = (made: Buffer) =>
  openUpstream((_call, outgoing) => {
    outgoing.writeHead(200, { 'content-length': String(made.length) })
    outgoing.end(made)
  })

/** The paid request as bytes, on a connection of its own. */
function rawRequest(gateway: TestGateway, authorization: string) {
  const { hostname, port } = new URL(gateway.url)
  const body = JSON.stringify(aRequest.body)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  const bytes = `POST /make HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
  return { socket, bytes }
}

describe.each(['', 'stream: true'])('with `%s` a buyer who leaves', (lines) => {
  test.for([0, 0.01, 0.5, 0.99, 1])(
    'when %d of the result has come finds the same bytes on returning',
    async (part) => {
      const made = randomBytes(size)
      await using upstream = await openMaker(made)
      await using gateway = await openGateway({ config: makeShop(upstream.url, lines) })
      const payment = await payFor(gateway, aRequest)
      const first = await openRequest(gateway, paid(aRequest, payment))
      await first.atLeast(Math.floor(size * part))
      first.leave()
      await idle(gateway)
      for (let times = 0; times < 2; times++) {
        const answer = await send(gateway, paid(aRequest, payment))
        expect([answer.status, sha256(answer.bytes)]).toEqual([200, sha256(made)])
      }
      expect(upstream.calls).toHaveLength(1)
    },
  )

  // To the server it looks as if they were gone, and it hangs up.
  test('half, by closing their side of the connection, finds the result on returning', async () => {
    const made = randomBytes(size)
    await using upstream = await openMaker(made)
    await using gateway = await openGateway({ config: makeShop(upstream.url, lines) })
    const payment = await payFor(gateway, aRequest)
    const { socket, bytes } = rawRequest(gateway, payment.authorization.authorization)
    socket.end(bytes)
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
    await expect.poll(async () => (await rowIn(gateway, payment))?.job.state).toBe('captured')
    expect(sha256((await send(gateway, paid(aRequest, payment))).bytes)).toBe(sha256(made))
    expect(upstream.calls).toHaveLength(1)
  })

  test('by a reset in the middle does not stop the work', async () => {
    const made = randomBytes(size)
    await using upstream = await openMaker(made)
    await using gateway = await openGateway({ config: makeShop(upstream.url, lines) })
    const payment = await payFor(gateway, aRequest)
    const { socket, bytes } = rawRequest(gateway, payment.authorization.authorization)
    socket.write(bytes)
    await new Promise((resolve) => socket.once('data', resolve))
    socket.resetAndDestroy()
    await idle(gateway)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured', resultBytes: size } })
    expect(sha256((await send(gateway, paid(aRequest, payment))).bytes)).toBe(sha256(made))
    expect(upstream.calls).toHaveLength(1)
  })
})

test('a service that always stops at 95 % gives one second helping and no more, however often the buyer asks', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream((_call, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream', 'content-length': '100' })
    outgoing.write(`${'x'.repeat(94)}\n`)
  })
  const lines = ['stream: true', 'timeout: { idle: 80ms }', 'attempts: 10']
  await using gateway = await openGateway({ config: makeShop(upstream.url, lines), clock })
  const payment = await payFor(gateway, aRequest)
  const seen: string[] = []
  for (let times = 0; times < 6; times++) {
    const opened = await openRequest(gateway, paid(aRequest, payment))
    const body = await opened.whole().then(
      (bytes) => (JSON.parse(bytes.toString()) as { code: string }).code,
      () => 'broken off',
    )
    seen.push(`${opened.status} ${body}`)
    await idle(gateway)
    clock.advance(61_000)
  }
  expect(seen).toEqual(['200 broken off', '200 broken off', ...Array.from({ length: 4 }, () => '502 given_up')])
  expect(upstream.calls).toHaveLength(2)
  const other = await send(gateway, paid({ ...aRequest, body: { prompt: 'a dog' } }, payment))
  expect([other.status, other.json().code]).toEqual([402, 'token_for_other_request'])
  expect(upstream.calls).toHaveLength(2)
})
