import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { caveatsOf } from '../support/clients-attenuate.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { makeRandom, type Random, runSeed } from './support/random.ts'
import { scale, tally } from './support/tally.ts'

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `
services:
  GET /cheap/:id: { name: cheap, upstream: "${upstream.url}", price: { flat: 1 } }
  GET /files/*: { name: files, upstream: "${upstream.url}", price: { flat: 1 } }
  GET /models/:id/run: { name: run, upstream: "${upstream.url}", price: { flat: 1 } }
  GET /premium: { name: premium, upstream: "${upstream.url}", price: { flat: 100000 } }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** What would end a caveat, or begin another, for a reader that does not look where it was written. */
const injections = [
  'a:0,premium',
  'a:0,premium:0',
  'premium',
  'a,services=premium:0',
  'services=premium:0',
  'path=',
  'a=b=c',
  '=',
  'a:generateContent',
  'v1:predict,x',
  'premium_valid_until=99999999999',
  'price_msat=1',
  ',,::',
  "$&'()*+!@~",
  '%20services=premium:0',
  '%C3%A9%E2%80%A8',
]
const letters = [...Array.from("abc019-._~!$&'()*+,:=@"), '%20', '%22', '%5B', '%5D', '%7B', '%C3%A9', '%F0%9F%98%80']
const anySegment = (random: Random): string => {
  const text = Array.from({ length: 1 + random.below(20) }, () => random.of(letters)).join('')
  return text === '.' || text === '..' ? 'a' : text
}

const places: readonly (readonly [service: string, path: (text: string) => string])[] = [
  ['cheap', (text) => `/cheap/${text}`],
  ['files', (text) => `/files/${text}/${text}`],
  ['run', (text) => `/models/${text}/run`],
]

/** Buys it. The token says what was bought, buys that, and nothing of what costs more. */
async function buy(service: string, request: Sent): Promise<void> {
  const what = JSON.stringify(request)
  const payment = await payFor(gateway, request)
  const caveats = caveatsOf(payment.token)
  expect(caveats, `of ${what}`).toHaveLength(8)
  expect(caveats[0], `of ${what}`).toBe(`services=${service}:0`)
  expect(caveats[5], `of ${what}`).toBe(`path=${request.path.split('?')[0]}`)
  const dearer = await send(gateway, paid({ path: '/premium' }, payment))
  expect([dearer.status, dearer.json().code], `of ${what}`).toEqual([402, 'wrong_service'])
  const calls = upstream.calls.length
  const answer = await send(gateway, paid(request, payment))
  expect([answer.status, answer.headers['l402-payment']], `of ${what}`).toEqual([200, 'spent'])
  expect(upstream.calls.slice(calls).map(({ url }) => url)).toEqual([request.path])
}

describe.for(places)('a token for %s', ([service, place]) => {
  test('is for that alone, and works, whatever stands in the path', async (context) => {
    const random = makeRandom(runSeed)
    const runs = scale(3, 300)
    const texts = [...injections, ...Array.from({ length: runs }, () => anySegment(random))]
    for (const text of texts) await buy(service, { path: place(text) })
    tally(context, { kind: 'caveats', tried: texts.length, note: `seed ${runSeed}` })
  })

  test('and in the query', async (context) => {
    const inQuery = injections.slice(0, scale(4, injections.length))
    tally(context, { kind: 'caveats', tried: inQuery.length })
    for (const text of inQuery) await buy(service, { path: `${place('a')}?${text}` })
  })
})

test('a token has its end, whatever the price is like and however it is charged', async (context) => {
  const prices: Record<string, string> = {
    flat: '{ flat: 7 }',
    chars: '{ per_char: { of: text, rate: 1 }, min: 2 }',
    'small-chars': '{ per_char: { of: text, rate: 1 sat / 1000 chars }, min: 1 }',
    units: '{ per_unit: { of: n, rate: 3 } }',
    seconds: '{ duration: { of: n, rate: 3 } }',
    table: '{ per_unit: { of: n, rate: { by: m, default: a, table: { a: 1, b: 9 } } } }',
    sum: '{ sum: [{ flat: 1 }, { per_unit: { of: n, rate: 1 } }], max: 500 }',
    rounded: '{ flat: 7, round_to: 10 }',
    query: '{ per_unit: { of: "?q", rate: 2 } }',
    path: '{ per_char: { of: ":id", rate: 2 } }',
    held: '{ flat: 7 }, charge: on_delivery',
    streamed: '{ flat: 7 }, stream: true',
  }
  const clock = new TestClock(Date.now())
  const services = Object.entries(prices).map(
    ([name, price]) => `  POST /${name}/:id: { name: ${name}, upstream: "${upstream.url}", price: ${price} }\n`,
  )
  await using shop = await openGateway({ config: `l402: { token_ttl: 2h }\nservices:\n${services.join('')}`, clock })
  for (const name of Object.keys(prices)) {
    const request: Sent = { path: `/${name}/7?q=3`, body: { text: 'a cat', n: 2, m: 'a' } }
    const asked = await send(shop, request)
    expect([name, asked.status]).toEqual([name, 402])
    const end = Math.floor(clock.nowMs() / 1000) + 7_200
    expect(caveatsOf(asked.json().token)[1]).toBe(`${name}_valid_until=${end}`)
    expect(asked.json()).toMatchObject({ tokenExpiresAt: new Date(end * 1000).toISOString() })
    if (name === 'held') continue
    const calls = upstream.calls.length
    const preimage = await shop.wallet.pay(asked.json().invoice)
    clock.advance(7_200_000)
    const late = await send(shop, { ...request, headers: { authorization: `L402 ${asked.json().token}:${preimage}` } })
    expect([name, late.status, late.json().code]).toEqual([name, 402, 'token_expired'])
    expect(upstream.calls).toHaveLength(calls)
  }
  tally(context, { kind: 'caveats', tried: Object.keys(prices).length })
})
