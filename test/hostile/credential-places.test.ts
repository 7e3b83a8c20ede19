import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Payment, payFor, type Sent, send } from '../support/buyer.ts'
import { attenuate } from '../support/clients-attenuate.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type ReceivedCall, type TestUpstream } from '../support/upstream.ts'
import { sendRaw } from './support/raw-client.ts'
import { tally } from './support/tally.ts'

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `
upstreams:
  keyed: { url: "${upstream.url}", headers: { Authorization: Bearer operators-own } }
services:
  POST /make: { name: make, upstream: "${upstream.url}", price: { flat: 7 } }
  POST /keyed: { name: keyed, upstream: { use: keyed }, price: { flat: 7 } }
  /free/*: { name: free, upstream: "${upstream.url}", price: free }
  /keyed-free/*: { name: keyed-free, upstream: { use: keyed }, price: free }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const hexOf = (token: string): string => Buffer.from(token, 'base64').toString('hex')
const withPreimage = ({ token, preimage }: Payment): string => attenuate(token, [`preimage=${preimage}`])

type Place = readonly [where: string, put: (payment: Payment) => Record<string, string>]

/** Where other gateways look for a payment too, or where a client might leave it. */
const headers: readonly Place[] = [
  ['Macaroon', (payment) => ({ macaroon: hexOf(withPreimage(payment)) })],
  ['Macaroon in base64', (payment) => ({ macaroon: withPreimage(payment) })],
  ['Grpc-Metadata-Macaroon', (payment) => ({ 'grpc-metadata-macaroon': hexOf(withPreimage(payment)) })],
  ['Proxy-Authorization', ({ authorization }) => ({ 'proxy-authorization': authorization.authorization })],
  ['Cookie', ({ token, preimage }) => ({ cookie: `L402=${token}:${preimage}; token=${token}; preimage=${preimage}` })],
  ['L402', ({ token, preimage }) => ({ l402: `${token}:${preimage}` })],
  ['X-L402', ({ authorization }) => ({ 'x-l402': authorization.authorization })],
  ['X-Authorization', ({ authorization }) => ({ 'x-authorization': authorization.authorization })],
  ['X-Forwarded-Authorization', ({ authorization }) => ({ 'x-forwarded-authorization': authorization.authorization })],
  ['Authentication', ({ authorization }) => ({ authentication: authorization.authorization })],
  ['WWW-Authenticate', ({ authorization }) => ({ 'www-authenticate': authorization.authorization })],
  ['X-Payment and X-Preimage', ({ token, preimage }) => ({ 'x-payment': token, 'x-preimage': preimage })],
  ['Referer', ({ token, preimage }) => ({ referer: `http://shop.example/?t=${token}:${preimage}` })],
]

const wireOf = ({ rawHeaders, url, body }: ReceivedCall): string =>
  `${rawHeaders.join('\n')}\n${url}\n${body.toString()}`

function expectNothingOf(payment: Payment, call: ReceivedCall | undefined): void {
  const wire = call ? wireOf(call) : 'no call'
  for (const secret of [payment.preimage, payment.token.slice(0, 100), hexOf(payment.token).slice(0, 100)])
    expect(wire).not.toContain(secret)
  expect(call).toBeDefined()
}

