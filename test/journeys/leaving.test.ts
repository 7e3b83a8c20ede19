import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { makeGate } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { beginRequest, openRequest } from '../support/open-request.ts'
import { aRequest, idle, makeShop, rowIn } from '../support/shop.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

const size = 6 * 2 ** 20

/** Makes another result with every call. */
async function openMaker(): Promise<TestUpstream & { made: Buffer[] }> {
  const made: Buffer[] = []
  const upstream = await openUpstream((_call, outgoing) => {
    const result = randomBytes(size)
    made.push(result)
    outgoing.writeHead(200, { 'content-length': String(size) })
    outgoing.end(result)
  })
  return Object.assign(upstream, { made })
}

describe('a buyer who leaves', () => {
  test.for([
    ['before the first byte', 0, ''],
    ['half way', size / 2, ''],
    ['at 99 %', Math.floor(size * 0.99), ''],
    ['half way of a stream', size / 2, 'stream: true'],
    ['at 99 % of a stream', Math.floor(size * 0.99), 'stream: true'],
  ] as const)('%s finds the same result on returning, made by one call', async ([, bytes, lines]) => {
    await using upstream = await openMaker()
    await using gateway = await openGateway({ config: makeShop(upstream.url, lines) })
    const payment = await payFor(gateway, aRequest)
    const first = await openRequest(gateway, paid(aRequest, payment))
    const seen = await first.atLeast(bytes)
    first.leave()
    await idle(gateway)
    const answer = await send(gateway, paid(aRequest, payment))
    expect(answer.status).toBe(200)
    expect(upstream.calls).toHaveLength(1)
    const [made] = upstream.made
    expect(made && answer.bytes.equals(made)).toBe(true)
    expect(made?.subarray(0, seen.length).equals(seen)).toBe(true)
  })

  test('half way, and says with each request that a new one is wanted, is not asked to pay before the first was had', async () => {
    await using upstream = await openMaker()
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    const anew = paid({ ...aRequest, headers: { 'L402-New': '1' } }, payment)
    const first = await openRequest(gateway, anew)
    await first.atLeast(size / 2)
    first.leave()
    await idle(gateway)
    const answer = await send(gateway, anew)
    expect([answer.status, answer.bytes.length]).toEqual([200, size])
    // Right behind it, when the delivery may not be in the ledger yet.
    const next = await send(gateway, anew)
    expect([next.status, next.json().code]).toEqual([402, 'new_purchase'])
    expect(upstream.calls).toHaveLength(1)
  })

  test('while the work goes on does not stop it', async () => {
    const [called, finish] = [makeGate(), makeGate()]
    await using upstream = await openUpstream(async (_call, outgoing) => {
      called.open()
      await finish.opened
      outgoing.end('made')
    })
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    const { leave } = beginRequest(gateway, paid(aRequest, payment))
    await called.opened
    leave()
    await expect.poll(() => gateway.log.filter((line) => line.includes('"broken_off":true'))).toHaveLength(1)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'running' } })
    finish.open()
    await idle(gateway)
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured', firstDeliveredAtMs: undefined } })
    const answer = await send(gateway, paid(aRequest, payment))
    // Nobody has it yet, so this is the delivery and no repetition.
    expect([answer.text, answer.headers['l402-payment'], answer.headers['idempotent-replayed']]).toEqual([
      'made',
      'spent',
      undefined,
    ])
    expect(upstream.calls).toHaveLength(1)
  })

  test('and returns while the work goes on joins it', async () => {
    const [called, finish] = [makeGate(), makeGate()]
    await using upstream = await openUpstream(async (_call, outgoing) => {
      called.open()
      await finish.opened
      outgoing.end('made')
    })
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    const { leave } = beginRequest(gateway, paid(aRequest, payment))
    await called.opened
    leave()
    const answering = [send(gateway, paid(aRequest, payment)), send(gateway, paid(aRequest, payment))]
    setTimeout(finish.open, 50)
    for (const answer of await Promise.all(answering)) expect([answer.status, answer.text]).toEqual([200, 'made'])
    expect(upstream.calls).toHaveLength(1)
  })
})

test('a buyer who reads slowly holds up neither the work nor other buyers', async () => {
  await using upstream = await openMaker()
  await using gateway = await openGateway({ config: makeShop(upstream.url, 'stream: true') })
  const payment = await payFor(gateway, aRequest)
  const slow = await openRequest(gateway, paid(aRequest, payment))
  slow.pause()
  await idle(gateway)
  expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured', resultBytes: size } })
  const quick = await send(gateway, paid(aRequest, payment))
  expect(upstream.made[0] && quick.bytes.equals(upstream.made[0])).toBe(true)
  const rest = await slow.whole()
  expect(rest.equals(quick.bytes)).toBe(true)
  expect(upstream.calls).toHaveLength(1)
})
