import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buyFrom, type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openRequest } from '../support/open-request.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

const config = (one: string, two: string) => `
upstreams:
  bare: { url: "${one}" }
  based: { url: "${two}/base/" }
services:
  POST /same: { upstream: "${one}", price: { flat: 1 } }
  POST /replaced: { upstream: "${one}/run/it", price: { flat: 1 } }
  POST /root: { upstream: "${one}/", price: { flat: 1 } }
  GET /img/:style/:size: { upstream: "${one}/render/:size/as/:style", price: { flat: 1 } }
  GET /media/*: { upstream: "${one}/files/*", price: { flat: 1 } }
  GET /media/special: { upstream: "${one}/special", price: { flat: 2 } }
  POST /named: { upstream: { use: bare }, price: { flat: 1 } }
  POST /based: { upstream: { use: based, path: /run }, price: { flat: 1 } }
  POST /only-base: { upstream: { use: based }, price: { flat: 1 } }
  POST images.example/by-host: { name: by-host, upstream: "${two}/host", price: { flat: 3 } }
  GET /free/:id: { upstream: "${one}/open/:id", price: free }
`

const post = (path: string): Sent => ({ method: 'POST', path, body: {} })

describe('a request goes to where its route says', () => {
  let one: TestUpstream
  let two: TestUpstream
  let gateway: TestGateway
  beforeAll(async () => {
    one = await openUpstream()
    two = await openUpstream()
    gateway = await openGateway({ config: config(one.url, two.url) })
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await one[Symbol.asyncDispose]()
    await two[Symbol.asyncDispose]()
  })

  test.for([
    ['the same path', post('/same?x=1'), 'one', '/same?x=1'],
    ['another path', post('/replaced?x=1&x=2'), 'one', '/run/it?x=1&x=2'],
    ['the root', post('/root'), 'one', '/'],
    ['parts of its path in another order', { path: '/img/oil/512x512?seed=7' }, 'one', '/render/512x512/as/oil?seed=7'],
    [
      'parts of its path as they were written',
      { path: '/img/caf%C3%A9/a+b%20c' },
      'one',
      '/render/a+b%20c/as/caf%C3%A9',
    ],
    ['the rest of its path', { path: '/media/a/b/c.png?x' }, 'one', '/files/a/b/c.png?x'],
    ['the more specific of two', { path: '/media/special' }, 'one', '/special'],
    ['an upstream by name', post('/named'), 'one', '/named'],
    ['an upstream by name and base', post('/based?q'), 'two', '/base/run?q'],
    ['an upstream by its base alone', post('/only-base'), 'two', '/base/'],
  ] as const)('%s', async ([, sent, which, url]) => {
    const upstream = which === 'one' ? one : two
    const calls = upstream.calls.length
    const answer = await buyFrom(gateway, sent)
    expect(answer.status).toBe(200)
    expect(upstream.calls.slice(calls).map((call) => [call.method, call.url])).toEqual([
      [(sent as Sent).method ?? 'GET', url],
    ])
  })

  test.for([
    ['a parameter that is empty', '/img//512'],
    ['a part too few', '/img/oil'],
    ['a part too many', '/img/oil/512/more'],
    ['no rest', '/media/'],
    ['no rest and no slash', '/media'],
    ['an empty parameter at the end', '/free/'],
  ])('and nowhere with %s', async ([, path]) => {
    const answer = await send(gateway, { path: path ?? '' })
    expect([400, 404]).toContain(answer.status)
  })

  test('by its host, where the route has one', async () => {
    const sent = post('/by-host')
    expect((await send(gateway, sent)).status).toBe(404)
    for (const host of ['images.example', 'IMAGES.example:8402']) {
      const answer = await openRequest(gateway, { ...sent, headers: { host } })
      expect(answer.status).toBe(402)
      answer.leave()
    }
  })

  test('and for nothing only where that is said', async () => {
    const calls = one.calls.length
    const answer = await send(gateway, { path: '/free/7' })
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, undefined])
    expect(one.calls.at(calls)?.url).toBe('/open/7')
    for (const headers of [
      { 'x-original-url': '/free/7' },
      { 'x-forwarded-uri': '/free/7' },
      { 'x-rewrite-url': '/free/7' },
    ]) {
      expect((await send(gateway, { ...post('/same?x=/free/7'), headers })).status).toBe(402)
    }
  })
})