describe('a payment that stands somewhere else than in Authorization', () => {
  test.for(headers)('is nothing in %s, and the upstream is not told of it', async ([, put], context) => {
    tally(context, { kind: 'presentations', tried: 3 })
    const request: Sent = { path: '/make', body: { prompt: 'a cat' } }
    const payment = await payFor(gateway, request)
    const calls = upstream.calls.length
    const elsewhere = await send(gateway, { ...request, headers: put(payment) })
    expect([elsewhere.status, elsewhere.json().code]).toEqual([402, 'payment_required'])
    expect(upstream.calls).toHaveLength(calls)
    const both = await send(gateway, { ...request, headers: { ...put(payment), ...payment.authorization } })
    expect([both.status, both.headers['l402-payment']]).toEqual([200, 'spent'])
    expectNothingOf(payment, upstream.calls.at(-1))
    const free = await send(gateway, { path: '/free/a', headers: put(payment) })
    expect(free.status).toBe(200)
    expectNothingOf(payment, upstream.calls.at(-1))
  })

  test('is nothing in the query or the body of the very request that it was made for', async (context) => {
    const fill = ['token', 'preimage', 'macaroon', 'authorization', 'access_token', 'l402']
    tally(context, { kind: 'presentations', tried: 2 * fill.length })
    const { token, preimage } = await payFor(gateway, { path: '/make', body: {} })
    const credential = `L402 ${token}:${preimage}`
    const calls = upstream.calls.length
    for (const name of fill) {
      const value = name === 'preimage' ? preimage : name === 'token' || name === 'macaroon' ? token : credential
      const inQuery = await send(gateway, { path: `/make?${name}=${encodeURIComponent(value)}`, body: {} })
      const inBody = await send(gateway, { path: '/make', body: { [name]: value } })
      expect([inQuery, inBody].map((answer) => [answer.status, answer.json().code])).toEqual([
        [402, 'payment_required'],
        [402, 'payment_required'],
      ])
    }
    expect(upstream.calls).toHaveLength(calls)
  })
})

describe('Authorization, as the upstream sees it', () => {
  const beside: readonly (readonly [string, readonly string[]])[] = [
    ['nothing', []],
    ['Bearer before it', ['Bearer clients-own']],
    ['Basic and Bearer before it', ['Basic Y2xpZW50cy1vd24=', 'Bearer clients-own']],
  ]
  const places = ['/make', '/keyed', '/free/a', '/keyed-free/a'] as const

  test.for(places.flatMap((path) => beside.map(([what, lines]) => ({ path, what, lines }))))(
    'is the operator’s own or none at $path, with $what',
    async ({ path, lines }, context) => {
      tally(context, { kind: 'presentations', tried: 3 })
      const request: Sent = { path, method: 'POST', body: { prompt: 'a cat' } }
      for (const spell of [
        (own: string) => [own],
        (own: string) => [own.replace('L402', 'LSAT'), own],
        (own: string) => [own, own],
      ]) {
        // A free route is sent a payment for something else.
        const { authorization } = await payFor(gateway, path.includes('free') ? { ...request, path: '/make' } : request)
        const calls = upstream.calls.length
        const answer = await send(gateway, {
          ...request,
          headers: { authorization: [...lines, ...spell(authorization.authorization)] },
        })
        expect(answer.status).toBe(200)
        expect(upstream.calls).toHaveLength(calls + 1)
        expect(authorizationsOf(upstream.calls.at(-1))).toEqual(path.includes('keyed') ? ['Bearer operators-own'] : [])
      }
    },
  )

  test.for(['/make', '/keyed', '/free/a', '/keyed-free/a'] as const)(
    'is not another one where the client waits for 100 Continue at %s',
    async (path, context) => {
      tally(context, { kind: 'presentations', tried: 1 })
      const body = '{"prompt":"a cat"}'
      const request: Sent = { path, method: 'POST', body, headers: { 'content-type': 'application/json' } }
      const { authorization } = await payFor(gateway, path.includes('free') ? { ...request, path: '/make' } : request)
      const lines = [
        `POST ${path} HTTP/1.1`,
        `Host: ${new URL(gateway.url).host}`,
        'Expect: 100-continue',
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        `Authorization: ${authorization.authorization}`,
      ]
      const answer = await sendRaw(gateway, [`${lines.join('\r\n')}\r\n\r\n`, body])
      expect(answer.statuses).toEqual([200])
      expect(authorizationsOf(upstream.calls.at(-1))).toEqual(path.includes('keyed') ? ['Bearer operators-own'] : [])
      expect(upstream.calls.at(-1)).toMatchObject({ url: path, body: Buffer.from(body) })
      expect(wireOf(upstream.calls.at(-1) as ReceivedCall)).not.toMatch(/expect|L402/i)
    },
  )
})

/** Whatever names the values of Authorization go by. */
const authorizationsOf = (call: ReceivedCall | undefined): string[] =>
  (call?.rawHeaders ?? []).filter((_, at, all) => at % 2 === 1 && /authoriz/i.test(all[at - 1] ?? ''))
