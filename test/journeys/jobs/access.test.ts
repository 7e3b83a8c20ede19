import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerWith } from '../../support/answers.ts'
import { type Answered, type Payment, payFor, send } from '../../support/buyer.ts'
import { attenuate } from '../../support/clients-attenuate.ts'
import { openGateway, type TestGateway } from '../../support/gateway.ts'
import { look, sendAsync } from '../../support/jobs.ts'
import { aRequest, idle, makeShop } from '../../support/shop.ts'
import { openUpstream, type TestUpstream } from '../../support/upstream.ts'

let upstream: TestUpstream
let gateway: TestGateway
let payment: Payment
let stranger: Payment
let path: string

beforeAll(async () => {
  upstream = await openUpstream(answerWith(200, 'made'))
  gateway = await openGateway({ config: makeShop(upstream.url) })
  payment = await payFor(gateway, aRequest)
  stranger = await payFor(gateway, { ...aRequest, body: { prompt: 'a dog' } })
  path = await sendAsync(gateway, aRequest, payment)
  await sendAsync(gateway, { ...aRequest, body: { prompt: 'a dog' } }, stranger)
  await idle(gateway)
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const authorization = (token: string, preimage: string) => ({
  authorization: { authorization: `L402 ${token}:${preimage}` },
})
const changed = (text: string, at: number) => `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`

/** What a stranger can tell apart. */
const seen = ({ status, headers, text }: Answered) => {
  const { date: _date, 'x-request-id': id, 'server-timing': _timing, ...others } = headers
  return { status, headers: others, text: text.replaceAll(String(id), '') }
}

describe('a job is shown to nobody but who paid for it', () => {
  const credentials: readonly (readonly [string, () => Record<string, string>])[] = [
    ['no credential', () => ({})],
    ['another scheme', () => ({ authorization: 'Bearer abc' })],
    ['what cannot be read', () => ({ authorization: 'L402 abc' })],
    ['a token that was changed', () => authorization(changed(payment.token, 200), payment.preimage).authorization],
    ['another preimage', () => authorization(payment.token, stranger.preimage).authorization],
    ['no preimage', () => authorization(payment.token, '0'.repeat(64)).authorization],
  ]
  test.for(credentials)('with %s it is 401, whatever the id', async ([, headers]) => {
    const unknown = `/l402/jobs/${randomBytes(16).toString('hex')}`
    const [own, other, result] = await Promise.all(
      [path, unknown, `${path}/result`].map((each) => send(gateway, { path: each, headers: headers() })),
    )
    expect([own?.status, own?.json().code]).toEqual([401, 'job_unauthorized'])
    expect(own?.headers['www-authenticate']).toBeUndefined()
    expect(own && other && result && [seen(other), seen(result)]).toEqual(own && [seen(own), seen(own)])
  })

  test('with somebody else’s payment it is 404, as if there were no such job', async () => {
    const unknown = `/l402/jobs/${randomBytes(16).toString('hex')}`
    const foreign = await look(gateway, path, stranger)
    expect([foreign.status, foreign.json().code]).toEqual([404, 'job_not_found'])
    expect(seen(await look(gateway, unknown, stranger))).toEqual(seen(foreign))
    expect(seen(await look(gateway, `${path}/result`, stranger))).toEqual(seen(foreign))
  })

  test('with a payment that was never used it is 404', async () => {
    const unused = await payFor(gateway, { ...aRequest, body: { prompt: 'a bird' } })
    expect((await look(gateway, path, unused)).status).toBe(404)
  })

  test.for(['', '/', '/x', '/result/x', '/result/', '%2Fresult'])('at %j below it there is nothing', async (below) => {
    const at = below === '' ? path.slice(0, -1) : `${path}${below}`
    expect((await look(gateway, at, payment)).status).toBe(404)
  })
})

describe('conditions that a holder added', () => {
  const narrowed = (caveat: string) => authorization(attenuate(payment.token, [caveat]), payment.preimage)

  test.for([
    ['an expiry that has passed', 'make_valid_until=1', 403],
    ['an expiry that widens', 'make_valid_until=99999999999', 403],
    ['another service', 'services=other:0', 403],
    ['another preimage', `preimage=${'0'.repeat(64)}`, 403],
    ['another method, which is about the request', 'method=PUT', 200],
    ['another path, which is about the request', 'path=/elsewhere', 200],
    ['one that is not known', 'colour=blue', 200],
  ] as const)('%s', async ([, caveat, status]) => {
    expect((await look(gateway, path, narrowed(caveat))).status).toBe(status)
    const unknown = `/l402/jobs/${randomBytes(16).toString('hex')}`
    expect((await look(gateway, unknown, narrowed(caveat))).status).toBe(status === 403 ? 403 : 404)
  })
})

describe('only GET, HEAD and OPTIONS', () => {
  test.for(['POST', 'PUT', 'PATCH', 'DELETE'])('%s is 405', async (method) => {
    for (const each of [path, `${path}/result`]) {
      const answer = await send(gateway, { method, path: each, headers: payment.authorization })
      expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS'])
    }
  })

  test('HEAD has the headers alone, and is no delivery', async () => {
    const fresh = await payFor(gateway, { ...aRequest, body: { prompt: 'a fish' } })
    const at = await sendAsync(gateway, { ...aRequest, body: { prompt: 'a fish' } }, fresh)
    await idle(gateway)
    const head = async (each: string) =>
      await send(gateway, { method: 'HEAD', path: each, headers: fresh.authorization })
    const [status, result] = [await head(at), await head(`${at}/result`)]
    expect([status.status, status.text, status.headers['content-type']]).toEqual([200, '', 'application/json'])
    expect([result.status, result.text, result.headers['content-length']]).toEqual([200, '', '4'])
    expect((await look(gateway, `${at}/result`, fresh)).headers['idempotent-replayed']).toBeUndefined()
  })

  test('OPTIONS lets a browser ask', async () => {
    const answer = await send(gateway, { method: 'OPTIONS', path })
    expect(answer.status).toBe(204)
    expect(answer.headers['access-control-allow-headers']).toMatch(/Authorization.*Prefer.*Range/)
    const status = await look(gateway, path, payment)
    expect(status.headers['access-control-expose-headers']).toMatch(/Location.*Preference-Applied.*Content-Range/)
  })
})

test('nothing here makes an invoice', () => {
  expect(gateway.wallet.asked.length).toBe(4)
})
