import { readFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { errorCatalogue } from '#src/errors.ts'
import { LedgerError, type LedgerErrorCode } from '#src/ports/ledger.ts'
import { type IssuedInvoice, WalletError, type WalletErrorCode } from '#src/ports/wallet.ts'
import { answerWith, hang, raw } from '../support/answers.ts'
import { type Answered, paid, payFor, type Sent, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { type Answer, openUpstream, type TestUpstream } from '../support/upstream.ts'
import { problemMembers } from './support/problem-members.ts'
import { long, tally } from './support/tally.ts'

/** A clock that may fail, which nothing expects. */
class FailingClock extends TestClock {
  trouble: Error | undefined

  override nowMs(): number {
    if (this.trouble) throw this.trouble
    return super.nowMs()
  }
}

/** Stands wherever another program can put a word of its own. */
const canary = 'canary at /srv/secret.py:7'
const clock = new FailingClock(Date.now())
const open = new AsyncDisposableStack()
let upstream: TestUpstream
let gateway: TestGateway

const tls = (name: string) => readFileSync(new URL(`../support/tls/${name}`, import.meta.url))

beforeAll(async () => {
  upstream = open.use(await openUpstream())
  const untrusted = createTlsServer({ key: tls('self-signed.key'), cert: tls('self-signed.crt') })
  await new Promise<void>((resolve) => untrusted.listen(0, '127.0.0.1', resolve))
  open.defer(() => new Promise((resolve) => void untrusted.close(() => resolve())))
  const gone = await openUpstream()
  await gone[Symbol.asyncDispose]()
  const service = (name: string, url: string, more = ''): string =>
    `  POST /${name}: { name: ${name}, upstream: { url: "${url}", breaker: off }, price: { flat: 7 }, attempts: 20 ${more} }
  GET /free-${name}: { name: free-${name}, upstream: { url: "${url}", breaker: off }, price: free, timeout: { total: 200ms } }
`
  gateway = open.use(
    await openGateway({
      config: `
services:
${service('make', upstream.url)}${service('small', upstream.url, ', result: { max_bytes: 10 }')}${service(
  'promised',
  upstream.url,
  ', result: { schema: { type: object, required: [url], properties: { url: { type: string } } } }',
)}${service('quick', upstream.url, ', timeout: { total: 100ms }')}${service('streamed', upstream.url, ', stream: true')}${service(
  'job',
  upstream.url,
  `, upstream_job: { id: id, poll: { url: "/jobs/{id}" }, state: { field: status, done: [done], failed: [failed] } }`,
)}${service('gone', gone.url)}${service('untrusted', `https://127.0.0.1:${(untrusted.address() as AddressInfo).port}`)}${service(
  'no-tls',
  upstream.url.replace('http:', 'https:'),
)}`,
      clock,
      logLevel: 'silent',
    }),
  )
})
afterAll(() => open.disposeAsync())

function expectOnlyOurs(answer: Answered): void {
  const problem = answer.json() as ReturnType<Answered['json']> & { instance: string }
  expect(errorCatalogue).toHaveProperty(problem.code)
  expect(problem).toMatchObject({ status: answer.status, instance: answer.headers['x-request-id'] })
  expect(Object.keys(problem).filter((key) => !problemMembers.has(key))).toEqual([])
  // The id is random, and may spell anything.
  const said = `${answer.text}${JSON.stringify(answer.headers)}`.replaceAll(problem.instance, '')
  expect(said).not.toMatch(/canary|secret|srv|node:|\.ts\b|\.js\b|\bat (?:file:|async |\/)|Error\b.*:/)
  expect(said).not.toMatch(/\b(?:ECONN|ENOTFOUND|EAI_|EPIPE|EPROTO|ETIMEDOUT|ERR_|UND_|SQLITE)/)
  expect(said).not.toContain(new URL(upstream.url).host)
  expect(said).not.toMatch(/127\.0\.0\.1:|self.signed|certificate|socket|undici|terminated|aborted/i)
}

const head = `HTTP/1.1 200 ${canary}\r\nX-Debug: ${canary}\r\n`
const failures: readonly (readonly [string, Answer, path?: string])[] = [
  ...(long
    ? [401, 402, 407, 408, 409, 425, 429, 500, 501, 502, 503, 504, 511, 599, 202, 206, 302, 304]
    : [402, 409, 429, 500, 302]
  ).map(
    (status) =>
      [
        `an answer of ${status}`,
        answerWith(status, canary.repeat(status === 304 ? 0 : 1), { 'x-debug': canary }),
      ] as const,
  ),
  ['a change of protocols', raw(`HTTP/1.1 101 ${canary}\r\nConnection: Upgrade\r\nUpgrade: ${canary}\r\n\r\n`)],
  ['a reset', raw('', 'reset')],
  ['a close', raw('')],
  ['a reset in its head', raw(`HTTP/1.1 200 OK\r\nX-Debug: ${canary}`, 'reset')],
  ['a reset in its body', raw(`${head}Content-Length: 99\r\n\r\n${canary}`, 'reset')],
  ['a body that is short', raw(`${head}Content-Length: 99\r\n\r\n${canary}`)],
  ['chunks without an end', raw(`${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`)],
  ['a chunk that is none', raw(`${head}Transfer-Encoding: chunked\r\n\r\n${canary}\r\n`)],
  ['no HTTP', raw(`${canary}\r\n\r\n`)],
  ['two lengths', raw(`${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n${canary}`)],
  ['a header that is none', raw(`${head}${canary}\r\n\r\n`)],
  ['a head without end', raw(`HTTP/1.1 200 OK\r\nX: ${'canary'.repeat(20_000)}`)],
  ['no end of its own', raw(`${head}\r\n${canary}`)],
  ['too much', answerWith(200, canary), '/small'],
  ['not what was promised', answerWith(200, JSON.stringify({ canary })), '/promised'],
  ['no JSON where that was promised', answerWith(200, canary), '/promised'],
  ['nothing in time', hang, '/quick'],
  ['a head and nothing more in time', raw(`${head}Content-Length: 99\r\n\r\n`, 'hang'), '/quick'],
  ['an error before it streams', answerWith(500, canary), '/streamed'],
  ['a job that fails', answerWith(202, JSON.stringify({ id: '7', status: 'failed', error: canary })), '/job'],
  ['a job without an id', answerWith(202, JSON.stringify({ error: canary })), '/job'],
  ['nobody there', hang, '/gone'],
  ['a certificate that nobody trusts', hang, '/untrusted'],
  ['no TLS', hang, '/no-tls'],
]

describe('an upstream that fails with', () => {
  test.for(failures)('%s is told of in our own words', async ([, answer, path = '/make'], context) => {
    tally(context, { kind: 'error texts', tried: 3 })
    const request: Sent = { path, body: { prompt: 'a cat' } }
    const payment = await payFor(gateway, request)
    upstream.answer = answer
    const first = await send(gateway, paid(request, payment))
    expect(first.status).toBeGreaterThanOrEqual(500)
    expectOnlyOurs(first)
    expectOnlyOurs(await send(gateway, paid(request, payment)))
    clock.advance(120_000)
  })

  test.for([
    ['a reset', raw('', 'reset'), '/free-make'],
    ['no HTTP', raw(`${canary}\r\n\r\n`), '/free-make'],
    ['a header that is none', raw(`${head}${canary}\r\n\r\n`), '/free-make'],
    ['nothing in time', hang, '/free-make'],
    ['a bill of its own', answerWith(402, canary), '/free-make'],
    ['nobody there', hang, '/free-gone'],
    ['a certificate that nobody trusts', hang, '/free-untrusted'],
  ] as const)('%s on a free route, too', async ([, answer, path], context) => {
    tally(context, { kind: 'error texts', tried: 1 })
    upstream.answer = answer
    const failed = await send(gateway, { path })
    expect(failed.status).toBeGreaterThanOrEqual(502)
    expectOnlyOurs(failed)
    expect(failed.json().payment).toBeUndefined()
  })
})

describe('a wallet that fails with', () => {
  const codes: readonly WalletErrorCode[] = [
    'unavailable',
    'timeout',
    'unauthorized',
    'rate_limited',
    'protocol',
    'rejected',
    'bad_amount',
  ]
  const wrong: readonly (readonly [string, (made: IssuedInvoice) => IssuedInvoice])[] = [
    ['no invoice at all', () => undefined as unknown as IssuedInvoice],
    ['text for an invoice', (made) => ({ ...made, bolt11: canary })],
    ['another hash', (made) => ({ ...made, paymentHash: 'ab'.repeat(32) })],
    ['no hash', (made) => ({ ...made, paymentHash: canary })],
    ['another amount', (made) => ({ ...made, amountMsat: 1n })],
  ]
  const failing: readonly (readonly [string, () => Promise<IssuedInvoice>])[] = [
    ...codes.map((code) => [code, () => Promise.reject(new WalletError(code, canary))] as const),
    ['an error that is none of a wallet’s', () => Promise.reject(new TypeError(canary))],
    ['a word for an error', () => Promise.reject(canary)],
    [
      'an error at once',
      () => {
        throw new Error(canary)
      },
    ],
  ]

  test.for(failing)('%s is told of in our own words', async ([, instead], context) => {
    tally(context, { kind: 'error texts', tried: 1 })
    gateway.wallet.instead = instead
    expectOnlyOurs(await send(gateway, { path: '/make', body: {} }))
    gateway.wallet.instead = undefined
    clock.advance(120_000)
  })

  test.for(wrong)('%s is told of in our own words', async ([, change], context) => {
    tally(context, { kind: 'error texts', tried: 1 })
    const expiresAt = Math.floor(clock.nowMs() / 1000) + 600
    const bolt11 = (await send(gateway, { path: '/make', body: {} })).json().invoice
    gateway.wallet.instead = () =>
      Promise.resolve(change({ bolt11, paymentHash: 'cd'.repeat(32), amountMsat: 7_000n, expiresAt, ref: canary }))
    expectOnlyOurs(await send(gateway, { path: '/make', body: {} }))
    gateway.wallet.instead = undefined
    clock.advance(120_000)
  })
})

test.for(['full', 'readonly', 'io', 'busy'] as const satisfies LedgerErrorCode[])(
  'a ledger that fails (%s) is told of in our own words',
  async (code, context) => {
    tally(context, { kind: 'error texts', tried: 1 })
    const request: Sent = { path: '/make', body: { prompt: 'a cat' } }
    const payment = await payFor(gateway, request)
    using claim = vi.spyOn(gateway.running.context.ledger, 'claim').mockRejectedValueOnce(new LedgerError(code, canary))
    expectOnlyOurs(await send(gateway, paid(request, payment)))
    expect(claim).toHaveBeenCalledOnce()
  },
)

test('what nobody expected has a code, a title and an id, and no more', async (context) => {
  tally(context, { kind: 'error texts', tried: 3 })
  const request: Sent = { path: '/make', body: { prompt: 'a cat' } }
  const payment = await payFor(gateway, request)
  const sendings = [request, paid(request, payment), { path: '/l402/quote/make', body: {} }]
  clock.trouble = new Error(canary)
  const answers = await Promise.all(sendings.map((sent) => send(gateway, sent)))
  clock.trouble = undefined
  upstream.answer = answerWith(200, 'made')
  const failed = answers.filter(({ status }) => status === 500)
  expect(failed.length).toBeGreaterThanOrEqual(2)
  for (const answer of failed) {
    expectOnlyOurs(answer)
    expect(answer.json()).toMatchObject({ code: 'internal', title: 'Internal error' })
    expect(answer.json()).not.toHaveProperty('detail')
  }
  expect((await send(gateway, paid(request, payment))).status).toBe(200)
})
