import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

const config = (upstream: string) => `
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { per_unit: { of: steps, rate: 1 } }
    request:
      max_bytes: 1kB
      schema:
        type: object
        properties: { steps: { type: integer, minimum: 1, maximum: 9 }, prompt: { type: string } }
        required: [steps]
  GET /image/:style: { name: image, upstream: "${upstream}", price: { per_unit: { of: "?steps", rate: 1 } } }
  POST /raw: { name: raw, upstream: "${upstream}", price: { flat: 1 }, request: { content_type: audio/wav } }
  POST /form:
    name: form
    upstream: ${upstream}
    price: { per_char: { of: prompt, rate: 1 } }
    request: { content_type: [multipart/form-data] }
`

const json = { 'content-type': 'application/json' }
const make = (body: unknown, headers: Record<string, string> = {}): Sent => ({
  method: 'POST',
  path: '/make',
  body,
  ...(typeof body === 'string' && { headers: json }),
  ...(Object.keys(headers).length > 0 && { headers }),
})

interface Bad {
  readonly name: string
  readonly sent: Sent
  readonly status: number
  readonly code: string
  readonly headers?: Record<string, string>
  readonly issue?: Record<string, unknown>
}

const invalid = { status: 400, code: 'invalid_request' }
const badJson = { status: 400, code: 'bad_json' }
const badTarget = { status: 400, code: 'bad_target' }
const badMedia = { status: 415, code: 'unsupported_media_type' }

const bad: readonly Bad[] = [
  { name: 'a path that nothing is offered at', sent: { path: '/nothing', body: {} }, status: 404, code: 'not_found' },
  { name: 'a path in another case', sent: { path: '/Make', body: { steps: 1 } }, status: 404, code: 'not_found' },
  {
    name: 'a path with a slash at its end',
    sent: { path: '/make/', body: { steps: 1 } },
    status: 404,
    code: 'not_found',
  },
  { name: 'a longer path', sent: { path: '/make/more', body: { steps: 1 } }, status: 404, code: 'not_found' },
  { name: 'an encoded path', sent: { path: '/%6Dake', body: { steps: 1 } }, ...badTarget },
  { name: 'a dot segment', sent: { path: '/image/../make', body: { steps: 1 } }, ...badTarget },
  { name: 'an empty segment', sent: { path: '//make', body: { steps: 1 } }, ...badTarget },
  { name: 'an encoded slash', sent: { path: '/image%2Fa?steps=1' }, ...badTarget },
  { name: 'a path parameter', sent: { path: '/make;v=1', body: { steps: 1 } }, ...badTarget },
  { name: 'a path that is too long', sent: { path: `/${'a'.repeat(512)}` }, status: 414, code: 'target_too_long' },
  {
    name: 'another method',
    sent: { path: '/make' },
    status: 405,
    code: 'method_not_allowed',
    headers: { allow: 'POST, OPTIONS' },
  },
  {
    name: 'HEAD where only POST is offered',
    sent: { method: 'HEAD', path: '/make' },
    status: 405,
    code: '',
    headers: { allow: 'POST, OPTIONS' },
  },
  {
    name: 'a method in lower case',
    sent: { method: 'post', path: '/make', body: { steps: 1 } },
    status: 400,
    code: 'bad_request',
  },
  {
    name: 'another media type',
    sent: make('{}', { 'content-type': 'text/plain' }),
    ...badMedia,
    headers: { accept: 'application/json' },
  },
  {
    name: 'a form where JSON is wanted',
    sent: make('a=1', { 'content-type': 'application/x-www-form-urlencoded' }),
    ...badMedia,
  },
  { name: 'a kind of JSON', sent: make('{"steps":1}', { 'content-type': 'application/vnd.api+json' }), ...badMedia },
  {
    name: 'JSON in another encoding',
    sent: make('{"steps":1}', { 'content-type': 'application/json; charset=utf-16' }),
    ...badMedia,
  },
  { name: 'no media type', sent: make(Buffer.from('{"steps":1}')), ...badMedia },
  {
    name: 'JSON where sound is wanted',
    sent: { path: '/raw', body: {} },
    ...badMedia,
    headers: { accept: 'audio/wav' },
  },
  {
    name: 'JSON where a form is wanted',
    sent: { path: '/form', body: { prompt: 'a' } },
    ...badMedia,
    headers: { accept: 'multipart/form-data' },
  },
  { name: 'a compressed body', sent: make('{"steps":1}', { ...json, 'content-encoding': 'gzip' }), ...badMedia },
  {
    name: 'a body that is too large',
    sent: make(JSON.stringify({ steps: 1, prompt: 'a'.repeat(1000) })),
    status: 413,
    code: 'body_too_large',
  },
  {
    name: 'a body where none is taken',
    sent: { method: 'GET', path: '/image/a?steps=1', body: 'x' },
    status: 413,
    code: 'body_too_large',
  },
  { name: 'an empty body', sent: make(''), ...badJson },
  { name: 'half of a body', sent: make('{"steps":'), ...badJson },
  { name: 'a key twice', sent: make('{"steps":1,"steps":9}'), ...badJson, issue: { path: '$' } },
  { name: 'a key twice, once escaped', sent: make('{"steps":1,"\\u0073teps":9}'), ...badJson },
  { name: 'a byte order mark', sent: make('\ufeff{"steps":1}'), ...badJson },
  { name: 'a list', sent: make('[1]'), ...invalid, issue: { path: '$' } },
  { name: 'a text', sent: make('"steps"'), ...invalid },
  {
    name: 'a missing field',
    sent: make({ prompt: 'a' }),
    ...invalid,
    issue: { path: '$.steps', message: 'is missing' },
  },
  { name: 'a field of another type', sent: make({ steps: '4' }), ...invalid, issue: { path: '$.steps' } },
  { name: 'a truth value for a number', sent: make({ steps: true }), ...invalid, issue: { path: '$.steps' } },
  { name: 'a broken number', sent: make({ steps: 1.5 }), ...invalid, issue: { path: '$.steps' } },
  { name: 'a negative number', sent: make({ steps: -5 }), ...invalid, issue: { path: '$.steps' } },
  { name: 'too large a number', sent: make({ steps: 10 }), ...invalid, issue: { path: '$.steps' } },
  { name: 'a field that is not known', sent: make({ steps: 1, n: 4 }), ...invalid, issue: { path: '$.n' } },
  { name: 'a known field in another case', sent: make({ steps: 1, Steps: 9 }), ...invalid, issue: { path: '$.Steps' } },
  {
    name: 'a query parameter twice',
    sent: { path: '/image/a?steps=1&steps=9' },
    ...invalid,
    issue: { path: '?steps' },
  },
  {
    name: 'a query parameter that is no number',
    sent: { path: '/image/a?steps=many' },
    ...invalid,
    issue: { path: '?steps' },
  },
  { name: 'a missing query parameter', sent: { path: '/image/a' }, ...invalid, issue: { path: '?steps' } },
  {
    name: 'a form without a boundary',
    sent: { method: 'POST', path: '/form', body: 'x', headers: { 'content-type': 'multipart/form-data' } },
    status: 400,
    code: 'bad_multipart',
  },
  {
    name: 'a form that is none',
    sent: { method: 'POST', path: '/form', body: 'x', headers: { 'content-type': 'multipart/form-data; boundary=b' } },
    status: 400,
    code: 'bad_multipart',
  },
]

