import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { buy } from '#src/cli/buy.ts'
import { payFor, send } from '../support/buyer.ts'
import { echo } from '../support/upstream.ts'
import { startTurnpike, temporaryDirectory, turnpike, until } from './run.ts'
import { openShop, type Shop } from './shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await openShop()
})
afterAll(() => shop[Symbol.asyncDispose]())
beforeEach(() => {
  shop.upstream.calls.splice(0)
  shop.gateway.wallet.asked.splice(0)
  shop.upstream.answer = echo
})

const buying = (method: string, path: string, ...more: string[]): string[] => [
  'buy',
  method,
  `${shop.gateway.url}${path}`,
  '--dev-wallet',
  shop.gateway.adminUrl,
  ...more,
]

const body = '{"prompt":"a cat"}'
const request = { path: '/make', method: 'POST', headers: { 'content-type': 'application/json' }, body }

describe('turnpike buy', () => {
  test('pays the price and writes the result, and nothing else, to standard output', async () => {
    const { code, stdout, stderr } = await turnpike(buying('POST', '/make', '-d', body, '--max-sats', '7'))
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ url: '/make', body: '{"prompt":"a cat","loud":false}' })
    expect(stderr).toBe(
      'Price: 7 sats (5 chars × 1 sat / 2 chars, minimum 7 sats)\nPaid with the development wallet.\n',
    )
    expect(shop.upstream.calls).toHaveLength(1)
  })

  test('says all of it as JSON for programs', async () => {
    const { code, stdout } = await turnpike(buying('POST', '/make', '-d', body, '--json'))
    expect(code).toBe(0)
    const { body: result, ...rest } = JSON.parse(stdout) as { body: string }
    expect(rest).toEqual({ status: 200, contentType: 'application/json', payment: 'spent', paidMsat: 7000 })
    expect(JSON.parse(result)).toMatchObject({ method: 'POST', url: '/make' })
  })

  test('writes a binary result into a file as it came', async () => {
    using directory = temporaryDirectory()
    const bytes = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0xff, 0x00])
    shop.upstream.answer = (_call, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'image/png' })
      outgoing.end(bytes)
    }
    const file = join(directory.path, 'cat.png')
    const { code, stdout, stderr } = await turnpike(buying('GET', '/picture/oil?seed=1', '-o', file))
    expect([code, stdout]).toEqual([0, ''])
    expect(stderr).toContain(`image/png written to ${file}`)
    expect(readFileSync(file).equals(bytes)).toBe(true)
    expect(shop.upstream.calls[0]?.url).toBe('/picture/oil?seed=1')
  })

  test('gives a binary result in base64 where it is asked for JSON', async () => {
    shop.upstream.answer = (_call, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'image/png' })
      outgoing.end(Buffer.from([0xff, 0x00]))
    }
    const { stdout } = await turnpike(buying('GET', '/picture/oil', '--json'))
    expect(JSON.parse(stdout)).toMatchObject({ contentType: 'image/png', bodyBase64: '/wA=' })
  })

  test('uploads a form with a file, the same bytes each time', async () => {
    using directory = temporaryDirectory()
    const file = join(directory.path, 'speech.wav')
    writeFileSync(file, Buffer.alloc(101, 7))
    const { code, stderr } = await turnpike(buying('POST', '/upload', '-F', `file=@${file}`, '-F', 'note=a=b'))
    expect([code, stderr]).toEqual([0, expect.stringContaining('Price: 11 sats')])
    const [call] = shop.upstream.calls
    const received = await new Response(new Uint8Array(call?.body ?? []), {
      headers: { 'content-type': call?.headers['content-type'] ?? '' },
    }).formData()
    expect(received.get('note')).toBe('a=b')
    const uploaded = received.get('file') as File
    expect([uploaded.name, uploaded.size]).toEqual(['speech.wav', 101])
  })

  test('reads the body from a file or from standard input', async () => {
    using directory = temporaryDirectory()
    const file = join(directory.path, 'body.json')
    writeFileSync(file, body)
    expect((await turnpike(buying('POST', '/make', '-d', `@${file}`))).code).toBe(0)
    expect((await turnpike(buying('POST', '/make', '-d', '@-'), { input: '{"prompt":"a dog"}' })).code).toBe(0)
    expect(shop.upstream.calls.map((call) => String(call.body))).toEqual([
      '{"prompt":"a cat","loud":false}',
      '{"prompt":"a dog","loud":false}',
    ])
  })

  test('pays nothing above --max-sats', async () => {
    const { code, stdout, stderr } = await turnpike(buying('POST', '/make', '-d', body, '--max-sats', '6.999'))
    expect([code, stdout, stderr]).toEqual([4, '', '7 sats is above --max-sats 6.999; nothing was paid\n'])
    const [invoice] = shop.gateway.wallet.asked
    expect(invoice).toBeDefined()
    expect(shop.upstream.calls).toEqual([])
  })

  test('fetches what is free without a wallet', async () => {
    const url = `${shop.gateway.url}/free`
    const { code, stdout } = await turnpike(['buy', 'GET', url, '--dev-wallet', 'http://127.0.0.1:1', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ status: 200, paidMsat: 0 })
    expect(shop.gateway.wallet.asked).toEqual([])
  })
})

