import { describe, expect, test } from 'vitest'
import { readJson, statusError } from '#src/lightning/http/read-reply.ts'
import { hash32 } from '#src/lightning/http/reply-fields.ts'
import { WalletHttp, type WalletHttpOptions } from '#src/lightning/http/wallet-http.ts'
import { WalletError } from '#src/ports/wallet.ts'
import { TestClock } from '../support/clock.ts'
import { FakeHttp, type FakeHttpOptions, type Fault } from '../support/wallets/fake-http.ts'
import { authorities, serverTls } from '../support/wallets/tls-files.ts'

const secret = 'hunter2-hunter2-hunter2'
const call = { method: 'GET', path: '/getinfo?key=in-the-path' } as const
const soon = () => AbortSignal.timeout(5_000)

const serving = (options: Partial<FakeHttpOptions> = {}) =>
  new FakeHttp({ handle: () => ({ status: 200, body: { fine: true } }), ...options }).start()

const client = (url: string, options: Partial<WalletHttpOptions> = {}) =>
  new WalletHttp({ service: 'phoenixd', url, headers: { authorization: secret }, ...options })

async function failureOf(http: WalletHttp, signal = soon()): Promise<WalletError> {
  const thrown = await http.send(call, signal).catch((reason: unknown) => reason)
  if (!(thrown instanceof WalletError)) return expect.fail(`no WalletError: ${String(thrown)}`)
  expect(thrown.message).not.toContain(secret)
  expect(thrown.message).not.toContain('in-the-path')
  return thrown
}

describe('a call to a wallet over HTTP', () => {
  test('carries credential and prefix, and keeps its connection', async () => {
    await using server = await serving()
    await using http = client(`${server.url}/wallets/phoenix/`)
    for (let count = 0; count < 5; count++) expect((await http.send(call, soon())).status).toBe(200)
    expect(server.requests.map(({ target }) => target)).toEqual(
      Array.from({ length: 5 }, () => '/wallets/phoenix/getinfo?key=in-the-path'),
    )
    expect(server.requests[0]?.headers.authorization).toBe(secret)
    // The pool may open a second one before the first is free again, and never one for each call.
    expect(server.openSockets).toBeLessThanOrEqual(2)
  })

  test.each<[string, Fault, string, string]>([
    ['a connection that is reset', { kind: 'reset' }, 'unavailable', 'closed the connection'],
    ['an answer that breaks off', { kind: 'cut' }, 'unavailable', 'closed the connection'],
    ['something that is not HTTP', { kind: 'not_http' }, 'protocol', 'does not speak HTTP'],
    ['an answer without end', { kind: 'huge' }, 'protocol', 'more than 1048576 bytes'],
  ])('fails plainly on %s', async (_name, fault, code, message) => {
    await using server = await serving()
    await using http = client(server.url)
    server.fail(fault, 1)
    expect(await failureOf(http)).toMatchObject({ code, message: expect.stringContaining(message) })
    expect((await http.send(call, soon())).status).toBe(200)
  })

  test('ends by its signal when nothing comes, and leaves no connection behind', async () => {
    await using server = await serving()
    await using http = client(server.url)
    server.fail({ kind: 'hang' })
    const begunMs = performance.now()
    expect(await failureOf(http, AbortSignal.timeout(100))).toMatchObject({ code: 'timeout' })
    expect(performance.now() - begunMs).toBeLessThan(1_000)
    await expect.poll(() => server.openSockets).toBe(0)
  })

  test('is not begun when its time is over', async () => {
    await using server = await serving()
    await using http = client(server.url)
    expect(await failureOf(http, AbortSignal.abort())).toMatchObject({ code: 'timeout' })
    expect(server.requests).toEqual([])
  })

  test('is never sent twice', async () => {
    await using server = await serving()
    await using http = client(server.url)
    server.fail({ kind: 'lose_reply' }, 1)
    const thrown = await http.send({ method: 'POST', path: '/', body: { json: {} } }, soon()).catch((reason) => reason)
    expect(thrown).toMatchObject({ code: 'unavailable' })
    expect(server.requests).toHaveLength(1)
  })

  test('does not follow a redirect, which could carry the credential elsewhere', async () => {
    await using elsewhere = await serving()
    await using server = await serving({ handle: () => ({ status: 307, headers: { location: elsewhere.url } }) })
    await using http = client(server.url)
    expect((await http.send(call, soon())).status).toBe(307)
    expect(elsewhere.requests).toEqual([])
  })

  test('says that nobody listens', async () => {
    await using http = client('http://localhost:1')
    expect(await failureOf(http)).toMatchObject({
      code: 'unavailable',
      message: 'Nothing listens at localhost:1; start phoenixd or correct its url.',
    })
  })

  test('says that it is closed', async () => {
    const http = client('http://localhost:1')
    await http[Symbol.asyncDispose]()
    expect(await failureOf(http)).toMatchObject({ code: 'unavailable' })
  })

  test.each([
    'ftp://localhost:1',
    'localhost:1',
    'http://user:hunter2-hunter2-hunter2@localhost:1',
    'http://h/?k=hunter2-hunter2-hunter2',
  ])('refuses the url %s without repeating it', (url) => {
    let thrown: unknown
    try {
      client(url)
    } catch (reason) {
      thrown = reason
    }
    expect(thrown).toMatchObject({ code: 'rejected', message: expect.not.stringContaining(secret) })
  })
})

