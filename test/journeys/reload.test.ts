import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildCatalog } from '#src/catalog/build.ts'
import { liveSettings } from '#src/cli/live-settings.ts'
import { loadConfigText } from '#src/config/load.ts'
import { makeGate } from '../support/answers.ts'
import { type Payment, paid, payFor, type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { type GatewayProcess, makeSite } from '../support/process.ts'
import { aRequest, idle, makeShop } from '../support/shop.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

/** Takes another configuration into use in a gateway of this process, as its reloader does. */
async function reload(gateway: TestGateway, text: string, environment = {}): Promise<void> {
  const { context } = gateway.running
  const { config, problems } = loadConfigText(text, join(gateway.dataDir, 'gateway.yaml'), environment)
  if (!config || problems.length > 0) throw new Error('it is not good')
  const { config: wanted } = liveSettings(context.config, config)
  await context.adopt(wanted, buildCatalog(wanted).catalog)
}

const schema = '{ type: object, properties: { prompt: { type: string }, size: { type: integer, default: 1 } } }'
const shop = (
  upstream: string,
  { key = 'POST /make', name = 'make', price = '{ flat: 7 }', schema: given = schema, more = '' } = {},
) => `
services:
  ${key}: { name: ${name}, upstream: "${upstream}/run", price: ${price}, request: { schema: ${given} } ${more} }
`
const request: Sent = { path: '/make', body: { prompt: 'a cat' } }

describe('between payment and redemption the configuration may change: the request is made as it was sold', () => {
  const changes: readonly (readonly [string, (url: string) => string])[] = [
    ['a stricter schema', (url) => shop(url, { schema: '{ type: object, properties: { text: { type: string } } }' })],
    ['another default', (url) => shop(url, { schema: schema.replace('default: 1', 'default: 9') })],
    ['a higher price', (url) => shop(url, { price: '{ flat: 700 }' })],
    ['the service is gone', (url) => shop(url, { key: 'POST /elsewhere', name: 'elsewhere' })],
    ['the service has another name', (url) => shop(url, { name: 'maker' })],
    ['the service has another path', (url) => shop(url, { key: 'POST /made' })],
    ['another service has its path', (url) => shop(url, { name: 'other', price: '{ flat: 1 }' })],
  ]

  let upstream: TestUpstream
  let gateway: TestGateway
  beforeAll(async () => {
    upstream = await openUpstream()
    gateway = await openGateway({ config: shop(upstream.url) })
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })

  test.for(changes)('%s', async ([, after]) => {
    await reload(gateway, shop(upstream.url))
    const payment = await payFor(gateway, request)
    await reload(gateway, after(upstream.url))
    const calls = upstream.calls.length
    const answer = await send(gateway, paid(request, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
    const made = upstream.calls.slice(calls).map(({ method, url, body }) => [method, url, body.toString()])
    expect(made).toEqual([['POST', '/run', '{"prompt":"a cat","size":1}']])
    // And what was captured needs no definition at all.
    await reload(gateway, shop(upstream.url, { key: 'POST /nothing', name: 'nothing' }))
    expect((await send(gateway, paid(request, payment))).headers['l402-payment']).toBe('replayed')
  })

  test.for([
    ['dearer', 7, 700],
    ['cheaper', 700, 7],
  ] as const)('also between the challenge and its payment: %s', async ([, before, after]) => {
    await reload(gateway, shop(upstream.url, { price: `{ flat: ${before} }` }))
    const challenge = (await send(gateway, request)).json()
    await reload(gateway, shop(upstream.url, { price: `{ flat: ${after} }` }))
    const preimage = await gateway.wallet.pay(challenge.invoice)
    const headers = { authorization: `L402 ${challenge.token}:${preimage}` }
    const answer = await send(gateway, { ...request, headers })
    expect([answer.status, answer.headers['l402-payment'], challenge.amountMsat]).toEqual([
      200,
      'spent',
      before * 1_000,
    ])
    // Who asks now pays what it costs now.
    expect((await send(gateway, request)).json().amountMsat).toBe(after * 1_000)
  })

  test('and it goes to where the service is now', async () => {
    await using elsewhere = await openUpstream()
    await reload(gateway, shop(upstream.url))
    const payment = await payFor(gateway, request)
    await reload(gateway, shop(elsewhere.url, { more: ', headers: { X-Key: now }' }))
    const calls = upstream.calls.length
    expect((await send(gateway, paid(request, payment))).status).toBe(200)
    expect(upstream.calls).toHaveLength(calls)
    expect(elsewhere.calls.map(({ headers }) => headers['x-key'])).toEqual(['now'])
  })

  test('and what is new is sold at once, at its price', async () => {
    await reload(gateway, shop(upstream.url, { key: 'POST /new', name: 'new', price: '{ flat: 12 }' }))
    expect((await send(gateway, request)).status).toBe(404)
    const challenge = await send(gateway, { ...request, path: '/new' })
    expect([challenge.status, challenge.json().amountMsat]).toEqual([402, 12_000])
  })

  test('even after the next start, since what was sold is in the ledger before it is on sale', async () => {
    const payments: Payment[] = []
    for (const price of ['{ flat: 3 }', '{ flat: 5 }']) {
      await reload(gateway, shop(upstream.url, { price }))
      payments.push(await payFor(gateway, request))
    }
    gateway = await gateway.restart({ config: shop(upstream.url, { key: 'POST /last', name: 'last' }) })
    for (const payment of payments) expect((await send(gateway, paid(request, payment))).status).toBe(200)
  })
})

test('a request that is under way when the configuration changes keeps the one it began with', async () => {
  const [called, finish] = [makeGate(), makeGate()]
  await using upstream = await openUpstream(async (_call, outgoing) => {
    called.open()
    await finish.opened
    outgoing.end('made')
  })
  await using gateway = await openGateway({ config: makeShop(upstream.url) })
  const { wallet } = gateway
  const payment = await payFor(gateway, aRequest)
  const answering = send(gateway, paid(aRequest, payment))
  await called.opened
  // A challenge that waits for its wallet is made under the terms that priced it.
  const [asked, goOn] = [makeGate(), makeGate()]
  const issue = wallet.createInvoice.bind(wallet)
  wallet.instead = async (invoice, signal) => {
    asked.open()
    await goOn.opened
    wallet.instead = undefined
    return await issue(invoice, signal)
  }
  const challenging = send(gateway, aRequest)
  await asked.opened
  const after = makeShop(upstream.url).replace('flat: 7', 'flat: 70').replace('POST /make', 'POST /made')
  await reload(gateway, `l402: { legacy_lsat: true }\n${after}`)
  finish.open()
  goOn.open()
  expect([(await answering).status, (await answering).text]).toEqual([200, 'made'])
  const challenge = await challenging
  expect([challenge.status, challenge.json().amountMsat]).toEqual([402, 7_000])
  expect(String(challenge.headers['www-authenticate'])).not.toContain('LSAT ')
  await idle(gateway)
})

test('settings that may change are today’s: token life, title, contact', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: makeShop(upstream.url) })
  await reload(gateway, `site: { title: Other }\nl402: { token_ttl: 3h, legacy_lsat: true }\n${makeShop(upstream.url)}`)
  const challenge = await send(gateway, aRequest)
  expect(gateway.wallet.asked.at(-1)?.description).toBe('Other: make')
  expect(String(challenge.headers['www-authenticate'])).toContain('LSAT ')
  const life = Date.parse(String((challenge.json() as Record<string, unknown>).tokenExpiresAt)) - Date.now()
  expect(life).toBeGreaterThan(2.9 * 3_600_000)
  expect(life).toBeLessThan(3.1 * 3_600_000)
})

