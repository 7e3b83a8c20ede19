import { afterEach, describe, expect, test, vi } from 'vitest'
import { buildCatalog } from '#src/catalog/build.ts'
import { send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { aRequest, makeShop } from '../support/shop.ts'

afterEach(() => void vi.restoreAllMocks())

const shop = makeShop('http://127.0.0.1:9')

describe('the list of what is sold', () => {
  test('is written once for each catalog, however often it is asked for', async () => {
    await using gateway = await openGateway({ config: shop })
    const written = vi.spyOn(JSON, 'stringify')
    const lists = () =>
      written.mock.calls.filter(([value]) => Object.hasOwn(Object(value) as object, 'services')).length
    const ask = async () => (await fetch(`${gateway.url}/l402/services`)).text()
    const first = await ask()
    expect(JSON.parse(first)).toMatchObject({ services: [{ name: 'make', price: 'flat' }] })
    for (let more = 0; more < 20; more++) expect(await ask()).toBe(first)
    expect(lists()).toBe(1)
    const { context } = gateway.running
    const [service] = context.config.services
    if (!service) throw new Error('there is a service')
    const config = { ...context.config, services: [{ ...service, title: 'A picture' }] }
    await context.adopt(config, buildCatalog(config).catalog)
    expect(JSON.parse(await ask())).toMatchObject({ services: [{ name: 'make', title: 'A picture' }] })
    expect(lists()).toBe(2)
  })

  test('is not sent again to who has it', async () => {
    await using gateway = await openGateway({ config: shop })
    const ask = (init: RequestInit = {}) => fetch(`${gateway.url}/l402/services`, { cache: 'no-store', ...init })
    const whole = await ask()
    const text = await whole.text()
    const etag = whole.headers.get('etag') ?? ''
    expect([whole.status, etag, whole.headers.get('cache-control')]).toEqual([
      200,
      expect.stringMatching(/^"[\w-]{22}"$/),
      'no-cache',
    ])
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await ask({ headers: { 'if-none-match': known } })
      expect([answer.status, answer.headers.get('etag'), await answer.text()]).toEqual([304, etag, ''])
    }
    const other = await ask({ headers: { 'if-none-match': '"other"' } })
    expect([other.status, await other.text()]).toEqual([200, text])
    const head = await ask({ method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), head.headers.get('etag'), await head.text()]).toEqual([
      200,
      String(text.length),
      etag,
      '',
    ])
    expect((await send(gateway, aRequest)).status).toBe(402)
  })
})