describe('what cannot be sold', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  beforeAll(async () => {
    upstream = await openUpstream()
    gateway = await openGateway({ config: config(upstream.url) })
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })

  test.for(bad.map((each) => [each.name, each] as const))(
    'is refused before there is an invoice: %s',
    async ([, { sent, status, code, headers = {}, issue }]) => {
      const invoices = gateway.wallet.asked.length
      const answer = await send(gateway, sent)
      expect([answer.status, answer.text === '' ? '' : answer.json().code]).toEqual([status, code])
      expect(answer.headers).toMatchObject(headers)
      expect(answer.headers['www-authenticate']).toBeUndefined()
      expect([undefined, 'not-charged']).toContain(answer.headers['l402-payment'])
      expect(issue ? answer.json().issues?.[0] : {}).toMatchObject(issue ?? {})
      expect(gateway.wallet.asked).toHaveLength(invoices)
      expect(upstream.calls).toHaveLength(0)
    },
  )

  test('is refused all the same with a token that is none', async () => {
    for (const { sent, status } of bad) {
      const authorization = `L402 ${'A'.repeat(40)}:${'0'.repeat(64)}`
      const answer = await send(gateway, { ...sent, headers: { ...sent.headers, authorization } })
      expect([sent, answer.status]).toEqual([sent, status])
    }
    expect(upstream.calls).toHaveLength(0)
  })

  test('is refused with a paid token too, which is as good as before', async () => {
    const request = make({ steps: 2 })
    const payment = await payFor(gateway, request)
    for (const { sent } of bad.filter(({ sent: { path } }) => path === '/make')) {
      const answer = await send(gateway, paid(sent, payment))
      expect([sent, answer.status >= 400 && answer.status !== 402]).toEqual([sent, true])
    }
    const answer = await send(gateway, paid(request, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
    expect(upstream.calls).toHaveLength(1)
  })

  test('names everything that is wrong at once', async () => {
    const answer = await send(gateway, make({ steps: 0, prompt: 3, more: 1 }))
    expect(
      answer
        .json()
        .issues?.map(({ path }) => path)
        .toSorted(),
    ).toEqual(['$.more', '$.prompt', '$.steps'])
  })
})
