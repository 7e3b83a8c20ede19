import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type GuardedGetOptions, guardedGet } from '#src/lightning/lightning-address/guarded-get.ts'
import { isSameSite } from '#src/lightning/lightning-address/same-site.ts'
import { isLoopbackAddress, isPublicAddress } from '#src/public-address.ts'
import { deadline } from './dev-setting.ts'

const strict: GuardedGetOptions = { service: 'The provider', allowLoopback: false }
const lenient: GuardedGetOptions = { service: 'The provider', allowLoopback: true }
const get = (url: string, options: Partial<GuardedGetOptions> = {}) => {
  return guardedGet(new URL(url), { ...strict, ...options }, deadline())
}

async function listening(server: Server, host = '127.0.0.1') {
  let connections = 0
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

describe('an address', () => {
  test.for([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::1',
    '3fff::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    'localhost',
    '',
    '127.1',
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.for(['8.8.8.8', '172.15.255.255', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1', '2003::1'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
    },
  )

  test('of this machine is told from others', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1'].map(isLoopbackAddress)).toEqual([true, true, true])
    expect(['8.8.8.8', '10.0.0.1', '::ffff:8.8.8.8', '::2', 'localhost'].map(isLoopbackAddress)).not.toContain(true)
  })
})

describe('a URL that somebody else chose', () => {
  test.for([
    ['a private address', 'https://10.0.0.1/'],
    ['the loopback', 'https://127.0.0.1:PORT/'],
    ['the loopback as a number', 'https://2130706433:PORT/'],
    ['the loopback in octal', 'https://0177.0.0.1:PORT/'],
    ['the loopback by name', 'https://localhost:PORT/'],
    ['the loopback of IPv6', 'https://[::1]:PORT/'],
    ['an IPv4 address within IPv6', 'https://[::ffff:127.0.0.1]:PORT/'],
    ['link-local metadata', 'https://169.254.169.254/latest/meta-data'],
    ['plain http', 'http://127.0.0.1:PORT/'],
    ['plain http on the internet', 'http://8.8.8.8/'],
    ['another protocol', 'ftp://example.com/'],
    ['a password', 'https://user:secret@example.com/'],
  ])('may not lead to %s', async ([, url = '']) => {
    await using server = await listening(createTcpServer((socket) => socket.destroy()))
    await expect(get(url.replace('PORT', String(server.port)))).rejects.toMatchObject({
      name: 'WalletError',
      code: 'rejected',
      message: expect.not.stringContaining('secret'),
    })
    expect(server.connections()).toBe(0)
  })

  test('may not have a name that leads to a private address, not even beside a public one', async () => {
    await using server = await listening(createTcpServer((socket) => socket.destroy()))
    for (const addresses of [['127.0.0.1'], ['8.8.8.8', '127.0.0.1'], ['::ffff:127.0.0.1'], ['fe80::1'], []]) {
      const resolve = async () => addresses
      await expect(get(`https://pay.example:${server.port}/`, { resolve })).rejects.toMatchObject({ code: 'rejected' })
    }
    expect(server.connections()).toBe(0)
  })

  test('is called over plain http on this machine only, also in tests', async () => {
    const resolve = async () => ['8.8.8.8']
    const call = guardedGet(new URL('http://pay.example/'), { ...lenient, resolve }, AbortSignal.timeout(300))
    await expect(call).rejects.toMatchObject({ code: 'rejected' })
  })

  test('is resolved once: a second answer of its name server counts for nothing', async () => {
    await using server = await listening(createTcpServer((socket) => socket.destroy()))
    let asked = 0
    // Nobody listens at the address that is checked; somebody does where the name leads afterwards.
    const resolve = async () => (++asked === 1 ? ['127.0.0.2'] : ['127.0.0.1'])
    await expect(get(`http://localhost:${server.port}/`, { ...lenient, resolve })).rejects.toMatchObject({
      code: 'unavailable',
    })
    expect([asked, server.connections()]).toEqual([1, 0])
  })

  test('is called at the address that was checked', async () => {
    const web = createServer((incoming, outgoing) => outgoing.end(JSON.stringify(incoming.headers.host)))
    await using server = await listening(web)
    const url = `http://no-such-name.invalid:${server.port}/`
    const reply = await get(url, { ...lenient, resolve: async () => ['127.0.0.1'] })
    expect([reply.status, JSON.parse(reply.text)]).toEqual([200, `no-such-name.invalid:${server.port}`])
  })

  test('does not lead elsewhere by a redirect', async () => {
    await using target = await listening(createTcpServer((socket) => socket.destroy()))
    const web = createServer((_incoming, outgoing) => {
      outgoing.writeHead(302, { location: `http://127.0.0.1:${target.port}/` }).end()
    })
    await using server = await listening(web)
    await expect(get(`http://127.0.0.1:${server.port}/`, lenient)).rejects.toMatchObject({
      code: 'protocol',
      message: expect.stringContaining('redirect'),
    })
    expect(target.connections()).toBe(0)
  })

  test.for([
    [64 * 1024, 'resolves'],
    [64 * 1024 + 1, 'protocol'],
  ] as const)('with an answer of %d bytes: %s', async ([bytes, expected]) => {
    const web = createServer((_incoming, outgoing) => outgoing.end('x'.repeat(bytes)))
    await using server = await listening(web)
    const outcome = await get(`http://127.0.0.1:${server.port}/`, lenient).then(
      ({ text }) => (text.length === bytes ? 'resolves' : 'short'),
      (thrown: { code: string }) => thrown.code,
    )
    expect(outcome).toBe(expected)
  })

  test.for([
    ['before its head', 0],
    ['in the middle of its body', 1],
  ] as const)('whose answer stops %s ends by the deadline', async ([, sends]) => {
    const web = createServer((_incoming, outgoing) => {
      if (sends) outgoing.writeHead(200, { 'content-length': '100' }).write('{')
    })
    await using server = await listening(web)
    const call = guardedGet(new URL(`http://127.0.0.1:${server.port}/`), lenient, AbortSignal.timeout(300))
    await expect(call).rejects.toMatchObject({ code: 'timeout' })
    web.closeAllConnections()
  })

  test('ends by the deadline when its name server says nothing', async () => {
    const resolve = () => new Promise<never>(() => undefined)
    const call = guardedGet(new URL('https://pay.example/'), { ...strict, resolve }, AbortSignal.timeout(200))
    await expect(call).rejects.toMatchObject({ code: 'timeout' })
  })

  test('needs a certificate that the machine trusts', async () => {
    const file = (name: string) => readFileSync(new URL(`../support/wallets/tls/${name}`, import.meta.url))
    await using server = await listening(createTlsServer({ key: file('lnd-key.pem'), cert: file('lnd.pem') }))
    await expect(get(`https://localhost:${server.port}/`, lenient)).rejects.toMatchObject({
      code: 'rejected',
      message: expect.stringContaining('certificate'),
    })
  })
})

test.for([
  ['example.com', 'example.com', true],
  ['pay.example.com', 'example.com', true],
  ['example.com', 'pay.example.com', true],
  ['pay.example.com', 'verify.example.com', false],
  ['example.com', 'badexample.com', false],
  ['com', 'example.com', false],
  ['example.com', 'example.org', false],
] as const)('%s and %s belong together: %s', ([one, other, expected]) => {
  expect(isSameSite(one, other)).toBe(expected)
})
