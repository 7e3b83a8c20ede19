import { describe, expect, type TestContext, test } from 'vitest'
import { answerWith } from '../support/answers.ts'
import { payFor } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { rowIn } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'
import { hasNginx, hasPython, openNginx, openPython } from './support/foreign-upstreams.ts'
import { handlersReached } from './support/lenient-routers.ts'
import { LineClient } from './support/line-client.ts'
import { makeRandom, runSeed } from './support/random.ts'
import { scale, tally } from './support/tally.ts'
import { makeTarget } from './support/target-grammar.ts'

const config = (upstream: string): string => `
services:
  /v1/*: { name: rest, upstream: "${upstream}", price: free }
  GET /v1/models/:id: { name: model, upstream: "${upstream}", price: free }
  /pub/*: { name: pub, upstream: "${upstream}/*", price: free }
  /v1/make: { name: make, upstream: "${upstream}", price: { flat: 9 } }
  /v1/cheap: { name: cheap, upstream: "${upstream}", price: { flat: 1 } }
  /v1/img/:style: { name: img, upstream: "${upstream}", price: { flat: 5 } }
  /v1/models/:id/run: { name: run, upstream: "${upstream}", price: { flat: 5 } }
  /v1/models@make(it): { name: models, upstream: "${upstream}", price: { flat: 5 } }
`

interface Sweep {
  readonly gateway: TestGateway
  readonly targets: number
  /** Names of the priced handlers that the request led to, by the answer or by what the upstream saw. */
  readonly reachedBy: (text: string) => readonly string[]
  /** The headers of every other request. */
  readonly credential?: string
}

