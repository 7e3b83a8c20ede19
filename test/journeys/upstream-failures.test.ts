import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerWith, hang, raw } from '../support/answers.ts'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { idle, rowIn } from '../support/shop.ts'
import { type Answer, echo, openUpstream, type TestUpstream } from '../support/upstream.ts'

const config = (upstream: string) => `
services:
  POST /make: { name: make, upstream: "${upstream}/make", price: { flat: 7 }, attempts: 20 }
  POST /unframed: { name: unframed, upstream: "${upstream}/make", price: { flat: 7 }, allow_unframed: true }
  POST /small: { name: small, upstream: "${upstream}/make", price: { flat: 7 }, result: { max_bytes: 10 } }
  POST /promised:
    name: promised
    upstream: ${upstream}/make
    price: { flat: 7 }
    result: { schema: { type: object, properties: { url: { type: string } }, required: [url] } }
  POST /total: { name: total, upstream: "${upstream}/make", price: { flat: 7 }, timeout: { total: 150ms } }
  POST /first: { name: first, upstream: "${upstream}/make", price: { flat: 7 }, timeout: { first_byte: 100ms } }
  POST /idle: { name: idle, upstream: "${upstream}/make", price: { flat: 7 }, timeout: { idle: 100ms } }
`

interface Failure {
  readonly name: string
  readonly answer: Answer
  readonly status: number
  readonly code: string
  readonly counted: boolean
  readonly path?: string
  readonly retryAfter?: string
  /** What the upstream does well at last. */
  readonly well?: Answer
}

