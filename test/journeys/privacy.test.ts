import type * as NodeCrypto from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { answerWith, inTurn, raw } from '../support/answers.ts'
import { type Answered, paid, payFor, type Sent, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway } from '../support/gateway.ts'
import { idle, makeShop } from '../support/shop.ts'
import { type Answer, openUpstream } from '../support/upstream.ts'

/** Every key and nonce that anything is sealed with. */
const used = vi.hoisted((): string[] => [])
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof NodeCrypto>()
  return {
    ...crypto,
    createCipheriv: (algorithm: 'aes-256-gcm', key: Buffer, iv: Buffer) => {
      used.push(`${key.toString('hex')} ${iv.toString('hex')}`)
      return crypto.createCipheriv(algorithm, key, iv)
    },
  }
})

const prompt = 'canary-of-the-prompt-6f1c'
const made = 'canary-of-the-result-93ab'
const mishap = 'canary-of-the-upstream-error-07de'
const config = (upstream: string) => `
defaults: { breaker: off }
services:
  POST /make: { name: make, upstream: "${upstream}", price: { flat: 7 } }
  POST /stream: { name: stream, upstream: "${upstream}", price: { flat: 7 }, stream: true }
  POST /priced:
    name: priced
    upstream: ${upstream}
    price: { per_char: { of: prompt, rate: 1 sat / 10 chars } }
    request: { schema: { type: object, properties: { prompt: { type: string } }, required: [prompt] } }
  POST /broken: { name: broken, upstream: "http://127.0.0.1:1", price: { flat: 7 } }
`

test('nothing a buyer or a service wrote, and no secret, is in the ledger, the log, the metrics or an error', async () => {
  const clock = new TestClock(Date.now())
  await using upstream = await openUpstream()
  const gateway = await openGateway({ config: config(upstream.url), clock, logLevel: 'trace' })
  const { dataDir, log } = gateway
  const errors: string[] = []
  const secrets: (string | Buffer)[] = [prompt, made, mishap]
  const keep = (answer: Answered): void => {
    if (answer.status >= 400 && answer.headers['l402-payment'] !== 'required')
      errors.push(answer.text, JSON.stringify(answer.headers))
  }
  const text = answerWith(200, made, { 'content-type': 'text/plain' })
  const answers: readonly (readonly [string, Answer])[] = [
    ['/make', text],
    ['/make', answerWith(200, `${made} `.repeat(100_000))],
    ['/stream', text],
    ['/priced', text],
    ['/make', answerWith(500, mishap, { 'x-trouble': mishap })],
    ['/make', raw(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${made}`, 'reset')],
    ['/make', raw(`HTTP/1.1 ${mishap}\r\n\r\n`)],
    ['/stream', raw(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n${made}`, 'reset')],
    ['/broken', text],
  ]
  for (const [path, answer] of answers) {
    const request: Sent = { path, body: { prompt } }
    const payment = await payFor(gateway, request)
    const { preimage, token } = payment
    secrets.push(preimage, Buffer.from(preimage, 'hex'), Buffer.from(preimage, 'hex').toString('base64'), token)
    upstream.answer = answer
    const tampered = { authorization: `L402 ${token}:${'00'.repeat(32)}` }
    for (const credential of [tampered, payment.authorization, payment.authorization]) {
      await send(gateway, { ...request, headers: credential }).then(keep, () => undefined)
      await idle(gateway)
    }
    // Another request, and one that is none.
    keep(await send(gateway, paid({ ...request, body: { prompt: `${prompt}!` } }, payment)))
    keep(
      await send(
        gateway,
        paid({ ...request, body: `{"prompt":"${prompt}"`, headers: { 'content-type': 'application/json' } }, payment),
      ),
    )
  }
  keep(await send(gateway, { path: `/make?${prompt}=%zz`, body: { prompt } }))
  keep(await send(gateway, { path: '/priced', body: { [prompt]: 1, prompt: 7 } }))
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  // The write-ahead log as it is while the gateway lives.
  const files = () =>
    readdirSync(dataDir)
      .filter((name) => !name.startsWith('dev-wallet') && name !== 'keys' && name !== 'gateway.yaml')
      .map((name) => [name, readFileSync(join(dataDir, name))] as const)
  const places: (readonly [string, Buffer])[] = [
    ...files(),
    ['the log', Buffer.from(log.join(''))],
    ['the metrics', Buffer.from(metrics)],
  ]
  expect(places.map(([name]) => name)).toContain('ledger.sqlite-wal')
  expect(log.length).toBeGreaterThan(50)
  expect(errors.length).toBeGreaterThan(20)
  // The keys of the schema are named to who gave them; nothing of theirs is said back otherwise.
  const told = errors.filter((each) => !each.includes('invalid_request')).join('\n')
  await gateway[Symbol.asyncDispose]()
  for (const secret of secrets) {
    for (const [name, bytes] of [...places, ['the errors', Buffer.from(told)] as const])
      if (bytes.includes(secret)) expect.fail(`${name} holds ${String(secret)}`)
  }
  // And the search finds what is there.
  expect(places.some(([, bytes]) => bytes.includes('make'))).toBe(true)
}, 30_000)

test('no key and nonce ever meet twice, over all epochs, refusals, other requests, crashes and restarts', async () => {
  const refusal = answerWith(400, 'no')
  const large = answerWith(200, Buffer.alloc(3 * 2 ** 20, 7))
  const cut = raw(`HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n${'x'.repeat(2 ** 21)}`, 'reset')
  const acts = { refusal, large, cut, failure: answerWith(500), small: answerWith(200, 'made') } as const
  const anyLife = fc.array(fc.constantFrom(...(Object.keys(acts) as (keyof typeof acts)[]), 'restart' as const), {
    minLength: 3,
    maxLength: 7,
  })
  used.length = 0
  let payments = 0
  await fc.assert(
    fc.asyncProperty(anyLife, async (life) => {
      const clock = new TestClock(Date.now())
      await using upstream = await openUpstream()
      let gateway = await openGateway({
        config: `defaults: { breaker: off }\n${makeShop(upstream.url, 'attempts: 20')}`,
        clock,
      })
      const request: Sent = { path: '/make', body: { prompt: 'a cat' } }
      let payment = await payFor(gateway, request)
      for (const [index, act] of life.entries()) {
        if (act === 'restart') {
          gateway = await gateway.restart()
          continue
        }
        upstream.answer = inTurn(acts[act])
        // After a refusal this is the other request that the payment is free for.
        const asked = index % 2 === 0 ? request : { ...request, body: { prompt: `a cat ${index}` } }
        const answer = await send(gateway, paid(asked, payment))
        await idle(gateway)
        clock.advance(61_000)
        if (answer.status === 402) payment = await payFor(gateway, request)
        payments++
      }
      await gateway[Symbol.asyncDispose]()
    }),
    { numRuns: 12 },
  )
  expect(payments).toBeGreaterThan(20)
  expect(used.length).toBeGreaterThan(50)
  expect(new Set(used).size).toBe(used.length)
}, 60_000)
