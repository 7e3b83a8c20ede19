import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Payment, paid, payFor, type Sent, send } from '../support/buyer.ts'
import { attenuate } from '../support/clients-attenuate.ts'
import { openGateway } from '../support/gateway.ts'
import { rowIn } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'
import { makeRandom, runSeed } from './support/random.ts'
import { scale, tally } from './support/tally.ts'

const config = (upstream: string): string => `
services:
  /make: { name: make, upstream: "${upstream}", price: { flat: 7 } }
  /made: { name: made, upstream: "${upstream}", price: { flat: 7 } }
  /cheap/:id: { name: cheap, upstream: "${upstream}", price: { flat: 1 } }
`

const sold: Sent = { method: 'POST', path: '/make?size=1&kind=a', body: { prompt: 'a cat' } }

test('fifty spellings of one token are one token', async (context) => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
  const { token, preimage } = await payFor(gateway, sold)
  const tokens = [token, attenuate(token, ['a=b']), attenuate(token, [`preimage=${preimage}`])].flatMap((each) => [
    each,
    each.replaceAll('=', ''),
    each.replaceAll('+', '-').replaceAll('/', '_'),
  ])
  const spellings = ['L402', 'LSAT', 'l402', 'lSaT', 'L402 ', 'LSAT\t'].flatMap((scheme) =>
    tokens.map((each, at) => `${scheme} ${each}:${at % 2 === 0 ? preimage : preimage.toUpperCase()}`),
  )
  const answers = await Promise.all(
    spellings.map((authorization) => send(gateway, { ...sold, headers: { authorization } })),
  )
  expect(answers.map(({ status }) => status)).toEqual(spellings.map(() => 200))
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(upstream.calls).toHaveLength(1)
  tally(context, { kind: 'presentations', tried: spellings.length })
  expect(spellings.length).toBeGreaterThanOrEqual(50)
})

/** Requests that differ from the sold one in one thing or another. */
const others: readonly Sent[] = [
  { ...sold, path: '/made?size=1&kind=a' },
  { ...sold, path: '/cheap/a?size=1&kind=a' },
  { ...sold, path: '/make' },
  { ...sold, path: '/make?kind=a&size=1' },
  { ...sold, path: '/make?size=1&kind=a&' },
  { ...sold, path: '/make?size=1&size=1&kind=a' },
  { ...sold, path: '/make?size=%31&kind=a' },
  { ...sold, path: '/make?size=1&kind=a;x' },
  { ...sold, method: 'PUT' },
  { ...sold, method: 'DELETE' },
  { ...sold, method: 'PATCH' },
  { method: 'GET', path: sold.path },
  { method: 'HEAD', path: sold.path },
  { ...sold, body: { prompt: 'a cat ' } },
  { ...sold, body: '{"prompt": "a cat"}', headers: { 'content-type': 'application/json' } },
  { ...sold, body: '{"prompt":"a cat"}\n', headers: { 'content-type': 'application/json' } },
  { ...sold, body: '', headers: { 'content-type': 'application/json' } },
  { ...sold, body: {} },
]

const conditions = [
  'method=GET',
  'path=/cheap/a',
  'price_msat=999999999',
  'services=cheap:0',
  'services=make:0,cheap:0',
  'services=make:0',
  'make_valid_until=99999999999',
  'cheap_valid_until=99999999999',
  'rev=ffffffffffffffff',
  'query_sha256=',
  'body_sha256=',
  'multipart_sha256=',
  'body=',
  'foo=bar',
  '',
  '=',
  'path',
  'method=POST',
  'path=/make',
]

test('a token is worth nothing for another request, whatever is added to it, and still buys its own', async (context) => {
  const runs = scale(150, 3_000)
  const random = makeRandom(runSeed)
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
  const payment = await payFor(gateway, sold)
  for (let run = 0; run < runs; run++) {
    const added = Array.from({ length: random.below(4) }, () => random.of(conditions))
    const token = attenuate(payment.token, added)
    const request = random.of(others)
    const headers = { ...request.headers, authorization: `L402 ${token}:${payment.preimage}` }
    const { status } = await send(gateway, { ...request, headers })
    expect([400, 402, 405, 409], `sent ${JSON.stringify({ request, added })}`).toContain(status)
  }
  expect(upstream.calls).toEqual([])
  expect(await rowIn(gateway, payment)).toBeUndefined()
  expect((await send(gateway, paid(sold, payment))).status).toBe(200)
  tally(context, { kind: 'presentations', tried: runs, note: `seed ${runSeed}` })
})

test('restarts and rotated keys neither revive a spent token nor kill one that is not', async (context) => {
  await using upstream = await openUpstream()
  let gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => gateway[Symbol.asyncDispose]())
  const all: Payment[] = []
  for (let round = 0; round < 3; round++) {
    all.push(await payFor(gateway, sold), await payFor(gateway, sold))
    const used = all[2 * round]
    if (used) expect((await send(gateway, paid(sold, used))).status).toBe(200)
    const calls = upstream.calls.length
    await rotate(join(gateway.dataDir, 'keys'))
    gateway = await gateway.restart()
    for (const [at, payment] of all.entries()) {
      if (at % 2 === 1) continue
      const again = await send(gateway, paid(sold, payment))
      expect([again.status, again.headers['l402-payment']]).toEqual([200, 'replayed'])
      expect((await send(gateway, paid({ ...sold, body: { prompt: 'a dog' } }, payment))).status).toBe(402)
    }
    expect(upstream.calls).toHaveLength(calls)
  }
  // What was sold under the first key, two rotations ago, is as good as ever, and once.
  const unused = all.filter((_, at) => at % 2 === 1)
  const answers = await Promise.all([...unused, ...unused].map((payment) => send(gateway, paid(sold, payment))))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  expect(upstream.calls).toHaveLength(all.length)
  tally(context, { kind: 'presentations', tried: all.length * 4 })
})

/** Another key mints from now on; the ones before only verify. */
async function rotate(file: string): Promise<void> {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^[0-9]/.test(line))
  const ledgerId = lines[0]?.split(' ')[3] ?? ''
  const kept = lines.map((line) => line.replace(' mint ', ' verify '))
  writeFileSync(
    file,
    `${[...kept, `${lines.length + 1} mint ${randomBytes(32).toString('hex')} ${ledgerId}`].join('\n')}\n`,
  )
}
