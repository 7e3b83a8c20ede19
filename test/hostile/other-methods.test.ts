import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { tally } from './support/tally.ts'

/**
 * Rack, Rails, Laravel, Symfony and Spring take a POST for the method that its field `_method` names: who pays for one
 * handler would reach another, which is dearer or not for sale. Each was seen with Sinatra, Rails, PHP and Spring.
 */

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `
services:
  POST /items/:id: { name: rename, upstream: "${upstream.url}", price: { flat: 1 } }
  DELETE /items/:id: { name: remove, upstream: "${upstream.url}", price: { flat: 1000 } }
  POST /make: { name: make, upstream: "${upstream.url}", price: { per_unit: { of: steps, rate: 1 } } }
  POST /form:
    name: form
    upstream: ${upstream.url}
    request: { content_type: multipart/form-data }
    price: { per_unit: { of: steps, rate: 1 } }
  POST /free: { name: free, upstream: "${upstream.url}", price: free }
  GET /look: { name: look, upstream: "${upstream.url}", price: { flat: 1 } }
  POST /named:
    name: named
    upstream: ${upstream.url}
    request:
      query: { type: object, properties: { _method: { enum: [fast] } } }
      schema: { type: object, properties: { _method: { enum: [fast] } } }
    price: { flat: 1 }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const typed = (type: string, body: string, path = '/items/1'): Sent => ({
  method: 'POST',
  path,
  headers: { 'content-type': type },
  body,
})
const urlencoded = 'application/x-www-form-urlencoded'
const part = (head: string, value: string) => `--b\r\n${head}\r\n\r\n${value}\r\n`
const formPart = (name: string, value: string) => part(`Content-Disposition: form-data; name="${name}"`, value)

describe('a POST that names another method', () => {
  test.for<Sent>([
    { method: 'POST', path: '/items/1?_method=DELETE' },
    { method: 'POST', path: '/items/1?a=1&%5Fmethod=DELETE' },
    { method: 'POST', path: '/items/1?a=1;_method=DELETE' },
    { method: 'POST', path: '/items/1?.method=DELETE' },
    { method: 'POST', path: '/items/1?[method=DELETE' },
    { method: 'POST', path: '/items/1?_METHOD=DELETE' },
    { method: 'POST', path: '/free?_method=DELETE' },
    { path: '/make?_method=DELETE', body: { steps: 1 } },
    typed(urlencoded, '_method=DELETE'),
    typed(urlencoded, 'a=1&%5fmethod=DELETE'),
    typed(urlencoded, '+_method=DELETE'),
    typed(`${urlencoded}; charset=utf-8`, '_method[]=DELETE'),
    typed(`${urlencoded}; charset=IBM037`, '%6D%94%85%A3%88%96%84=DELETE'),
    typed('text/plain; also=urlencoded', '_method=DELETE'),
    typed('multipart/form-data; boundary=b', `${formPart('a', '1')}${formPart('_method', 'DELETE')}--b--`),
    typed('multipart/form-data; charset=utf-16; boundary=b', `${formPart('a', '1')}--b--`),
    typed('multipart/mixed; boundary=b', `${formPart('_method', 'DELETE')}--b--`),
    typed('multipart/related; boundary=b', `${part('Content-ID: _method', 'DELETE')}--b--`),
    typed('multipart/mixed; boundary=b', `${formPart('_me\\thod', 'DELETE')}--b--`),
    typed(urlencoded, '%u005fmeth%6Fd=DELETE'),
    typed(urlencoded, '%E2%80%8B_method=DELETE'),
    typed('multipart/form-data; boundary=b', part('Content-Disposition: form-data;\r\n name="_method"', 'DELETE')),
    typed('multipart/form-data; boundary=b', part("Content-Disposition: form-data; name*=utf-8''_m%65thod", 'DELETE')),
    typed('application/json', '{"_method":"DELETE"}'),
    typed('application/json', `{"text":"${'a'.repeat(100_000)}","_m\\u0065thod" :"DELETE"}`),
    typed('application/json', '{"a":1,"\\u005fmethod":"DELETE"}'),
    { path: '/make', body: { steps: 1, _method: 'DELETE' } },
    typed('multipart/form-data; boundary=b', `${formPart('steps', '1')}${formPart('_method', 'PUT')}--b--`, '/form'),
  ])('is refused: %j', async (request, context) => {
    tally(context, { kind: 'bodies', tried: 1 })
    const before = upstream.calls.length
    expect([400, 415]).toContain((await send(gateway, request)).status)
    expect(upstream.calls.length).toBe(before)
  })

  test.for([
    [`${'&'.repeat(100_000)}${'+'.repeat(1_000)}_method=DELETE`, 400],
    ['method&'.repeat(2_000), 400],
    [JSON.stringify({ prompt: 'a method '.repeat(300) }), 402],
    ['a=1&'.repeat(5_000), 402],
  ] as const)('is found in a long form, and nothing else: %#', async ([body, status]) => {
    expect((await send(gateway, typed(urlencoded, body))).status).toBe(status)
  })

  test('says so', async () => {
    const answer = await send(gateway, { method: 'POST', path: '/items/1?_method=DELETE' })
    expect(answer.json().issues?.[0]?.path).toBe('?_method')
    expect(answer.json().issues?.[0]?.message).toContain('send the request with that method')
  })

  test('in a body without a type goes on as bytes, which nobody takes for a form', async () => {
    const request: Sent = { method: 'POST', path: '/items/1', body: '_method=DELETE' }
    const payment = await payFor(gateway, request)
    expect((await send(gateway, paid(request, payment))).status).toBe(200)
    const call = upstream.calls.at(-1)
    expect([call?.headers['content-type'], call?.body.toString()]).toEqual(['application/octet-stream', request.body])
  })

  const large = JSON.stringify({ text: '_method '.repeat(10_000) })
  test.for<Sent>([
    typed(urlencoded, 'method=DELETE&a=_method'),
    typed('application/json', '{"messages":[{"_method":"DELETE"}]}'),
    typed('application/json', '{"text":"_method is \\u00e9"}'),
    typed('application/json', '["_method"]'),
    typed('application/json', 'no json, but _method'),
    typed('application/json', large),
    typed('text/plain', '_method=DELETE'),
    typed('application/octet-stream', '_method=DELETE'),
    typed('multipart/form-data; boundary=b', `${formPart('file', 'name="_method"')}--b--`),
    typed('multipart/related; boundary=b', `${part('Content-Type: application/json', '{"a":1}')}--b--`),
    typed('application/json; charset=iso-8859-1', '{"a":1}'),
    // What curl sends with `-d` alone, and other bodies of any shape: here only a name of a method matters.
    typed(urlencoded, '{"prompt":"50% off, by every method"}'),
    typed(`${urlencoded}; charset=windows-1252`, 'a=1'),
    typed('multipart/form-data; boundary=b', `${part('Content-Disposition: form-data', '1')}--b--`),
    { path: '/look?_method=DELETE' },
    { path: '/named?_method=fast', body: { _method: 'fast' } },
  ])('is none where no reader takes it for that: %j', async (request) => {
    expect((await send(gateway, request)).status).toBe(402)
  })
})
