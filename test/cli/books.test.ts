import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buyFrom, payFor, send } from '../support/buyer.ts'
import { turnpike } from './run.ts'
import { openShop, type Shop } from './shop.ts'

let shop: Shop
let config: string
let data: string

const today = () => new Date().toISOString().slice(0, 10)

/** Two delivered, one given up, one paid and never presented, one that nobody paid. */
beforeAll(async () => {
  shop = await openShop()
  const { gateway, upstream } = shop
  const make = { path: '/make', body: { prompt: 'a cat' } }
  await buyFrom(gateway, make)
  await buyFrom(gateway, { path: '/picture/oil' })
  const whole = upstream.answer
  upstream.answer = (_call, outgoing) => {
    outgoing.writeHead(500)
    outgoing.end('broken')
  }
  await buyFrom(gateway, make)
  upstream.answer = whole
  await payFor(gateway, { path: '/picture/=oil' })
  await send(gateway, make)
  data = gateway.dataDir
  config = join(data, 'books.yaml')
  writeFileSync(config, `data: .\nservices:\n  /x: { upstream: "http://127.0.0.1:9", price: { flat: 1 } }\n`)
  // The wallet tells of the last payment a moment after it was made.
  while ((await listed('--status', 'unredeemed')).length === 0);
}, 60_000)

afterAll(() => shop[Symbol.asyncDispose]())

async function listed(...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await turnpike(['payments', '--data', data, '--json', ...args])
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as Record<string, unknown>[]
}

test('revenue is what came in, by day and service', async () => {
  const { code, stdout, stderr } = await turnpike(['revenue', '--data', data, '--json'])
  expect([code, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toEqual([
    { day: today(), service: 'make', payments: 2, redeemed: 2, msat: 14_000, refundedMsat: 0 },
    { day: today(), service: 'picture', payments: 2, redeemed: 1, msat: 6_000, refundedMsat: 0 },
  ])
})

test('revenue as CSV and as a table say the same', async () => {
  const csv = await turnpike(['revenue', '--config', config, '--csv'])
  expect(csv.stdout).toBe(
    `day,service,payments,redeemed,sats,refunded_sats\r\n${today()},make,2,2,14,0\r\n${today()},picture,2,1,6,0\r\n`,
  )
  const table = await turnpike(['revenue', '--data', data])
  expect(table.stdout).toContain('20 sats in 4 payments')
  expect(table.stdout).toMatch(/make +2 +2 +14/)
})

test('days outside the asked ones are left out', async () => {
  const none = await turnpike(['revenue', '--data', data, '--to', '2020-01-01', '--json'])
  expect(JSON.parse(none.stdout)).toEqual([])
  const all = await turnpike(['revenue', '--data', data, '--from', today(), '--to', today(), '--json'])
  expect(JSON.parse(all.stdout)).toHaveLength(2)
  const wrong = await turnpike(['revenue', '--data', data, '--from', '2026-02-30'])
  expect([wrong.code, wrong.stderr]).toEqual([2, '--from 2026-02-30: write a day, such as 2026-11-21\n'])
})

test('payments show what became of each', async () => {
  const all = await listed()
  expect(all.map(({ status }) => String(status)).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'delivered',
    'delivered',
    'refundable',
    'unredeemed',
  ])
  for (const payment of all) expect(payment).toMatchObject({ wallet: 'dev', confirmed: 1 })
  const [refundable] = await listed('--status', 'refundable')
  expect(refundable).toMatchObject({
    service: 'make',
    priceMsat: 7_000,
    receivedMsat: 7_000,
    lastCode: 'upstream_failed',
  })
  expect(refundable?.reference).toMatch(/^[0-9a-f]{32}$/)
  expect(await listed('--status', 'unredeemed,refundable')).toHaveLength(2)
  const wrong = await turnpike(['payments', '--data', data, '--status', 'lost'])
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain('there is delivered, running')
})

test('ledger and wallet agree, and the gateway goes on meanwhile', async () => {
  const { code, stdout, stderr } = await turnpike(['reconcile', '--config', config])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('4 of 4 payments agree.')
})

test('a place without a ledger is named', async () => {
  const { code, stderr } = await turnpike(['payments', '--data', '/nonexistent'])
  expect([code, stderr]).toEqual([5, 'There is no ledger in /nonexistent; name its directory with --data.\n'])
})
