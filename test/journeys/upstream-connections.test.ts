import { readFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { answerWith, inTurn, raw } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway } from '../support/gateway.ts'
import { openRequest } from '../support/open-request.ts'
import { aRequest, idle, makeShop, rowIn } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

const tls = (name: string) => readFileSync(join(import.meta.dirname, '../support/tls', name))

/** Speaks TLS with a certificate that nobody trusts. */
async function openUntrusted() {
  const server = createTlsServer(
    { key: tls('self-signed.key'), cert: tls('self-signed.crt') },
    (_incoming, outgoing) => {
      outgoing.end('made')
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

describe('a service that cannot be connected to because', () => {
  const cases = [
    [
      'its name is not known',
      () => ({ url: 'http://nowhere.invalid:9000', [Symbol.asyncDispose]: async () => undefined }),
    ],
    ['its certificate is not trusted', openUntrusted],
    [
      'it does not speak TLS',
      async () => {
        const plain = await openUpstream()
        return { url: plain.url.replace('http:', 'https:'), [Symbol.asyncDispose]: () => plain[Symbol.asyncDispose]() }
      },
    ],
  ] as const

  test.for(cases)(
    '%s costs the buyer nothing, and never counts; the token works at its new address',
    async ([, open]) => {
      await using well = await openUpstream(answerWith(200, 'made'))
      await using ill = await open()
      const clock = new TestClock(Date.now())
      const before = await openGateway({ config: makeShop(ill.url), clock })
      const payment = await payFor(before, aRequest)
      for (let times = 0; times < 4; times++) {
        const answer = await send(before, paid(aRequest, payment))
        expect([answer.status, answer.json().code]).toEqual([502, 'upstream_unreachable'])
        expect(answer.json().payment).toEqual({ status: 'unspent', action: 'retry_same_token' })
        expect(answer.text).not.toContain(new URL(ill.url).host)
        clock.advance(61_000)
      }
      expect(await rowIn(before, payment)).toMatchObject({ job: { state: 'retryable', attempts: 0, failures: 4 } })
      await using gateway = await before.restart({ config: makeShop(well.url) })
      const answer = await send(gateway, paid(aRequest, payment))
      expect([answer.status, answer.text]).toEqual([200, 'made'])
      expect(well.calls).toHaveLength(1)
    },
  )

  test('its certificate is trusted by nobody but its operator is called all the same', async () => {
    await using upstream = await openUntrusted()
    const ca = join(import.meta.dirname, '../support/tls/self-signed.crt')
    const config = `upstreams: { own: { url: "${upstream.url}", ca_file: "${ca}" } }
services: { POST /make: { name: make, upstream: { use: own, path: / }, price: { flat: 7 } } }`
    await using gateway = await openGateway({ config })
    const answer = await send(gateway, paid(aRequest, await payFor(gateway, aRequest)))
    expect([answer.status, answer.text]).toEqual([200, 'made'])
  })
})

const head = 'HTTP/1.1 200 OK\r\n'
const events = `${head}Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nb\r\ndata: one\n\n\r\n`

describe('an answer that', () => {
  test('drips slowly but comes to its end in time is a result like any other', async () => {
    await using upstream = await openUpstream(async (_call, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'text/plain' })
      for (let sent = 0; sent < 20; sent++) {
        outgoing.write('.')
        await passed(15)
      }
      outgoing.end('!')
    })
    await using gateway = await openGateway({ config: makeShop(upstream.url, 'timeout: { idle: 5s }') })
    const answer = await send(gateway, paid(aRequest, await payFor(gateway, aRequest)))
    expect([answer.status, answer.text]).toEqual([200, `${'.'.repeat(20)}!`])
  })

  test.for([
    ['is reset right after its head', raw(`${head}Content-Length: 10\r\n\r\n`, 'reset'), 'upstream_cut_short'],
    ['is an event stream without an end', raw(events), 'upstream_cut_short'],
    ['has a chunk that is none after good ones', raw(`${events}zz\r\n`), 'upstream_cut_short'],
  ] as const)('%s is never shown, and the token works once the service is well', async ([, answer, code]) => {
    const clock = new TestClock(Date.now())
    await using upstream = await openUpstream(inTurn(answer, answerWith(200, 'made')))
    await using gateway = await openGateway({ config: makeShop(upstream.url), clock })
    const payment = await payFor(gateway, aRequest)
    const failed = await send(gateway, paid(aRequest, payment))
    expect([failed.status, failed.json().code, failed.headers['l402-payment']]).toEqual([502, code, 'unspent'])
    clock.advance(2_000)
    expect((await send(gateway, paid(aRequest, payment))).text).toBe('made')
  })

  test.for([
    ['ends early', '', raw(events)],
    ['is larger than it may be', 'result: { max_bytes: 100 }', raw(`${events}ff\r\n${'x'.repeat(255)}\r\n0\r\n\r\n`)],
  ] as const)('%s while it is streamed breaks off, and is never taken for whole', async ([, lines, answer]) => {
    const clock = new TestClock(Date.now())
    await using upstream = await openUpstream(inTurn(answer, answerWith(200, 'made')))
    await using gateway = await openGateway({ config: makeShop(upstream.url, ['stream: true', lines]), clock })
    const payment = await payFor(gateway, aRequest)
    const seen = await openRequest(gateway, paid(aRequest, payment))
      .then((opened) => opened.whole())
      .then(
        (bytes) => bytes.toString(),
        (error: Error) => error.message,
      )
    // Broken off after bytes were shown, or told as a failure when none were.
    expect(
      seen === 'aborted' ||
        (JSON.parse(seen) as { code: string }).code.startsWith('upstream_') ||
        seen.includes('result_too_large'),
    ).toBe(true)
    await idle(gateway)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'retryable', attempts: 1 } })
    clock.advance(2_000)
    expect((await send(gateway, paid(aRequest, payment))).text).toBe('made')
  })

  test('says 200 and in its body that it failed is a failure where the result has a schema', async () => {
    const clock = new TestClock(Date.now())
    const no = answerWith(200, '{"success":false,"error":"out of memory"}', { 'content-type': 'application/json' })
    const yes = answerWith(200, '{"success":true}', { 'content-type': 'application/json' })
    await using upstream = await openUpstream(inTurn(no, yes))
    const schema = 'result: { schema: { type: object, required: [success], properties: { success: { const: true } } } }'
    await using gateway = await openGateway({ config: makeShop(upstream.url, schema), clock })
    const payment = await payFor(gateway, aRequest)
    const failed = await send(gateway, paid(aRequest, payment))
    expect([failed.status, failed.json().code]).toEqual([502, 'result_mismatch'])
    expect(failed.text).not.toContain('out of memory')
    clock.advance(2_000)
    expect((await send(gateway, paid(aRequest, payment))).text).toBe('{"success":true}')
    const keys = upstream.calls.map(({ headers }) => headers['idempotency-key'])
    // A complete answer was given, so the second call must not look like a repetition of the first.
    expect(keys[1]).not.toBe(keys[0])
  })

  test.for([
    ['is announced by others', `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${head}Content-Length: 4\r\n\r\nmade`],
    ['is followed by more than it said', `${head}Content-Length: 4\r\n\r\nmade and more`],
  ] as const)('%s is taken as it is', async ([, bytes]) => {
    await using upstream = await openUpstream(raw(bytes))
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const answer = await send(gateway, paid(aRequest, await payFor(gateway, aRequest)))
    expect([answer.status, answer.text]).toEqual([200, 'made'])
  })
})

