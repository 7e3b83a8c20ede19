import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { answerWith, makeGate } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { aRequest, idle, makeShop, rowIn } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

const MiB = 2 ** 20
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('a result', () => {
  test.for([0, 1, 65_536, 65_537, MiB - 1, MiB, MiB + 1, 30 * MiB])(
    'of %i bytes is delivered as it was made, every time, after one call',
    async (size) => {
      const made = randomBytes(size)
      await using upstream = await openUpstream(answerWith(200, made, { 'content-type': 'image/png' }))
      await using gateway = await openGateway({ config: makeShop(upstream.url) })
      const payment = await payFor(gateway, aRequest)
      for (const money of size > MiB + 1 ? ['spent', 'replayed'] : ['spent', 'replayed', 'replayed']) {
        const answer = await send(gateway, paid(aRequest, payment))
        expect([answer.status, answer.headers['l402-payment']]).toEqual([200, money])
        expect(answer.headers['content-length']).toBe(String(size))
        expect(answer.headers['content-type']).toBe('image/png')
        expect(sha256(answer.bytes)).toBe(sha256(made))
      }
      expect(upstream.calls).toHaveLength(1)
    },
  )

  test('in chunks without a length is whole, and has a length when it is delivered', async () => {
    await using upstream = await openUpstream((_call, outgoing) => {
      outgoing.writeHead(201, { 'content-type': 'text/plain', 'x-seed': ['7', '8'] })
      for (const piece of ['one ', 'two ', 'three']) outgoing.write(piece)
      outgoing.end()
    })
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const answer = await send(gateway, paid(aRequest, await payFor(gateway, aRequest)))
    expect([answer.status, answer.text]).toEqual([201, 'one two three'])
    expect(answer.headers).toMatchObject({ 'content-length': '13', 'x-seed': ['7', '8'] })
    expect(answer.headers['transfer-encoding']).toBeUndefined()
  })

  test('of no content is a result too', async () => {
    await using upstream = await openUpstream((_call, outgoing) => void outgoing.writeHead(204).end())
    await using gateway = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(gateway, aRequest)
    for (const money of ['spent', 'replayed']) {
      const answer = await send(gateway, paid(aRequest, payment))
      expect([answer.status, answer.text, answer.headers['l402-payment']]).toEqual([204, '', money])
    }
    expect(upstream.calls).toHaveLength(1)
  })

  test('that was paid before is still there after a restart', async () => {
    const made = randomBytes(2 * MiB)
    await using upstream = await openUpstream(answerWith(200, made))
    const before = await openGateway({ config: makeShop(upstream.url) })
    const payment = await payFor(before, aRequest)
    await send(before, paid(aRequest, payment))
    await using gateway = await before.restart()
    const answer = await send(gateway, paid(aRequest, payment))
    expect([answer.headers['l402-payment'], answer.headers['idempotent-replayed']]).toEqual(['replayed', 'true'])
    expect(sha256(answer.bytes)).toBe(sha256(made))
    expect(upstream.calls).toHaveLength(1)
  })
})

test('a large result goes into the ledger while it is made, and never stands in memory whole', async () => {
  const [half, rest] = [makeGate(), makeGate()]
  const piece = randomBytes(MiB)
  await using upstream = await openUpstream(async (_call, outgoing) => {
    outgoing.writeHead(200, { 'content-length': String(16 * MiB) })
    const write = async (): Promise<void> => {
      if (!outgoing.write(piece)) await new Promise((resolve) => outgoing.once('drain', resolve))
    }
    for (let sent = 0; sent < 8; sent++) await write()
    half.open()
    await rest.opened
    for (let sent = 8; sent < 16; sent++) await write()
    outgoing.end()
  })
  await using gateway = await openGateway({ config: makeShop(upstream.url) })
  const payment = await payFor(gateway, aRequest)
  const answering = send(gateway, paid(aRequest, payment))
  await half.opened
  const { ledger } = gateway.running.context
  const stored = async (): Promise<number> => {
    const row = await rowIn(gateway, payment)
    return row ? (await ledger.frames(row.paymentHash, row.job.epoch, 0, 2 ** 30)).length : 0
  }
  // Of eight mebibytes that have come, all but the unfinished frame are stored before the next byte comes.
  await expect.poll(stored).toBe(32)
  expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'running' } })
  rest.open()
  const answer = await answering
  expect(sha256(answer.bytes)).toBe(sha256(Buffer.concat(Array.from({ length: 16 }, () => piece))))
  await idle(gateway)
  expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'captured', resultBytes: 16 * MiB } })
})
