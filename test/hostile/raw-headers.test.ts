import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { payFor } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { makeRandom, runSeed } from './support/random.ts'
import { sendRaw } from './support/raw-client.ts'
import { openRawUpstream, type RawUpstream, type WireRequest } from './support/raw-upstream.ts'
import { scale, tally } from './support/tally.ts'

let upstream: RawUpstream
let gateway: TestGateway
let host: string

beforeAll(async () => {
  upstream = await openRawUpstream()
  gateway = await openGateway({
    config: `
upstreams:
  keyed:
    url: ${upstream.url}
    headers: { Authorization: Bearer operators-own, X-Api-Key: operators-own, X-Auth-User: operators-own }
services:
  POST /make: { name: make, upstream: { use: keyed }, price: { flat: 7 } }
  /free/*: { name: free, upstream: { use: keyed }, price: free }
`,
    logLevel: 'silent',
  })
  host = new URL(gateway.url).host
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** Names that decide something at some server, and those that the gateway or its operator sets. */
const names = [
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-Prefix',
  'X-Forwarded-Port',
  'X-Forwarded-Uri',
  'X-Forwarded-Method',
  'X-Forwarded-User',
  'Forwarded',
  'X-Original-URL',
  'X-Original-Method',
  'X-Original-Uri',
  'X-Rewrite-URL',
  'X-Real-IP',
  'X-Client-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'Client-IP',
  'Via',
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'X-Request-Id',
  'Idempotency-Key',
  'X-Api-Key',
  'X-Auth-User',
  'Authorization',
  'Proxy-Authorization',
  'Cookie',
  'Macaroon',
  'Grpc-Metadata-Macaroon',
  'Host',
  'Content-Length',
  'Transfer-Encoding',
  'TE',
  'Trailer',
  'Upgrade',
  'Keep-Alive',
  'Proxy-Connection',
  'L402-New',
  'Prefer',
  'Referer',
  'X-Amzn-Trace-Id',
  'Surrogate-Capability',
  'X-Accel-Redirect',
  'X-Sendfile',
]

const spellings: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => name.toLowerCase(),
  (name) => name.toUpperCase(),
  (name) => name.replaceAll('-', '_'),
  (name) => name.toLowerCase().replaceAll('-', '_'),
  (name) => name.replaceAll('-', '.'),
  (name) => name.replace('-', '_'),
  (name) => `${name}_`,
  (name) => `_${name}`,
  (name) => `${name}.`,
  (name) => `HTTP_${name.toUpperCase().replaceAll('-', '_')}`,
  (name) => `${name}~`,
]

/** These end the request, or frame it, in their own spelling: the framing corpus has them. */
const framing = new Set(['host', 'content-length', 'transfer-encoding', 'upgrade', 'expect'])
const forged = names
  .flatMap((name) => spellings.map((spell) => spell(name)))
  .filter((name) => !framing.has(name.toLowerCase()))

const expectedNames = [
  'connection',
  'content-length',
  'content-type',
  'host',
  'authorization',
  'x-api-key',
  'x-auth-user',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
]

async function sendThrough(target: string, lines: readonly string[]): Promise<WireRequest> {
  const body = '{"prompt":"a cat"}'
  const headers = { 'content-type': 'application/json' }
  const credential =
    target === '/make'
      ? (await payFor(gateway, { path: target, body, headers, method: 'POST' })).authorization
      : undefined
  const head = [
    `POST ${target} HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: application/json',
    ...(credential ? [`Authorization: ${credential.authorization}`] : []),
    ...lines,
    `Content-Length: ${body.length}`,
  ]
  const before = upstream.requests.length
  const answer = await sendRaw(gateway, `${head.join('\r\n')}\r\n\r\n${body}`)
  expect(answer.statuses).toEqual([200])
  expect(upstream.requests).toHaveLength(before + 1)
  const reached = upstream.requests.at(-1)
  if (!reached) throw new Error('nothing reached the upstream')
  return reached
}

function expectOurs({ headers }: WireRequest, target: string): void {
  const sent = headers.map(([name]) => name.toLowerCase())
  const own = target === '/make' ? [...expectedNames, 'idempotency-key'] : expectedNames
  expect(sent.toSorted()).toEqual(own.toSorted())
  const values = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]))
  expect(values).toMatchObject({
    authorization: 'Bearer operators-own',
    'x-api-key': 'operators-own',
    'x-auth-user': 'operators-own',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': host,
    'x-forwarded-proto': 'http',
    host: new URL(upstream.url).host,
  })
  expect(headers.map(([, value]) => value).join('\n')).not.toMatch(/forged|macaroon|L402/i)
}

describe.for(['/free/a', '/make'] as const)('on the way to %s', (target) => {
  test('forged headers in every spelling never arrive, and ours arrive once', async (context) => {
    // A second credential line would be another payment; that is refused, which other tests show.
    const lines = forged.filter((name) => name.toLowerCase() !== 'authorization').map((name) => `${name}: forged`)
    for (let at = 0; at < lines.length; at += 100)
      expectOurs(await sendThrough(target, lines.slice(at, at + 100)), target)
    tally(context, { kind: 'forged headers', tried: lines.length })
  })

  test('a header that Connection nominates takes nothing of ours away', async (context) => {
    const nominated = [
      'X-Forwarded-For',
      'X-Api-Key',
      'Idempotency-Key',
      'Authorization',
      'Host',
      'Content-Length',
      'X-Request-Id',
    ]
    const variants = nominated.flatMap((name) => [
      `Connection: ${name}`,
      `Connection: close, ${name.toLowerCase()}`,
      `Connection: keep-alive\r\nConnection: ${name}`,
      `connection:${name} ,\t${name}`,
    ])
    for (const line of variants) expectOurs(await sendThrough(target, [line, 'X-Forwarded-For: forged']), target)
    tally(context, { kind: 'forged headers', tried: variants.length })
  })

  test('any mixture of them does no more', async (context) => {
    const random = makeRandom(runSeed)
    const runs = scale(20, 600)
    const choices = forged.filter((name) => name.toLowerCase() !== 'authorization')
    for (let run = 0; run < runs; run++) {
      const lines = Array.from({ length: 1 + random.below(30) }, () => {
        const name = random.of(choices)
        return random.below(4) === 0 ? `Connection: ${name}` : `${name}:${random.of([' ', '', '\t'])}forged`
      })
      // A client's own Connection: Upgrade is no forgery; it asks for what the corpus has.
      const asked = lines.filter((line) => !/^connection: *(upgrade|content-type)/i.test(line))
      expectOurs(await sendThrough(target, asked), target)
    }
    tally(context, { kind: 'forged headers', tried: runs, note: `seed ${runSeed}` })
  })
})

describe('a method that is not offered', () => {
  const smuggled = (): string => `POST /make HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`

  test.for(['TRACE', 'TRACK', 'CONNECT', 'PROPFIND', 'MOVE', 'SEARCH', 'PURGE', 'PRI', 'QUERY', 'LOCK', 'GETT', 'get'])(
    '%s reaches nothing, nor does what comes behind it',
    async (method, context) => {
      tally(context, { kind: 'methods', tried: 4 })
      const before = upstream.requests.length
      for (const target of ['/free/a', '/make', host, '*']) {
        const bytes = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${smuggled().length}\r\n\r\n${smuggled()}`
        const { statuses } = await sendRaw(gateway, bytes, { answers: 2, quietMs: 150 })
        expect(statuses.filter((status) => status < 400)).toEqual([])
      }
      expect(upstream.requests).toHaveLength(before)
    },
  )

  test.for(['GET', 'HEAD'])('%s with a body reaches nothing', async (method, context) => {
    tally(context, { kind: 'methods', tried: 4 })
    const before = upstream.requests.length
    const body = smuggled()
    for (const framed of [
      `Content-Length: ${body.length}\r\n\r\n${body}`,
      `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ])
      for (const target of ['/free/a', '/make']) {
        const { statuses } = await sendRaw(gateway, `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${framed}`, {
          quietMs: 150,
        })
        expect(statuses[0]).toBe(target === '/make' ? 405 : 400)
      }
    expect(upstream.requests).toHaveLength(before)
  })
})
