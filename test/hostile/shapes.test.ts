import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `
services:
  POST /lines:
    name: lines
    upstream: ${upstream.url}
    price: { sum: [{ flat: 1 }, { per_char: { of: [lines.*.text, lines.*.more.note, options.style], rate: 1 } }] }
  POST /either:
    name: either
    upstream: ${upstream.url}
    price: { sum: [{ flat: 1 }, { per_char: { of: [title, title.text], rate: 1 } }] }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

describe('what the price would look into, and is of another shape', () => {
  const long = 'x'.repeat(20)

  test.for([
    { lines: long },
    { lines: [long] },
    { lines: [{ text: 'a' }, long] },
    { lines: { 0: { text: long } } },
    { lines: [[{ text: long }]] },
    { lines: [{ more: long }] },
    { lines: [{ more: [{ note: long }] }] },
    { lines: 5 },
    { options: long },
    { options: [{ style: long }] },
    { options: true },
  ])('is refused and not taken for nothing: %j', async (body) => {
    const answer = await send(gateway, { path: '/lines', body })
    expect([answer.status, answer.json().code]).toEqual([400, 'invalid_request'])
    expect(answer.json().issues?.[0]?.message).toMatch(/must be (?:a list|an object)/)
  })

  test.for([
    [{}, 1_000],
    [{ lines: null, options: null }, 1_000],
    [{ lines: [], options: {} }, 1_000],
    [{ lines: [null, {}, { text: 'ab' }, { more: null }, { more: {} }, { more: { note: 'c' } }] }, 4_000],
  ] as const)('and what is absent costs nothing: %j', async ([body, amountMsat]) => {
    const answer = await send(gateway, { path: '/lines', body })
    expect([answer.status, answer.json().amountMsat]).toEqual([402, amountMsat])
  })

  test('is taken where it has a price of its own', async () => {
    const answer = await send(gateway, { path: '/either', body: { title: 'abc' } })
    expect([answer.status, answer.json().amountMsat]).toEqual([402, 4_000])
  })
})
