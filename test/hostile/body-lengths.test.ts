import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { connectTo, headOf } from '../support/raw-socket.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { sendRaw } from './support/raw-client.ts'
import { long, tally } from './support/tally.ts'

const limit = 200
const KiB = 1024

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `
services:
  POST /make:
    name: make
    upstream: ${upstream.url}
    price: { per_char: { of: prompt, rate: 1 } }
    request: { max_bytes: ${limit} }
  POST /raw: { name: raw, upstream: "${upstream.url}", price: { flat: 7 }, request: { max_bytes: ${limit} } }
  POST /text:
    name: text
    upstream: ${upstream.url}
    price:
      per_char: { of: prompt, rate: { by: model, default: cheap, table: { cheap: 1, best: 100 } } }
    request: { max_bytes: ${2 * KiB}KiB }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** JSON of exactly so many bytes. */
const jsonOf = (bytes: number): string => `{"prompt":"${'x'.repeat(bytes - 13)}"}`
const inChunks = (body: string, size: number): string =>
  `${(body.match(new RegExp(`.{1,${size}}`, 'gs')) ?? []).map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`

/** Nothing was sold and nothing was called for. */
async function refusals(count: number, refuse: () => Promise<void>): Promise<void> {
  const before = [gateway.wallet.asked.length, upstream.calls.length]
  for (let at = 0; at < count; at++) await refuse()
  expect([gateway.wallet.asked.length, upstream.calls.length]).toEqual(before)
}

describe.for(['/make', '/raw'])('a body for %s', (path) => {
  test.for([1, 7, limit, limit + 1])(
    'of one byte too much, in chunks of %i, is refused before there is an invoice',
    async (size, context) => {
      tally(context, { kind: 'body lengths', tried: 2 })
      const chunked = headOf(path, 'Transfer-Encoding: chunked')
      const within = await sendRaw(gateway, chunked + inChunks(jsonOf(limit), size))
      expect(within.statuses).toEqual([402])
      await refusals(1, async () => {
        const beyond = await sendRaw(gateway, chunked + inChunks(jsonOf(limit + 1), size))
        expect(beyond.statuses).toEqual([413])
      })
    },
  )

  test('is refused by the length that it says, before any of it has come', async (context) => {
    tally(context, { kind: 'body lengths', tried: 3 })
    for (const bytes of [limit + 1, 2 ** 31, Number.MAX_SAFE_INTEGER])
      await refusals(1, async () => {
        const { socket, until } = await connectTo(gateway)
        socket.write(headOf(path, `Content-Length: ${bytes}`))
        expect(await until(/\r\n\r\n.*\n/s)).toMatch(/^HTTP\/1.1 413 /)
        socket.destroy()
      })
  })

  test('that says more than comes is no request when the client hangs up', async (context) => {
    tally(context, { kind: 'body lengths', tried: 2 })
    const body = jsonOf(100)
    await refusals(1, async () => {
      for (const lie of [body.length + 1, limit]) {
        const { socket, until } = await connectTo(gateway)
        socket.end(headOf(path, `Content-Length: ${lie}`) + body)
        const text = await until(/never/)
        expect(text).not.toMatch(/HTTP\/1.1 (?:200|402)/)
      }
    })
  })

  test('that says less than comes is what it says, and the rest is no request', async (context) => {
    tally(context, { kind: 'body lengths', tried: 2 })
    const body = jsonOf(100)
    const calls = upstream.calls.length
    for (const lie of [0, 50]) {
      const answer = await sendRaw(gateway, headOf(path, `Content-Length: ${lie}`) + body, { answers: 2, quietMs: 150 })
      // What is left over is no request, which may be noticed before the first one is answered.
      expect(answer.statuses.length).toBeGreaterThan(0)
      expect(answer.statuses.filter((status) => status !== 400 && (path === '/make' || status !== 402))).toEqual([])
    }
    expect(upstream.calls).toHaveLength(calls)
  })
})

describe('what is priced is the whole body', () => {
  /** Around every size that something between socket and price might hold at once. */
  const around = [16 * KiB, 64 * KiB, 128 * KiB, 1024 * KiB, 2 * KiB * KiB]
  const sizes = [...(long ? [1, 2, 4, 8, 32, 256, 512].map((size) => size * KiB) : []), ...around]
    .flatMap((size) => [size - 1, size, size + 1])
    .filter((size) => size <= 2 * KiB * KiB)

  const field = '"prompt":"abcde","model":"best"'
  const pad = (bytes: number): string => `"pad":"${'x'.repeat(bytes - field.length - 11)}"`

  test.for(sizes)(
    'of %i bytes: the price is the same, wherever in it the priced fields stand',
    async (bytes, context) => {
      tally(context, { kind: 'body lengths', tried: 4 })
      for (const body of [`{${field},${pad(bytes)}}`, `{${pad(bytes)},${field}}`]) {
        expect(body).toHaveLength(bytes)
        const request: Sent = { method: 'POST', path: '/text', body, headers: { 'content-type': 'application/json' } }
        const asked = await send(gateway, request)
        expect([asked.status, asked.json().amountMsat]).toEqual([402, 500_000])
        const chunked = await sendRaw(gateway, headOf('/text', 'Transfer-Encoding: chunked') + inChunks(body, 50_000))
        expect(chunked.text).toContain('"amountMsat":500000,')
      }
    },
  )

  test('and the whole body is what the upstream gets, at the limit too', async (context) => {
    tally(context, { kind: 'body lengths', tried: 2 })
    const body = `{${pad(2 * KiB * KiB)},${field}}`
    const request: Sent = { method: 'POST', path: '/text', body, headers: { 'content-type': 'application/json' } }
    expect((await send(gateway, paid(request, await payFor(gateway, request)))).status).toBe(200)
    expect(upstream.calls.at(-1)?.body.toString() === body).toBe(true)
    expect((await send(gateway, { ...request, body: `${body} ` })).status).toBe(413)
  })
})