describe('turnpike buy --credential', () => {
  test('uses a payment made before, and then the stored result, without paying again', async () => {
    const { authorization } = (await payFor(shop.gateway, request)).authorization
    const first = await turnpike(buying('POST', '/make', '-d', body, '--credential', authorization, '--json'))
    expect(first.code).toBe(0)
    expect(JSON.parse(first.stdout)).toMatchObject({ status: 200, payment: 'spent', paidMsat: 0 })
    const again = await turnpike(buying('POST', '/make', '-d', body, '--credential', authorization, '--json'))
    expect(JSON.parse(again.stdout)).toMatchObject({ status: 200, payment: 'replayed', paidMsat: 0 })
    expect(shop.upstream.calls).toHaveLength(1)
    expect(shop.gateway.wallet.asked).toHaveLength(1)
  })

  test('never pays when the credential is for another request', async () => {
    const { authorization } = (await payFor(shop.gateway, request)).authorization
    const other = await turnpike(buying('POST', '/make', '-d', '{"prompt":"b"}', '--credential', authorization))
    expect(other.code).toBe(4)
    expect(other.stdout).toContain('request_mismatch')
    expect(shop.gateway.wallet.asked).toHaveLength(1)
    expect(shop.upstream.calls).toEqual([])
  })
})

describe('a purchase that is paid and not delivered', () => {
  test('is kept: the credential is printed, and fetches the result later', async () => {
    shop.upstream.answer = (_call, outgoing) => {
      outgoing.writeHead(500, { 'content-type': 'text/plain' })
      outgoing.end('out of memory')
    }
    const { code, stdout, stderr } = await turnpike(buying('POST', '/make', '-d', body))
    expect([code, stdout]).toEqual([3, expect.stringContaining('given_up')])
    const credential = /--credential '(L402 \S+:[0-9a-f]{64})'/.exec(stderr)?.[1] ?? ''
    // Given up, it is good for one other request of the service at no higher price.
    shop.upstream.answer = echo
    const other = await turnpike(buying('POST', '/make', '-d', '{"prompt":"a dog"}', '--credential', credential))
    expect([other.code, other.stderr]).toEqual([0, ''])
    expect(shop.gateway.wallet.asked).toHaveLength(1)
  })

  test('is kept too when the buyer loses patience', async () => {
    shop.upstream.answer = (_call, outgoing) => {
      outgoing.writeHead(503, { 'retry-after': '60' })
      outgoing.end()
    }
    const child = startTurnpike(buying('POST', '/make', '-d', body))
    const said = await until(child.stderr, /Not there yet/)
    const rest = until(child.stderr, /--credential '/).catch((error: Error) => error.message)
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    expect(await ended).toEqual([1, null])
    const credential = /--credential '(L402 [^']+)'/.exec(`${said}${await rest}`)?.[1]
    expect(credential).toBeDefined()
    shop.upstream.answer = echo
  })
})

describe('what turnpike buy cannot do', () => {
  const refused = (issue: string) => expect.stringContaining(issue) as string

  test.each([
    ['a request that is not sold', () => buying('POST', '/make', '-d', '{"promt":"a"}'), 4, refused('$.promt')],
    ['a path with nothing behind it', () => buying('GET', '/nowhere'), 5, refused('not_found')],
  ])('%s: the answer is written, and the exit code says what kind it was', async (_what, args, exit, said) => {
    const { code, stdout } = await turnpike(args())
    expect([code, stdout]).toEqual([exit, said])
    expect(shop.gateway.wallet.asked).toEqual([])
  })

  test.each([
    ['no URL', ['POST'], 2, 'name the method and the URL'],
    ['no http URL', ['GET', 'ftp://127.0.0.1/x'], 2, '`ftp://127.0.0.1/x` is not an http URL'],
    ['-d and -F together', ['POST', 'http://127.0.0.1:1/', '-d', '{}', '-F', 'a=b'], 2, 'give either -d or -F'],
    ['a header without a name', ['GET', 'http://127.0.0.1:1/', '-H', 'x'], 2, '`x` is not a header'],
    ['a form field without a name', ['POST', 'http://127.0.0.1:1/', '-F', '=x'], 2, '`=x` is not a form field'],
    ['a limit that is no number', ['GET', 'http://127.0.0.1:1/', '--max-sats', 'few'], 2, '--max-sats needs a'],
    ['a file that is not there', ['POST', 'http://127.0.0.1:1/', '-d', '@/no/such'], 5, 'cannot read /no/such'],
  ])('%s', async (_what, args, exitCode, said) => {
    await expect(buy(args)).rejects.toMatchObject({ name: 'CommandError', exitCode, message: refused(said) })
  })

  test('a server that is not there: one line, without a stack trace', async () => {
    const { code, stdout, stderr } = await turnpike(['buy', 'GET', 'http://127.0.0.1:1/'])
    expect([code, stdout, stderr]).toEqual([3, '', 'fetch failed\n'])
  })

  test('a wallet that is not there: nothing is paid', async () => {
    const args = ['buy', 'POST', `${shop.gateway.url}/make`, '-d', body, '--dev-wallet', '127.0.0.1:1']
    const { code, stderr } = await turnpike(args)
    expect([code, stderr]).toEqual([3, refused('no development wallet answers at http://127.0.0.1:1')])
    expect((await send(shop.gateway, request)).status).toBe(402)
  })
})
