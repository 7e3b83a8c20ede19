import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { tally } from './support/tally.ts'

/** Rows are named in any case; an upstream that knows one spelling alone may take another for its dear default. */

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  const rows = 'default: Best, aliases: { Mini-1: budget, 6: Best, K2: budget }, table: { budget: 1, Best: 100 }'
  const models = (by: string) => `rate: { by: ${by}, ${rows} }`
  gateway = await openGateway({
    config: `
services:
  POST /make: { name: make, upstream: "${upstream.url}", price: { per_unit: { of: n, ${models('{ first: [model, options.tier, "input.*.tier"] }')} } } }
  POST /form:
    name: form
    upstream: ${upstream.url}
    request: { content_type: multipart/form-data }
    price: { per_unit: { of: n, ${models('model')} } }
  GET /img: { name: img, upstream: "${upstream.url}", price: { per_unit: { of: "?n", ${models('?model')} } } }
  GET /typed:
    name: typed
    upstream: ${upstream.url}
    request: { query: { type: object, properties: { n: { type: integer, default: 2 }, model: { type: string } } } }
    price: { per_unit: { of: "?n", ${models('?model')} } }
  GET /img/:model: { name: path, upstream: "${upstream.url}", price: { per_unit: { of: "?n", ${models(':model')} } } }
  POST /listed:
    name: listed
    upstream: ${upstream.url}
    request:
      query: { type: object, properties: { tier: { enum: [HIGH, low] } } }
      schema: { type: object, properties: { n: { type: integer, default: 1 }, model: { enum: [BUDGET, best] } } }
    price: { sum: [{ per_unit: { of: n, rate: { by: model, default: Best, table: { budget: 1, Best: 100 } } } }, { per_unit: { of: n, rate: { by: "?tier", default: low, table: { low: 1, high: 9 } } } }] }
  POST /two:
    name: two
    upstream: ${upstream.url}
    price: { sum: [{ per_unit: { of: n, rate: { by: model, default: pro, table: { pro: 1, lite: 2 } } } }, { per_unit: { of: n, rate: { by: model, default: Pro, table: { Pro: 1, Lite: 2 } } } }] }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const json = (path: string, body: object): Sent => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

const form = (fields: Record<string, string>): Sent => {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  return {
    method: 'POST',
    path: '/form',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: `${parts.join('')}--b--\r\n`,
  }
}

/** Buys it. @returns its price and what the upstream was asked for */
async function bought(request: Sent): Promise<{ sats: number; url: string; body: string }> {
  const offer = await send(gateway, request)
  const payment = await payFor(gateway, request)
  const answer = await send(gateway, paid(request, payment))
  expect(answer.status).toBe(200)
  const call = upstream.calls.at(-1)
  return { sats: Number(offer.json()['priceSats']), url: call?.url ?? '', body: call?.body.toString() ?? '' }
}

describe('the upstream gets a row’s name as the operator writes it, whatever its case', () => {
  test.for([
    ['BUDGET', 1, 'budget'],
    ['bUdGeT', 1, 'budget'],
    ['BEST', 100, 'Best'],
    ['best', 100, 'Best'],
    ['MINI-1', 1, 'Mini-1'],
    ['mini-1', 1, 'Mini-1'],
    ['budget', 1, 'budget'],
    ['6', 100, '6'],
  ] as const)('%s, which costs %i, as %s', async ([given, sats, written], context) => {
    tally(context, { kind: 'bodies', tried: 6 })
    const bodies = [
      [
        { n: 1, model: given },
        { n: 1, model: written },
      ],
      [
        { n: 1, options: { tier: given, other: 'BUDGET' } },
        { n: 1, options: { tier: written, other: 'BUDGET' } },
      ],
      [
        { n: 1, input: [{ a: 1 }, { tier: given }, { tier: null }] },
        { n: 1, input: [{ a: 1 }, { tier: written }, { tier: null }] },
      ],
    ] as const
    for (const [sent, expected] of bodies) {
      const made = await bought(json('/make', sent))
      expect([made.sats, JSON.parse(made.body)]).toEqual([sats, expected])
    }
    const uploaded = await bought(form({ before: 'BUDGET', model: given, n: '1' }))
    expect(uploaded.sats).toBe(sats)
    expect(uploaded.body.match(/(?<=\r\n\r\n).*(?=\r\n)/g)).toEqual(['BUDGET', written, '1'])
    expect(await bought({ path: `/img?a=%7E&model=${given}&n=1` })).toMatchObject({
      sats,
      url: given === written ? `/img?a=%7E&model=${written}&n=1` : `/img?a=~&model=${written}&n=1`,
    })
    expect(await bought({ path: `/typed?model=${given}` })).toMatchObject({
      sats: 2 * sats,
      url: `/typed?model=${written}&n=2`,
    })
  })

  test('also with the Kelvin sign, whose small letter is a k', async () => {
    const { sats, body } = await bought(json('/make', { n: 1, model: '\u212a2' }))
    expect([sats, body]).toEqual([1, '{"n":1,"model":"K2"}'])
  })
})

test.for(['BUDGET', 'mini-1'])('in the path another case is another path: %s', async (model) => {
  const answer = await send(gateway, { path: `/img/${model}?n=1` })
  expect([answer.status, answer.json().issues]).toMatchObject([400, [{ path: ':model', allowed: ['budget', 'Best'] }]])
  expect(await bought({ path: '/img/budget?n=1' })).toMatchObject({ sats: 1, url: '/img/budget?n=1' })
})

test('a spelling that the schema lists goes on as it is', async () => {
  expect(await bought(json('/listed?tier=HIGH', { model: 'BUDGET' }))).toMatchObject({
    sats: 10,
    url: '/listed?tier=HIGH',
    body: '{"model":"BUDGET","n":1}',
  })
})

test('a spelling that one of two tables has stays', async () => {
  expect(await bought(json('/two', { n: 1, model: 'Pro' }))).toMatchObject({ sats: 2, body: '{"n":1,"model":"Pro"}' })
  expect(await bought(json('/two', { n: 1, model: 'lite' }))).toMatchObject({ sats: 4, body: '{"n":1,"model":"lite"}' })
})
