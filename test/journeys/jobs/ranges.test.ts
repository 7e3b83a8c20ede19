import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerWith } from '../../support/answers.ts'
import { type Payment, payFor, send } from '../../support/buyer.ts'
import { openGateway, type TestGateway } from '../../support/gateway.ts'
import { look, sendAsync } from '../../support/jobs.ts'
import { aRequest, idle, makeShop } from '../../support/shop.ts'
import { openUpstream, type TestUpstream } from '../../support/upstream.ts'

/** One that is kept in memory while it comes, and one that goes into the ledger in many frames. */
const sizes = [1_000, 3 * 2 ** 20 + 17]

describe.each(sizes)('parts of a stored result of %i bytes', (size) => {
  const made = randomBytes(size)
  let upstream: TestUpstream
  let gateway: TestGateway
  let payment: Payment
  let path: string
  beforeAll(async () => {
    upstream = await openUpstream(answerWith(200, made, { 'content-type': 'video/mp4' }))
    gateway = await openGateway({ config: makeShop(upstream.url) })
    payment = await payFor(gateway, aRequest)
    path = `${await sendAsync(gateway, aRequest, payment)}/result`
    await idle(gateway)
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })

  const ranges: readonly (readonly [string, number, number])[] = [
    ['bytes=0-0', 0, 1],
    ['bytes=0-99', 0, 100],
    ['bytes=100-299', 100, 300],
    [`bytes=${size - 1}-`, size - 1, size],
    ['bytes=7-', 7, size],
    ['bytes=-10', size - 10, size],
    [`bytes=-${size + 5}`, 0, size],
    [`bytes=500-${size + 99}`, 500, size],
    [`bytes=${size - 400}-${size - 1}`, size - 400, size],
    ['BYTES= 3-9', 3, 10],
  ]
  test.for(ranges)('%s', async ([range, start, end]) => {
    const part = await look(gateway, path, payment, { range })
    expect([part.status, part.headers['content-range'], part.headers['content-length']]).toEqual([
      206,
      `bytes ${start}-${end - 1}/${size}`,
      String(end - start),
    ])
    expect(part.bytes.equals(made.subarray(start, end))).toBe(true)
    expect(part.headers['content-type']).toBe('video/mp4')
  })

  test('across frames', async () => {
    const middle = Math.floor(size / 2)
    const part = await look(gateway, path, payment, { range: `bytes=${middle - 450}-${size - 2}` })
    expect(part.bytes.equals(made.subarray(middle - 450, size - 1))).toBe(true)
  })

  test.for([`bytes=${size}-`, `bytes=${size + 1}-${size + 9}`, 'bytes=-0'])('%s is not there: 416', async (range) => {
    const answer = await look(gateway, path, payment, { range })
    expect([answer.status, answer.headers['content-range'], answer.json().code]).toEqual([
      416,
      `bytes */${size}`,
      'range_not_satisfiable',
    ])
  })

  test.for(['bytes=0-1,5-6', 'bytes=9-3', 'items=0-1', 'bytes=', 'bytes=a-b', 'bytes=--1', 'bytes=1'])(
    '%s is ignored',
    async (range) => {
      const answer = await look(gateway, path, payment, { range })
      expect([answer.status, answer.headers['accept-ranges']]).toEqual([200, 'bytes'])
      expect(answer.bytes.equals(made)).toBe(true)
    },
  )

  test('only of the result that they began with', async () => {
    const { etag } = (await look(gateway, path, payment)).headers
    const headers = { range: 'bytes=0-9' }
    expect((await look(gateway, path, payment, { ...headers, 'if-range': String(etag) })).status).toBe(206)
    expect((await look(gateway, path, payment, { ...headers, 'if-range': '"another"' })).status).toBe(200)
  })

  test('are for who paid', async () => {
    expect((await send(gateway, { path, headers: { range: 'bytes=0-9' } })).status).toBe(401)
  })
})

test('a result is delivered once its last part has gone', async () => {
  await using upstream = await openUpstream(answerWith(200, 'made'))
  await using gateway = await openGateway({ config: makeShop(upstream.url) })
  const payment = await payFor(gateway, aRequest)
  const path = `${await sendAsync(gateway, aRequest, payment)}/result`
  await idle(gateway)
  const replayed = async (range: string) =>
    (await look(gateway, path, payment, { range })).headers['idempotent-replayed']
  expect([await replayed('bytes=0-1'), await replayed('bytes=0-2')]).toEqual([undefined, undefined])
  expect([await replayed('bytes=2-'), await replayed('bytes=2-')]).toEqual([undefined, 'true'])
})

test.for([
  ['an empty result', 200, '', 416],
  ['a result that is not 200', 201, 'made', 201],
  ['a refusal', 404, 'made', 404],
] as const)('%s has no parts', async ([, status, body, expected]) => {
  await using upstream = await openUpstream(answerWith(status, body))
  await using gateway = await openGateway({ config: makeShop(upstream.url) })
  const payment = await payFor(gateway, aRequest)
  const path = `${await sendAsync(gateway, aRequest, payment)}/result`
  await idle(gateway)
  const answer = await look(gateway, path, payment, { range: 'bytes=0-1' })
  expect(answer.status).toBe(expected)
  if (expected !== 416) expect(answer.text).toBe(body)
})
