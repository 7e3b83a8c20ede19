import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { payFor, type Sent, send } from '../support/buyer.ts'
import { behindProxy } from '../support/crowd.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { LineClient } from './support/line-client.ts'
import { tally } from './support/tally.ts'

/** As much as fits beside the rest into the 16 KiB that a head may have. */
const bytes = 14 * 1024
/** Square growth over so many bytes takes longer than this on any machine; what is linear takes a few milliseconds. */
const mostMs = 50

let upstream: TestUpstream
let gateway: TestGateway
let host: string

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `${behindProxy}
services:
  POST /make: { name: make, upstream: "${upstream.url}", price: { flat: 7 } }
  GET /get: { name: get, upstream: "${upstream.url}", price: { flat: 7 } }
  GET /free: { name: free, upstream: "${upstream.url}", price: free }
`,
    logLevel: 'silent',
  })
  host = new URL(gateway.url).host
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const readers: readonly (readonly [name: string, line: string, begins: string])[] = [
  ['Access-Control-Request-Headers', 'OPTIONS /make', ''],
  ['Access-Control-Request-Headers', 'OPTIONS /l402/jobs/0', ''],
  ['Prefer', 'GET /get', ''],
  ['Prefer', 'GET /get', 'respond-async; wait='],
  ['Authorization', 'GET /get', ''],
  ['Authorization', 'GET /get', 'L402 '],
  ['Authorization', 'GET /get', 'L402 AgEE'],
  ['Authorization', 'GET /l402/jobs/0', 'L402 AgEE:'],
  ['Authorization', 'GET /free', 'L402 '],
  ['Accept', 'GET /get', ''],
  ['Accept', 'GET /get', 'application/problem'],
  ['Content-Type', 'POST /make', 'multipart/form-data; boundary='],
  ['Content-Type', 'POST /make', 'application/json;'],
  ['X-Forwarded-For', 'GET /get', ''],
  ['Connection', 'GET /free', 'close'],
  ['Range', 'GET /l402/jobs/0', 'bytes='],
  ['L402-New', 'GET /get', ''],
  ['Cookie', 'GET /free', ''],
]

const fillers: readonly (readonly [string, string])[] = [
  ['spaces', ' '],
  ['tabs', '\t'],
  ['commas', ','],
  ['commas and spaces', ', '],
  ['semicolons', ';'],
  ['equals signs', '='],
  ['quotes', '"'],
  ['backslashes', '\\'],
  ['letters and spaces', 'a '],
  ['half parameters', ';a='],
  ['colons', ':'],
  ['digits', '0'],
  ['letters', 'A'],
]

describe('a header of 14 KiB is read in bounded time', () => {
  test.for(readers)('%s of %s that begins with %j', async ([name, line, begins], context) => {
    using client = new LineClient(gateway.url)
    // Something unlike the rest at the end makes an expression that guessed wrong begin anew.
    for (const [what, filler] of fillers) {
      const value = `${begins}x${filler.repeat(bytes / filler.length)}!x`
      let [least, status] = [Number.POSITIVE_INFINITY, 0]
      for (let attempt = 0; attempt < 6 && least > mostMs / 5; attempt++) {
        const begun = performance.now()
        const body = line.startsWith('POST') ? 'Content-Length: 2\r\n' : ''
        const answer = await client.send(
          `${line} HTTP/1.1\r\nHost: ${host}\r\n${body}${name}: ${value}\r\n\r\n${body && '{}'}`,
        )
        least = Math.min(least, performance.now() - begun)
        status = answer.status
      }
      expect(least, `${name}: ${begins} and ${what}`).toBeLessThan(mostMs)
      expect([200, 204, 400, 401, 402, 415], `of ${what}`).toContain(status)
    }
    tally(context, { kind: 'long headers', tried: fillers.length })
  })

  test('also beside a good payment', async (context) => {
    tally(context, { kind: 'long headers', tried: 2 * fillers.length })
    const request: Sent = { path: '/get' }
    const { authorization } = await payFor(gateway, request)
    for (const [what, filler] of fillers)
      for (const name of ['prefer', 'accept']) {
        let [least, status] = [Number.POSITIVE_INFINITY, 0]
        const value = `respond-async=${filler.repeat((bytes - 4096) / filler.length)}!`
        for (let attempt = 0; attempt < 6 && least > mostMs / 5; attempt++) {
          const begun = performance.now()
          const answer = await send(gateway, { ...request, headers: { ...authorization, [name]: value } })
          least = Math.min(least, performance.now() - begun)
          status = answer.status
        }
        expect(least, `${name}: ${what}`).toBeLessThan(mostMs)
        expect([200, 202, 400], `${name}: ${what}`).toContain(status)
      }
  })
})

test('no byte in a header brings about an error of our own', async (context) => {
  const names = [...new Set(readers.map(([name]) => name)), 'User-Agent', 'Traceparent', 'Accept-Language', 'X-Other']
  using client = new LineClient(gateway.url)
  const lines = ['OPTIONS /make', 'GET /get', 'GET /free', 'GET /l402/jobs/0']
  for (const name of names)
    for (const code of [1, 8, 11, 12, 27, 31, 127, 128, 133, 160, 255])
      for (const line of lines) {
        const value = `a${String.fromCharCode(code)}b`
        const { status } = await client.send(`${line} HTTP/1.1\r\nHost: ${host}\r\n${name}: ${value}\r\n\r\n`)
        expect([200, 204, 400, 401, 402, 415], `${line} with ${name}: ${JSON.stringify(value)}`).toContain(status)
      }
  tally(context, { kind: 'long headers', tried: names.length * 11 * lines.length })
})
