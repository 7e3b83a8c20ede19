import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfigText } from '#src/config/load.ts'
import { buyFrom, type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { sendRaw } from './support/raw-client.ts'
import { tally } from './support/tally.ts'

/** Names that every object has already. */
const inherited = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']

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
    price: { per_unit: { of: steps, rate: { by: { first: [model, kind] }, default: low, table: { low: 1, high: 100 }, aliases: { l: low } } } }
  POST /sized:
    name: sized
    upstream: ${upstream.url}
    price: { flat: 3 }
    request: { schema: { type: object, properties: { size: { type: integer, default: 4 } } }, unknown_fields: reject }
  POST /open:
    name: open
    upstream: ${upstream.url}
    price: { per_char: { of: prompt, rate: 1 }, min: 1 }
    request: { unknown_fields: allow }
  POST /form:
    name: form
    upstream: ${upstream.url}
    request: { content_type: multipart/form-data }
    price: { per_char: { of: prompt, rate: 1 }, min: 1 }
  POST /strict-form:
    name: strict-form
    upstream: ${upstream.url}
    request: { content_type: multipart/form-data, schema: { type: object, properties: { prompt: { type: string } } }, unknown_fields: reject }
    price: { flat: 1 }
  GET /img/:style: { name: img, upstream: "${upstream.url}", price: { per_char: { of: ":style", rate: { by: ":style", table: { oil: 1 } } } } }
  GET /query: { name: query, upstream: "${upstream.url}", price: { per_unit: { of: "?n", rate: { by: "?m", default: a, table: { a: 1 } } } } }
  /free/*: { name: free, upstream: "${upstream.url}", price: free }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const post = (path: string, body: string): Sent => ({
  method: 'POST',
  path,
  body,
  headers: { 'content-type': 'application/json' },
})

function expectNothingInherited(): void {
  const plain = {} as Record<string, unknown>
  const found = ['steps', 'model', 'polluted', 'size', 'n', 'admin'].filter((name) => plain[name] !== undefined)
  expect(found).toEqual([])
  expect(Object.keys(Object.prototype)).toEqual([])
}

describe.for(inherited)('the name %s', (name) => {
  test('is no row of a price table', async (context) => {
    tally(context, { kind: 'prototypes', tried: 5 })
    const quoted = JSON.stringify(name)
    const refused = [
      post('/make', `{"steps":1,"model":${quoted}}`),
      post('/make', `{"steps":1,"kind":${quoted}}`),
      post('/make', `{"steps":1,"model":{${quoted}:"low"}}`),
      { path: `/img/${name}` },
      { path: `/query?n=1&m=${name}` },
    ]
    for (const request of refused) {
      const answer = await send(gateway, request)
      expect([request.path, answer.status, answer.json().code]).toEqual([request.path, 400, 'invalid_request'])
    }
    expectNothingInherited()
  })

  test('is no priced field, and no default', async (context) => {
    tally(context, { kind: 'prototypes', tried: 4 })
    const inner = `{${JSON.stringify(name)}:{"steps":1,"model":"low","size":9,"polluted":true}}`
    expect((await send(gateway, post('/make', inner))).status).toBe(400)
    expect((await send(gateway, post('/sized', inner))).status).toBe(400)
    expect((await send(gateway, { path: `/query?${name}=1` })).status).toBe(400)
    // Where anything is allowed it is a field like any other.
    const answer = await buyFrom(gateway, post('/open', inner))
    expect(answer.status).toBe(200)
    expect(upstream.calls.at(-1)?.body.toString()).toBe(inner)
    expectNothingInherited()
  })

  test('in a form is a part like any other, and in a header nothing', async (context) => {
    tally(context, { kind: 'prototypes', tried: 4 })
    const part = (at: string, value: string) =>
      `--b\r\nContent-Disposition: form-data; name="${at}"\r\n\r\n${value}\r\n`
    const form = `${part(name, 'x')}${part(`${name}[polluted]`, 'x')}${part('prompt', 'abc')}--b--\r\n`
    const request: Sent = {
      method: 'POST',
      path: '/form',
      body: form,
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    }
    const asked = await send(gateway, request)
    expect([asked.status, asked.json().amountMsat]).toEqual([402, 3_000])
    expect((await buyFrom(gateway, request)).status).toBe(200)
    expect(upstream.calls.at(-1)?.body.toString()).toContain(`name="${name}"`)
    const unknown = `${part('prompt', 'abc')}${part(name, 'x')}--b--\r\n`
    const strict = await send(gateway, { ...request, path: '/strict-form', body: unknown })
    expect([strict.status, strict.json().code]).toEqual([400, 'invalid_request'])
    const calls = upstream.calls.length
    const lines = `Host: ${new URL(gateway.url).host}\r\n${name}: 1\r\n${name}: {"admin":true}\r\n\r\n`
    expect((await sendRaw(gateway, `GET /free/${name} HTTP/1.1\r\n${lines}`)).statuses).toEqual([200])
    expect((await sendRaw(gateway, `GET /img/oil HTTP/1.1\r\n${lines}`)).statuses).toEqual([402])
    expect(upstream.calls.slice(calls).map(({ url }) => url)).toEqual([`/free/${name}`])
    expect(upstream.calls.at(-1)?.rawHeaders).not.toContain(name)
    expectNothingInherited()
  })
})

test.for(inherited)('in a configuration the key %s is one like any other, or none', (name, context) => {
  const key = JSON.stringify(name)
  const upstreams = 'upstream: "http://127.0.0.1:9000"'
  const texts = [
    `${key}: { polluted: true }`,
    `services: { ${key}: { polluted: true } }`,
    `services: { /a: { ${upstreams}, price: { flat: 1 }, ${key}: { polluted: true } } }`,
    `services: { /a: { ${upstreams}, price: { per_unit: { of: n, rate: { by: m, default: ${key}, table: { a: 1 } } } } } }`,
    `services: { /a: { ${upstreams}, price: { per_unit: { of: n, rate: { by: m, default: a, table: { a: 1 }, aliases: { b: ${key} } } } } } }`,
    `services: { /a: { upstream: { use: ${key} }, price: { flat: 1 } } }`,
    `upstreams: { ${key}: { polluted: true } }`,
    `lightning: { wallet: { name: w, ${key}: { polluted: true } } }`,
  ]
  for (const text of texts) {
    const { config, problems } = loadConfigText(`${text}\n`, '/nowhere/gateway.yaml', {})
    expect(config === undefined || problems.length > 0, `of ${text}`).toBe(true)
    expectNothingInherited()
  }
  tally(context, { kind: 'prototypes', tried: texts.length })
})
