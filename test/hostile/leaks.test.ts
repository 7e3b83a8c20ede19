import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answerWith, inTurn, raw } from '../support/answers.ts'
import { type Answered, type Payment, paid, payFor, type Sent, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { echo, openUpstream } from '../support/upstream.ts'
import { problemMembers } from './support/problem-members.ts'
import { tally } from './support/tally.ts'

const config = (upstream: string): string => `
services:
  POST /make:
    name: make
    upstream: { url: ${upstream}, headers: { Authorization: "Bearer canary-operator-key" } }
    price: { flat: 7 }
  GET /free/*: { name: free, upstream: "${upstream}", price: free }
`

const request = (prompt: string): Sent => ({ path: '/make', body: { prompt: `canary-prompt ${prompt}` } })

test.for(['trace', 'debug', 'info'] as const)(
  'canaries are nowhere in the log at %s, in metrics or in errors',
  async (logLevel, context) => {
    const fails = answerWith(500, 'canary-trace at /srv/secret.py:7', { 'x-debug': 'canary-trace' })
    await using upstream = await openUpstream(inTurn(fails, raw('HTTP/1.1 200 OK\r\ncanary trace', 'reset'), echo))
    await using gateway = await openGateway({ config: config(upstream.url), logLevel })
    const payments: Payment[] = []
    const problems: Answered[] = []
    for (const name of ['one', 'two', 'three']) {
      const payment = await payFor(gateway, request(name))
      payments.push(payment)
      const { token, preimage } = payment
      for (const authorization of [
        `L402 ${token}:${preimage.slice(1)}0`,
        `L402 ${token.slice(0, -8)}AAAAAAA=:${preimage}`,
        `L402 ${token}:${preimage}, L402 ${token}:${'0'.repeat(64)}`,
        `L402 ${token}${token}:${preimage}`,
        `LSAT ${preimage}:${token}`,
        `Bearer ${preimage}`,
      ])
        problems.push(await send(gateway, { ...request(name), headers: { authorization, cookie: 'canary-cookie=1' } }))
      problems.push(await send(gateway, paid(request(name), payment)))
      problems.push(await send(gateway, paid({ ...request(name), path: `/make?${preimage}` }, payment)))
      problems.push(await send(gateway, paid({ ...request(name), body: '{"canary-body"' }, payment)))
      problems.push(await send(gateway, { path: `/l402/jobs/${preimage}`, headers: payment.authorization }))
      problems.push(await send(gateway, { path: `/none/${preimage}` }))
    }
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    const secrets = [
      'canary',
      'secret.py',
      ...payments.flatMap(({ token, preimage, paymentHash }) => [token, token.slice(20, 60), preimage, paymentHash]),
    ]
    const log = gateway.log.join('')
    expect(log.length).toBeGreaterThan(1000)
    for (const secret of secrets) {
      expect(log).not.toContain(secret)
      expect(metrics).not.toContain(secret)
    }
    expect(log).not.toMatch(/lnbcrt1|AgEEbHNhd/)
    const errors = problems.filter(({ status }) => status >= 400 && status !== 402)
    expect(errors.length).toBeGreaterThan(10)
    for (const error of errors) {
      expect(Object.keys(error.json()).filter((key) => !problemMembers.has(key))).toEqual([])
      expect(error.text).not.toMatch(/canary|secret\.py|node:|\.ts\b|\bat (?:file:|async |\/)/)
      for (const { token, preimage } of payments)
        expect([error.text.includes(token), error.text.includes(preimage)]).toEqual([false, false])
    }
    // And the upstream is told of no payment.
    const wire = upstream.calls.map(({ rawHeaders, url }) => [...rawHeaders, url].join('\n')).join('\n')
    for (const { token, preimage } of payments)
      expect([wire.includes(token), wire.includes(preimage)]).toEqual([false, false])
    tally(context, { kind: 'leaks', tried: problems.length })
  },
)

const src = new URL('../../src/', import.meta.url).pathname

test('signatures, preimages and the admin token are compared in constant time, and nowhere else', () => {
  const compared = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      readFileSync(join(src, file), 'utf8')
        .split('\n')
        .map((line) => ({ file, line: line.trim() })),
    )
  const inConstantTime = compared.filter(({ line }) => /\btimingSafeEqual\(/.test(line)).map(({ file }) => file)
  expect(inConstantTime.filter((file) => file === 'l402/token.ts')).toHaveLength(2)
  expect(inConstantTime).toContain('admin/admin-app.ts')
  // Digests of equal length go in, so that neither length nor content decides how long it takes.
  const others = compared.filter(
    ({ line }) =>
      /(?:signature|hmac|digest|mac)\w*(?:\.equals\(| ===? )/i.test(line) &&
      !/\.length|kind|undefined|typeof/.test(line),
  )
  expect(others.filter(({ file }) => /^(?:l402|gateway|admin|site)\//.test(file))).toEqual([])
})