describe('a call over TLS', () => {
  const { right, wrong } = authorities()

  test('trusts the authority it is given, and the name that the software gives itself', async () => {
    await using server = await serving({ tls: serverTls() })
    await using byName = client(server.url, { ca: right })
    expect((await byName.send(call, soon())).status).toBe(200)
  })

  test.each([
    ['without its authority', undefined],
    ['with another authority', wrong],
  ])('is refused %s', async (_name, ca) => {
    await using server = await serving({ tls: serverTls() })
    await using http = client(server.url, { ca })
    expect(await failureOf(http)).toMatchObject({
      code: 'rejected',
      message: expect.stringContaining('give the certificate of its authority as ca_file'),
    })
    expect(server.requests).toEqual([])
  })

  test('is refused where the certificate is for another host, unless it names the software', async () => {
    await using server = await serving({ tls: serverTls() })
    const url = server.url.replace('localhost', server.address)
    await using strict = client(url, { ca: right })
    expect(await failureOf(strict)).toMatchObject({
      code: 'rejected',
      message: expect.stringContaining('another host name'),
    })
    await using named = client(url, { ca: right, alsoNamed: 'cln' })
    expect((await named.send(call, soon())).status).toBe(200)
    await using otherName = client(url, { ca: right, alsoNamed: 'lnd' })
    expect(await failureOf(otherName)).toMatchObject({ code: 'rejected' })
  })

  test('takes no name of software from an authority that everybody trusts', async () => {
    await using server = await serving({ tls: serverTls() })
    await using http = client(server.url, { alsoNamed: 'cln' })
    expect(await failureOf(http)).toMatchObject({ code: 'rejected' })
  })

  test('says that the other side speaks no TLS, or only that', async () => {
    await using plain = await serving()
    await using secure = await serving({ tls: serverTls() })
    await using toPlain = client(plain.url.replace('http:', 'https:'))
    expect(await failureOf(toPlain)).toMatchObject({ code: 'rejected', message: expect.stringContaining('http://') })
    await using toSecure = client(secure.url.replace('https:', 'http:'))
    expect((await failureOf(toSecure)).message).toContain('https://')
  })
})

describe('an answer', () => {
  const clock = new TestClock(Date.UTC(2027, 0, 1))
  const reader = {
    endpoint: { service: 'phoenixd', host: 'localhost:9740', secure: false },
    clock,
    whenUnauthorized: 'give another password',
  }
  const reply = (status: number, retryAfter?: string) => statusError(reader, { status, retryAfter, text: secret })

  test.each([
    [301, 'protocol'],
    [400, 'protocol'],
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [404, 'protocol'],
    [429, 'rate_limited'],
    [500, 'unavailable'],
    [503, 'unavailable'],
    [520, 'unavailable'],
  ])('of status %i is %s', (status, code) => {
    expect(reply(status)).toMatchObject({ code, message: expect.not.stringContaining(secret) })
  })

  test('of status 200 and 201 is none', () => {
    expect(reply(200)).toBeUndefined()
    expect(reply(201)).toBeUndefined()
  })

  test.each([
    ['7', 7_000],
    ['0', 0],
    ['Fri, 01 Jan 2027 00:00:30 GMT', 30_000],
    ['Thu, 31 Dec 2026 00:00:00 GMT', 0],
    ['99999999', 3_600_000],
    ['soon', undefined],
  ])('with Retry-After %s is tried again after %s ms', (text, retryAfterMs) => {
    expect(reply(429, text)?.retryAfterMs).toBe(retryAfterMs)
  })

  test('that is not what was promised is described without a word of it', () => {
    const read = (text: string) => () =>
      readJson(reader.endpoint, 'getinfo', { status: 200, retryAfter: undefined, text }, hash32)
    for (const text of [`"${secret}"`, `${secret} {`, '', 'null', `["${secret}"]`]) {
      expect(read(text)).toThrow(
        expect.objectContaining({ code: 'protocol', message: expect.not.stringContaining(secret) }),
      )
      try {
        read(text)()
      } catch (thrown) {
        expect(JSON.stringify(thrown, Object.getOwnPropertyNames(thrown))).not.toContain(secret)
      }
    }
    expect(read(`"${'AB'.repeat(32)}"`)()).toBe('ab'.repeat(32))
  })
})