/** Sends targets of the grammar. @returns the targets that got an answer of a priced handler, and how many were answered how */
async function sweep({ gateway, targets, reachedBy, credential }: Sweep) {
  const host = new URL(gateway.url).host
  const random = makeRandom(runSeed)
  const statuses = new Map<number, number>()
  const breaches: string[] = []
  let sent = 0
  const worker = async (): Promise<void> => {
    using client = new LineClient(gateway.url)
    while (sent < targets) {
      sent++
      const target = Buffer.from(makeTarget(random, host)).toString('latin1')
      const method = random.of(['GET', 'GET', 'POST', 'HEAD', 'PUT'])
      const extra = credential !== undefined && random.below(2) === 0 ? `Authorization: ${credential}\r\n` : ''
      const length = method === 'POST' || method === 'PUT' ? 'Content-Length: 0\r\n' : ''
      const { status, text } = await client.send(
        `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${extra}${length}\r\n`,
      )
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      const reached = reachedBy(text)
      if (reached.length > 0) breaches.push(`${method} ${JSON.stringify(target)} reached ${reached.join()}`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return { statuses, breaches: [...new Set(breaches)] }
}

const counts = (statuses: ReadonlyMap<number, number>): string =>
  [...statuses]
    .toSorted(([a], [b]) => a - b)
    .map(([status, times]) => `${status === 0 ? 'closed' : status}: ${times}`)
    .join(', ')

function finish(context: TestContext, targets: number, statuses: ReadonlyMap<number, number>): void {
  tally(context, { kind: 'paths', tried: targets, note: `seed ${runSeed}; answers ${counts(statuses)}` })
  // The grammar must lead to all sides, or it shows nothing: some served free, some for sale, some refused.
  for (const status of [200, 400, 402, 404]) expect(statuses.get(status) ?? 0).toBeGreaterThan(targets / 200)
}

describe('however a target is written', () => {
  test('no router of an upstream sees a priced path without a claim', async (context) => {
    const targets = scale(3_000, 200_000)
    await using upstream = await openUpstream(answerWith(200, 'ok'))
    await using gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
    const request = { path: '/v1/cheap', method: 'GET' }
    const payment = await payFor(gateway, request)
    const { statuses } = await sweep({
      gateway,
      targets,
      reachedBy: () => [],
      credential: payment.authorization.authorization,
    })
    const reached = upstream.calls.flatMap(({ url, method }) =>
      handlersReached(url).map((each) => ({ ...each, url, method })),
    )
    // The token buys what it was sold for, once; nothing else was ever claimed.
    const row = await rowIn(gateway, payment)
    const bought = reached.filter(({ url }) => url === '/v1/cheap')
    expect(reached.filter(({ url }) => url !== '/v1/cheap')).toEqual([])
    expect(new Set(upstream.calls.filter(({ url }) => url === '/v1/cheap')).size).toBe(
      row?.job?.state === 'captured' ? 1 : 0,
    )
    expect(bought.every(({ handler }) => handler === 'cheap')).toBe(true)
    finish(context, targets, statuses)
  })

  test.skipIf(!hasPython)('no handler of a Python http.server that is sold is reached unpaid', async (context) => {
    const targets = scale(600, 30_000)
    await using upstream = await openPython()
    await using gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
    const { statuses, breaches } = await sweep({ gateway, targets, reachedBy: namesIn })
    expect(breaches).toEqual([])
    finish(context, targets, statuses)
  })

  test.skipIf(!hasNginx)('no location of nginx that is sold is reached unpaid', async (context) => {
    const targets = scale(600, 30_000)
    await using upstream = await openNginx()
    await using gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
    const { statuses, breaches } = await sweep({ gateway, targets, reachedBy: namesIn })
    expect(breaches).toEqual([])
    finish(context, targets, statuses)
  })
})

const namesIn = (text: string): readonly string[] => (/reached=(\S+)/.exec(text)?.[1] ?? '').split(',').filter(Boolean)

describe('a free route with a star beside what is sold', () => {
  test.for([
    '/v1/Make',
    '/v1/make/',
    '/v1/make.',
    '/v1/make%20',
    '/v1/%E2%85%BFake',
    '/v1/img/OIL/',
    '/v1/..%EF%BC%8Fv1/make',
    '/v1/x%EF%BC%8F..%EF%BC%8Fmake',
    '/v1/%EF%BC%8Fmake',
    '/pub/v1/make',
    '/pub/V1/img/oil',
    '/pub/v1/img/oil%EF%BC%8Findex.html',
    '/pub/V1/img/oil%EF%BC%8Fv1',
    '/pub/V1/img/%20',
    '/v1/make.json',
    '/v1/MAKE.Xml/',
    '/pub/v1/make.html',
    '/v1/models/one/run.json',
    '/v1/make%3Fa=1',
    '/v1/make%23a',
    '/v1/make.json%3Fa',
    '/v1/make.1',
  ])('does not lead there: %s', async (target) => {
    await using upstream = await openUpstream(answerWith(200, 'ok'))
    await using gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
    using client = new LineClient(gateway.url)
    const host = new URL(gateway.url).host
    expect((await client.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status).toBe(404)
    expect((await client.send(`GET /v1/free HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status).toBe(200)
    expect(upstream.calls.map(({ url }) => url)).toEqual(['/v1/free'])
  })
})

describe('a free route for another host or method', () => {
  const split = (url: string, sold = '', free = '') => `
services:
  POST api.example/v1/make: { name: make, upstream: { url: "${url}"${sold} }, price: { flat: 7 } }
  POST gen.example/make: { name: gen, upstream: "${url}/v2/make", price: { flat: 7 } }
  static.example/v1/*: { name: static, upstream: { url: "${url}"${free} }, price: free }
  static.example/files/*: { name: files, upstream: "${url}/v2/*", price: free }
  api.example/v1/*: { name: rest, upstream: "${url}", price: free }
`
  test.for([
    ['POST', 'static.example', '/v1/make'],
    ['POST', 'static.example', '/v1/Make/'],
    ['POST', 'static.example', '/files/make'],
    ['PUT', 'static.example', '/v1/make'],
    ['PUT', 'api.example', '/v1/make'],
    ['PATCH', 'api.example', '/v1/MAKE'],
    ['DELETE', 'api.example', '/v1/make/'],
  ] as const)('does not lead to what is sold: %s %s%s', async ([method, host, target]) => {
    await using upstream = await openUpstream(answerWith(200, 'ok'))
    await using gateway = await openGateway({ config: split(upstream.url), logLevel: 'silent' })
    using client = new LineClient(gateway.url)
    const answer = await client.send(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`)
    expect([404, 405]).toContain(answer.status)
    expect((await client.send(`GET /v1/make HTTP/1.1\r\nHost: api.example\r\n\r\n`)).status).toBe(200)
    expect(
      (await client.send(`POST /v1/other HTTP/1.1\r\nHost: static.example\r\nContent-Length: 0\r\n\r\n`)).status,
    ).toBe(200)
    expect(upstream.calls.map(({ url }) => url)).toEqual(['/v1/make', '/v1/other'])
  })

  test('leads there where the upstream tells the hosts apart', async () => {
    await using upstream = await openUpstream(answerWith(200, 'ok'))
    const vhosts = split(upstream.url, ', headers: { Host: api.internal }', ', headers: { Host: static.internal }')
    await using gateway = await openGateway({ config: vhosts, logLevel: 'silent' })
    using client = new LineClient(gateway.url)
    const request = 'POST /v1/make HTTP/1.1\r\nHost: static.example\r\nContent-Length: 0\r\n\r\n'
    expect((await client.send(request)).status).toBe(200)
  })
})

describe('a path parameter', () => {
  test.for(['a/b', 'a%2Fb', 'a%2fb', 'a%5Cb', '', 'a%00b', '%2e%2e', '..', 'a;b/c', 'a%252Fb'])(
    'never matches across segments: %j',
    async (style) => {
      await using upstream = await openUpstream()
      await using gateway = await openGateway({
        config: `services: { "GET /img/:style": { name: img, upstream: "${upstream.url}", price: free } }`,
        logLevel: 'silent',
      })
      using client = new LineClient(gateway.url)
      const { status } = await client.send(`GET /img/${style} HTTP/1.1\r\nHost: ${new URL(gateway.url).host}\r\n\r\n`)
      expect([400, 404]).toContain(status)
      expect(upstream.calls).toEqual([])
    },
  )
})
