import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { payFor } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { sendRaw } from './support/raw-client.ts'
import { openRawUpstream, type RawUpstream } from './support/raw-upstream.ts'
import { long, tally } from './support/tally.ts'

const framings: readonly (readonly [string, (body: string) => string])[] = [
  ['a length', (body) => `Content-Length: ${body.length}\r\n\r\n${body}`],
  ['chunks', (body) => `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
  [
    'chunks with an extension',
    (body) => `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)};a=b\r\n${body}\r\n0;c\r\n\r\n`,
  ],
]

/** Some proxies say that these have no body, and send it all the same: it arrives as a request of its own. */
describe.for([
  ['reads what it is sent', false],
  ['answers without reading bodies', true],
] as const)('to an upstream that %s', ([, ignoresBodies]) => {
  let upstream: RawUpstream
  let gateway: TestGateway
  let host: string

  beforeAll(async () => {
    upstream = await openRawUpstream({ ignoresBodies })
    gateway = await openGateway({
      config: `
services:
  /make: { name: make, upstream: "${upstream.url}", price: { flat: 7 } }
  /free/*: { name: free, upstream: "${upstream.url}", price: free }
`,
      logLevel: 'silent',
    })
    host = new URL(gateway.url).host
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })

  const cases = (long ? ['DELETE', 'PUT', 'PATCH'] : ['DELETE']).flatMap((method) =>
    framings.flatMap(([framing, frame]) => ['/make', '/free/a'].map((target) => ({ method, framing, frame, target }))),
  )

  test.for(cases)('the body of $method in $framing to $target is that body and no request', async (each, context) => {
    tally(context, { kind: 'methods', tried: 2 })
    const { method, target, frame } = each
    const smuggled = `POST /make HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`
    const head = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/plain\r\n`
    const sent = { method, path: target, body: smuggled, headers: { 'content-type': 'text/plain' } }
    const before = upstream.requests.length
    upstream.strays.length = 0
    let credential = ''
    if (target === '/make') {
      const unpaid = await sendRaw(gateway, head + frame(smuggled))
      expect(unpaid.statuses).toEqual([402])
      expect(upstream.requests).toHaveLength(before)
      credential = `Authorization: ${(await payFor(gateway, sent)).authorization.authorization}\r\n`
    }
    const answer = await sendRaw(gateway, `${head}${credential}${frame(smuggled)}`)
    // What came behind it would follow at once.
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(answer.statuses).toEqual([200])
    expect(upstream.requests.slice(before)).toEqual([
      expect.objectContaining({ method, target, body: ignoresBodies ? '' : smuggled }),
    ])
    if (!ignoresBodies) expect(upstream.strays).toEqual([])
  })

  test.for(framings)('OPTIONS with a body in %s reaches nothing', async ([, frame], context) => {
    tally(context, { kind: 'methods', tried: 2 })
    const smuggled = `POST /make HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`
    const before = upstream.requests.length
    for (const target of ['/make', '/free/a']) {
      const bytes = `OPTIONS ${target} HTTP/1.1\r\nHost: ${host}\r\n${frame(smuggled)}`
      expect((await sendRaw(gateway, bytes)).statuses).toEqual([204])
    }
    expect(upstream.requests).toHaveLength(before)
  })
})