const fast = 'reload: { interval: 50ms }'
const priceOf = async (gateway: GatewayProcess): Promise<number> => (await send(gateway, aRequest)).json().amountMsat
const priced = (upstream: string, flat: number) => makeShop(upstream).replace('flat: 7', `flat: ${flat}`)
const events = (gateway: GatewayProcess, event: string) => gateway.log().filter((line) => line.event === event)

describe('turnpike serve', { timeout: 30_000 }, () => {
  test('takes a changed file into use, and keeps the old one while the new one is invalid', async () => {
    await using upstream = await openUpstream()
    using site = makeSite(priced(upstream.url, 7), fast)
    await using gateway = await site.start()
    const ready = async () => (await fetch(`${gateway.adminUrl}/readyz`)).json()
    const metric = async () =>
      /^turnpike_config_last_reload_successful (\d)/m.exec(
        await (await fetch(`${gateway.adminUrl}/metrics`)).text(),
      )?.[1]
    site.write(priced(upstream.url, 8))
    await expect.poll(() => priceOf(gateway), { timeout: 15_000 }).toBe(8_000)
    expect([await metric(), await ready()]).toEqual(['1', { status: 'ready' }])

    site.write(`lisen: 1\n${priced(upstream.url, -1)}`)
    await expect.poll(() => events(gateway, 'config_refused'), { timeout: 15_000 }).not.toEqual([])
    expect(await priceOf(gateway)).toBe(8_000)
    expect([await metric(), await ready()]).toEqual([
      '0',
      { status: 'ready', notice: expect.stringContaining('invalid') as string },
    ])
    const problems = events(gateway, 'config_refused').map(({ problem }) => problem)
    expect(problems).toContainEqual(expect.stringMatching(/gateway\.yaml:4:1 +lisen: /))
    expect(problems).toContainEqual(expect.stringMatching(/gateway\.yaml:\d+:\d+ +services\.POST \/make\.price/))

    site.write(priced(upstream.url, 9))
    await expect.poll(() => priceOf(gateway), { timeout: 15_000 }).toBe(9_000)
    expect([await metric(), await ready()]).toEqual(['1', { status: 'ready' }])
    expect(gateway.child.exitCode).toBeNull()
  })

  test('looks at every file that the configuration names, also where links are swapped', async () => {
    await using upstream = await openUpstream()
    using site = makeSite('', fast)
    const version = (name: string, required: string): void => {
      mkdirSync(join(site.directory, name))
      writeFileSync(
        join(site.directory, name, 'schema.json'),
        JSON.stringify({
          type: 'object',
          required: [required],
          properties: { prompt: { type: 'string' }, text: { type: 'string' } },
        }),
      )
    }
    const swapTo = (name: string): void => {
      symlinkSync(name, join(site.directory, '..new'))
      renameSync(join(site.directory, '..new'), join(site.directory, '..data'))
    }
    version('..one', 'prompt')
    version('..two', 'text')
    swapTo('..one')
    symlinkSync('..data/schema.json', join(site.directory, 'schema.json'))
    site.write(makeShop(upstream.url, 'request: { schema_file: schema.json }'))
    await using gateway = await site.start()
    expect((await send(gateway, aRequest)).status).toBe(402)
    swapTo('..two')
    await expect.poll(async () => (await send(gateway, aRequest)).status, { timeout: 15_000 }).toBe(400)
    rmSync(join(site.directory, '..data'))
    await expect.poll(() => events(gateway, 'config_refused'), { timeout: 15_000 }).not.toEqual([])
    swapTo('..one')
    await expect.poll(async () => (await send(gateway, aRequest)).status, { timeout: 15_000 }).toBe(402)
  })

  test('loads on SIGHUP where it does not watch, and names what needs a restart', async () => {
    await using upstream = await openUpstream()
    using site = makeSite(priced(upstream.url, 7), 'reload: { watch: false, interval: 50ms }')
    await using gateway = await site.start()
    writeFileSync(
      site.file,
      `listen: 127.0.0.1:1\nadmin: { listen: 127.0.0.1:0 }\nreload: { watch: false, interval: 50ms }\ndata: ./other\nsite: { prefix: /other }\n${priced(upstream.url, 8)}`,
    )
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(await priceOf(gateway)).toBe(7_000)
    gateway.child.kill('SIGHUP')
    await expect.poll(() => priceOf(gateway), { timeout: 15_000 }).toBe(8_000)
    await expect
      .poll(() => events(gateway, 'config_needs_restart'))
      .toMatchObject([{ settings: ['listen', 'data', 'site.prefix'] }])
    expect((await fetch(`${gateway.url}/l402/services`)).status).toBe(200)
    expect(await gateway.stop('SIGTERM')).toMatchObject({ code: 0 })
  })
})
