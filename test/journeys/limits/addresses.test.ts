import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { paid, payFor, send } from '../../support/buyer.ts'
import { behindProxy, from } from '../../support/crowd.ts'
import { openGateway, type TestGateway } from '../../support/gateway.ts'
import { connectTo } from '../../support/raw-socket.ts'
import { openUpstream, type TestUpstream } from '../../support/upstream.ts'

const good = '192.0.2.7'
const bad = '198.51.100.9'

let upstream: TestUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `${behindProxy}blocklist: [198.51.100.0/24, "2001:0DB8:0BAD:0:0::/48", "::"]
services:
  POST /make: { name: make, upstream: "${upstream.url}", price: { flat: 7 } }
  GET /free: { name: free, upstream: "${upstream.url}", price: free }
  GET /live: { name: live, upstream: "${upstream.url}", price: free, websocket: true }
  POST /office: { name: office, upstream: "${upstream.url}", price: { flat: 1 }, allowlist: [192.0.2.0/28], blocklist: [192.0.2.8] }
`,
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const make = { path: '/make', body: {} }
const office = { path: '/office', body: {} }

describe('an address on the blocklist', () => {
  test.for(['/make', '/free', '/nothing', '/l402/services', '/l402/quote/make', '/l402/jobs/0', '//', '/office'])(
    'gets 403 and nothing else at %s',
    async (path) => {
      for (const address of [bad, '::ffff:c633:6401', '2001:db8:bad:7::1']) {
        const answer = await send(gateway, from(address, { path }))
        expect([answer.status, answer.json().code, answer.headers['www-authenticate']]).toEqual([
          403,
          'client_refused',
          undefined,
        ])
        expect(answer.headers['access-control-allow-origin']).toBe('*')
      }
    },
  )

  test.for([
    '::ffff:198.51.100.9',
    '::FFFF:C633:6409',
    '0:0:0:0:0:ffff:198.51.100.9',
    '0000:0000:0000:0000:0000:ffff:c633:6409',
    '[::ffff:c633:6409]:4711',
    '198.51.100.9:80',
    '2001:DB8:BAD:0:0:0:0:1',
    '2001:db8:bad::1%eth0',
    '[2001:0db8:0bad:0000:0000:0000:192.0.2.7]',
    '0::0',
  ])('is on it in every spelling: %s', async (address) => {
    expect((await send(gateway, from(address, make))).status).toBe(403)
  })

  test('buys nothing and spends nothing: what was paid for from elsewhere is as good as before', async () => {
    const payment = await payFor(gateway, from(good, make))
    const [asked, called] = [gateway.wallet.asked.length, upstream.calls.length]
    expect((await send(gateway, from(bad, make))).status).toBe(403)
    expect((await send(gateway, from(bad, paid(make, payment)))).status).toBe(403)
    expect([gateway.wallet.asked.length, upstream.calls.length]).toEqual([asked, called])
    expect((await send(gateway, from(good, paid(make, payment)))).headers['l402-payment']).toBe('spent')
  })

  test('opens no WebSocket', async () => {
    const { socket, until } = await connectTo(gateway)
    const lines = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', `X-Forwarded-For: ${bad}`]
    socket.write(`GET /live HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    expect(await until(/client_refused/)).toMatch(/^HTTP\/1.1 403 /)
    socket.destroy()
  })

  test('does not get past it by what it says of itself', async () => {
    const headers = { 'x-forwarded-for': `${good}, ${bad}`, 'x-real-ip': good, forwarded: `for=${good}` }
    expect((await send(gateway, { ...make, headers })).status).toBe(403)
  })
})

test('a service may be for some addresses only', async () => {
  const status = async (address: string) => (await send(gateway, from(address, office))).status
  expect([
    await status(good),
    await status('192.0.2.8'),
    await status('192.0.2.200'),
    await status('2001:db8::1'),
  ]).toEqual([402, 403, 403, 403])
  const payment = await payFor(gateway, from(good, office))
  const refused = await send(gateway, from('192.0.2.200', paid(office, payment)))
  expect([refused.status, refused.headers['l402-payment']]).toEqual([403, 'unspent'])
  expect((await send(gateway, from(good, paid(office, payment)))).status).toBe(200)
})

test('the upstream is told of the client, and not of what the client said', async () => {
  await send(gateway, { path: '/free', headers: { 'x-forwarded-for': `6.6.6.6, ${good}`, 'x-real-ip': '6.6.6.6' } })
  expect(upstream.calls.at(-1)?.headers['x-forwarded-for']).toBe(good)
  expect(JSON.stringify(upstream.calls.at(-1)?.headers)).not.toContain('6.6.6.6')
})

test('a proxy that nobody named is spoken of once, and not believed', async () => {
  await using alone = await openGateway({
    config: `blocklist: [198.51.100.0/24]\nservices: { POST /make: { upstream: "${upstream.url}", price: { flat: 7 } } }`,
  })
  for (let count = 0; count < 3; count++) expect((await send(alone, from(bad, make))).status).toBe(402)
  expect(alone.log.filter((line) => line.includes('proxy_not_trusted'))).toHaveLength(1)
  expect(gateway.log.some((line) => line.includes('proxy_not_trusted'))).toBe(false)
})
