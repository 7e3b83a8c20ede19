import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { tally } from './support/tally.ts'

/** What some readers find nothing in, or something else, without a word about it: their handler works with its defaults. */

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `
services:
  GET /speak: { name: speak, upstream: "${upstream.url}", price: { per_char: { of: "?text", rate: 1, min: 5 } } }
  POST /any: { name: any, upstream: "${upstream.url}", price: { per_char: { of: "?text", rate: 1, min: 5 } } }
  /render/:style: { name: render, upstream: "${upstream.url}", price: { per_unit: { of: "?n", rate: { by: ":style", table: { oil: 1, hd: 99 } } } } }
  POST /make: { name: make, upstream: "${upstream.url}", price: { per_unit: { of: steps, rate: 1 } } }
  POST /flat: { name: flat, upstream: "${upstream.url}", price: { flat: 1 } }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const typed = (type: string, path: string, body?: string | Buffer): Sent => ({
  method: body === undefined ? 'GET' : 'POST',
  path,
  headers: { 'content-type': type },
  ...(body !== undefined && { body }),
})
const urlencoded = 'application/x-www-form-urlencoded'

describe('text in another charset, by which Tomcat reads a form and Django the query too', () => {
  const cp037 = '%A3%85%A7%A3=longer'
  test.for([
    typed(`${urlencoded}; charset=IBM037`, '/any', cp037),
    typed(`${urlencoded}; charset="utf-16"`, '/any', Buffer.from('text=longer', 'utf16le')),
    typed('multipart/form-data; boundary=b; charset=utf-16', '/any?text=a', '--b--'),
    typed('text/plain; charset=utf-7', '/any?text=a&+AHQAZQB4AHQ-=longer', 'a'),
    typed('application/octet-stream; charset=utf-16', '/any?text=a', 'a'),
    typed('text/plain; charset=iso-8859-1', '/any?text=%C3%A9', 'a'),
    typed('text/plain; charset=utf-7', '/speak?text=a&+AHQAZQB4AHQ-=longer'),
    typed('text/plain; charset=utf-16', '/render/oil?n=1'),
    typed(`${urlencoded}; charset=IBM037`, '/flat', cp037),
  ])('is not taken: %j', async (request, context) => {
    tally(context, { kind: 'bodies', tried: 1 })
    const answer = await send(gateway, request)
    expect([answer.status, answer.json().code]).toEqual([415, 'unsupported_media_type'])
  })

  test.for([
    typed('text/plain; charset=UTF-8', '/any?text=a', 'text=longer'),
    typed(`${urlencoded}; charset=utf8`, '/any?text=a', 'other=1'),
    typed('application/json; charset="utf-8"', '/speak?text=a'),
    typed('text/plain; charset=iso-8859-1', '/flat', 'a'),
    typed('text/csv; charset=utf-16', '/flat', 'a'),
  ])('is taken in UTF-8, and in any where it is bytes: %j', async (request) => {
    expect((await send(gateway, request)).status).toBe(402)
  })
})

describe('a key that begins with a NUL, for which PHP makes no object of the whole body', () => {
  test.for([{ '\0': 1 }, { '\0steps': 9 }, { a: [{ '\0b': 1 }] }])('is refused: %j', async (more, context) => {
    tally(context, { kind: 'bodies', tried: 1 })
    const answer = await send(gateway, { path: '/make', body: { steps: 1, ...more } })
    expect([answer.status, answer.json().code]).toEqual([400, 'bad_json'])
  })

  test('and no other key or value with one', async () => {
    const body = { steps: 1, '': 1, 'a\0': 1, b: '\0' }
    expect((await send(gateway, { path: '/make', body })).status).toBe(402)
  })
})