test('a client that retries every second through an outage of ten minutes loses nothing', async () => {
  const clock = new TestClock(Date.now())
  const first = await openUpstream(answerWith(503))
  const { url, port } = first
  await using gateway = await openGateway({ config: makeShop(url), clock })
  const payment = await payFor(gateway, aRequest)
  let upstream = first
  let calls = 0
  for (let second = 0; second < 600; second++) {
    if (second === 200) {
      calls += upstream.calls.length
      await upstream[Symbol.asyncDispose]()
    }
    if (second === 400) upstream = await openUpstream(raw('', 'reset'), port)
    const answer = await send(gateway, paid(aRequest, payment))
    expect(answer.status === 502 || answer.status === 503).toBe(true)
    expect(answer.headers['l402-payment']).toBe('unspent')
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    clock.advance(1_000)
  }
  calls += upstream.calls.length
  // The service that is down is spared: not one call for every request of the client.
  expect(calls).toBeLessThan(15)
  expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'retryable', attempts: 0 } })
  upstream.answer = answerWith(200, 'made')
  let seconds = 0
  for (; seconds <= 60; seconds++) {
    const answer = await send(gateway, paid(aRequest, payment))
    if (answer.status === 200) break
    clock.advance(1_000)
  }
  expect(seconds).toBeLessThanOrEqual(60)
  expect(gateway.wallet.asked).toHaveLength(1)
  await upstream[Symbol.asyncDispose]()
})