const head = 'HTTP/1.1 200 OK\r\n'
const trickle: Answer = async (_call, outgoing) => {
  outgoing.writeHead(200)
  for (let sent = 0; sent < 40 && !outgoing.destroyed; sent++) {
    outgoing.write('.')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const promised = answerWith(200, '{"url":"https://example.com/song"}', { 'content-type': 'application/json' })

const refused = { status: 502, code: 'upstream_answer_refused', counted: true }
const failed = { status: 502, code: 'upstream_failed', counted: true }
const cut = { status: 502, code: 'upstream_cut_short', counted: true }
const busy = { status: 503, code: 'upstream_busy', counted: false }
const late = { status: 504, code: 'upstream_timeout', counted: true }

const failures: readonly Failure[] = [
  { name: 'an error', answer: answerWith(500, 'stack trace with secrets'), ...failed },
  { name: 'an error of another kind', answer: answerWith(501), ...failed },
  { name: 'a bad gateway behind it', answer: answerWith(502), ...failed, counted: false },
  { name: 'being busy', answer: answerWith(503), ...busy },
  { name: 'being busy for 7 s', answer: answerWith(503, '', { 'retry-after': '7' }), ...busy, retryAfter: '7' },
  { name: 'being busy for an hour', answer: answerWith(503, '', { 'retry-after': '3600' }), ...busy, retryAfter: '60' },
  { name: 'too many requests', answer: answerWith(429, '', { 'retry-after': '3' }), ...busy, retryAfter: '3' },
  { name: 'a request timeout of its own', answer: answerWith(408), ...busy },
  { name: 'being too early', answer: answerWith(425), ...busy },
  { name: 'a conflict', answer: answerWith(409), ...failed, counted: false },
  { name: 'a timeout behind it', answer: answerWith(504), ...late, counted: false },
  { name: 'a part', answer: answerWith(206, 'par', { 'content-range': 'bytes 0-2/6' }), ...refused },
  { name: 'having accepted it', answer: answerWith(202, '{}'), ...refused },
  { name: 'a redirect', answer: answerWith(302, '', { location: 'http://127.0.0.1:1/elsewhere' }), ...refused },
  { name: 'nothing new', answer: answerWith(304), ...refused },
  { name: 'a login', answer: answerWith(401, '', { 'www-authenticate': 'Basic realm="upstream"' }), ...refused },
  {
    name: 'a bill of its own',
    answer: answerWith(402, 'pay me', { 'www-authenticate': 'L402 macaroon="x"' }),
    ...refused,
  },
  { name: 'a proxy login', answer: answerWith(407), ...refused },
  { name: 'a reset before its answer', answer: raw('', 'reset'), ...cut, code: 'upstream_unreachable', counted: false },
  { name: 'a close before its answer', answer: raw('', 'end'), ...cut, code: 'upstream_unreachable', counted: false },
  { name: 'a reset within its answer', answer: raw(`${head}Content-Length: 10\r\n\r\nabc`, 'reset'), ...cut },
  { name: 'a body that is too short', answer: raw(`${head}Content-Length: 10\r\n\r\nabc`), ...cut },
  { name: 'chunks without an end', answer: raw(`${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`), ...cut },
  { name: 'a chunk that is none', answer: raw(`${head}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n`), ...cut },
  { name: 'an answer that is none', answer: raw('I am a teapot\r\n\r\n'), ...cut },
  { name: 'an end that is only the connection’s', answer: raw(`${head}\r\nall of it, perhaps`), ...cut },
  {
    name: 'being busy, in a body without an end',
    answer: raw('HTTP/1.1 503 Service Unavailable\r\n\r\nbusy'),
    ...busy,
  },
  {
    name: 'too much',
    path: '/small',
    answer: answerWith(200, '12345678901'),
    ...failed,
    code: 'result_too_large',
    well: answerWith(200, '1234567890'),
  },
  {
    name: 'another result than promised',
    path: '/promised',
    answer: answerWith(200, '{"error":"no"}'),
    ...failed,
    code: 'result_mismatch',
    well: promised,
  },
  {
    name: 'no JSON where that was promised',
    path: '/promised',
    answer: answerWith(200, '<html>'),
    ...failed,
    code: 'result_mismatch',
    well: promised,
  },
  { name: 'no end in time', path: '/total', answer: trickle, ...late },
  { name: 'no beginning in time', path: '/first', answer: hang, ...late },
  {
    name: 'a pause that is too long',
    path: '/idle',
    answer: raw(`${head}Content-Length: 10\r\n\r\nabc`, 'hang'),
    ...late,
  },
]

describe('an upstream that fails with', () => {
  const clock = new TestClock(Date.now())
  let upstream: TestUpstream
  let gateway: TestGateway
  beforeAll(async () => {
    upstream = await openUpstream()
    gateway = await openGateway({ config: config(upstream.url), clock })
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })

  test.for(failures.map((failure) => [failure.name, failure] as const))(
    '%s costs the buyer nothing: the same token works once it is well',
    async ([, { path = '/make', answer, status, code, counted, retryAfter = '1', well = echo }]) => {
      const request: Sent = { path, body: { prompt: 'a cat' } }
      const before = upstream.calls.length
      const payment = await payFor(gateway, request)
      upstream.answer = answer
      const first = await send(gateway, paid(request, payment))
      expect([first.status, first.json().code]).toEqual([status, code])
      expect(first.headers).toMatchObject({ 'l402-payment': 'unspent', 'retry-after': retryAfter })
      expect(first.json().payment).toEqual({ status: 'unspent', action: 'retry_same_token' })
      expect(first.headers['www-authenticate']).toBeUndefined()
      expect(first.text).not.toContain('secrets')
      await idle(gateway)
      expect(await rowIn(gateway, payment)).toMatchObject({
        job: { state: 'retryable', attempts: counted ? 1 : 0, failures: 1 },
      })

      // Before its time the failure is told again, without another call.
      const soon = await send(gateway, paid(request, payment))
      expect([soon.status, soon.json().code, soon.headers['retry-after']]).toEqual([status, code, retryAfter])
      expect(upstream.calls.length - before).toBe(1)

      clock.advance(Number(retryAfter) * 1_000)
      upstream.answer = well
      const last = await send(gateway, paid(request, payment))
      expect([last.status, last.headers['l402-payment']]).toEqual([200, 'spent'])
      expect(upstream.calls.length - before).toBe(2)
      expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured' } })
    },
  )

  test('nothing, and marks its end by its connection’s alone, is taken where that is allowed', async () => {
    const request: Sent = { path: '/unframed', body: { prompt: 'a cat' } }
    const payment = await payFor(gateway, request)
    upstream.answer = raw(`${head}Content-Type: text/plain\r\n\r\nall of it`)
    const answer = await send(gateway, paid(request, payment))
    expect([answer.status, answer.text, answer.headers['l402-payment']]).toEqual([200, 'all of it', 'spent'])
  })
})

test('an upstream that is not there costs the buyer nothing, and never counts', async () => {
  const clock = new TestClock(Date.now())
  const upstream = await openUpstream()
  const { url, port } = upstream
  await upstream[Symbol.asyncDispose]()
  await using gateway = await openGateway({ config: config(url), clock })
  const request: Sent = { path: '/make', body: { prompt: 'a cat' } }
  const payment = await payFor(gateway, request)
  // Twice as long to wait every time, up to a minute.
  for (const seconds of ['1', '2', '4', '8', '16', '32', '60', '60']) {
    const answer = await send(gateway, paid(request, payment))
    expect([answer.status, answer.json().code]).toEqual([502, 'upstream_unreachable'])
    expect(answer.headers).toMatchObject({ 'l402-payment': 'unspent', 'retry-after': seconds })
    expect(answer.text).not.toContain(String(port))
    clock.advance(Number(seconds) * 1_000)
  }
  expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'retryable', attempts: 0, failures: 8 } })
})
