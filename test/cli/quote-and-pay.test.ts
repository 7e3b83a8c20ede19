import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pay } from '#src/cli/pay.ts'
import { send } from '../support/buyer.ts'
import { turnpike } from './run.ts'
import { openShop, type Shop } from './shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await openShop()
})
afterAll(() => shop[Symbol.asyncDispose]())

const make = { path: '/make', body: { prompt: 'a'.repeat(20) } }

describe('turnpike quote', () => {
  const quoting = (method: string, path: string, ...more: string[]) => [
    'quote',
    method,
    `${shop.gateway.url}${path}`,
    ...more,
  ]

  test('prints the price and how it comes about, and no invoice is made', async () => {
    const { code, stdout, stderr } = await turnpike(quoting('POST', '/make', '-d', JSON.stringify(make.body)))
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe('10 sats\n  20 chars × 1 sat / 2 chars\n')
    expect(shop.gateway.wallet.asked).toEqual([])
    expect(shop.upstream.calls).toEqual([])
  })

  test('says the same as JSON', async () => {
    const { stdout } = await turnpike(quoting('GET', '/picture/oil?seed=2', '--json'))
    expect(JSON.parse(stdout)).toMatchObject({ amountMsat: 3000, price: { lines: [{ label: '3 sats' }] } })
  })

  test.each([
    ['a request that is not sold', () => quoting('POST', '/make', '-d', '{}'), 4, '$.prompt'],
    ['a path with nothing behind it', () => quoting('GET', '/nowhere'), 5, 'not_found'],
    [
      'a server that is not there',
      () => ['quote', 'GET', 'http://127.0.0.1:1/x'],
      3,
      'http://127.0.0.1:1 cannot be reached',
    ],
  ])('%s has no price', async (_what, args, exit, said) => {
    const { code, stdout, stderr } = await turnpike(args())
    expect([code, stdout, stderr]).toEqual([exit, '', expect.stringContaining(said)])
  })
})

describe('turnpike pay', () => {
  const invoice = async () => (await send(shop.gateway, make)).json()

  test('prints the preimage, with which the request is served', async () => {
    const challenge = await invoice()
    const { code, stdout, stderr } = await turnpike(['pay', challenge.invoice, '--admin', shop.gateway.adminUrl])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^[0-9a-f]{64}\n$/)
    const headers = { authorization: `L402 ${challenge.token}:${stdout.trim()}` }
    expect((await send(shop.gateway, { ...make, headers })).status).toBe(200)
  })

  test('prints it as JSON; the address of the operator’s listener needs no scheme', async () => {
    const { invoice: bolt11 } = await invoice()
    const admin = shop.gateway.adminUrl.replace('http://', '')
    const { code, stdout } = await turnpike(['pay', bolt11, '--admin', admin, '--json'])
    expect([code, JSON.parse(stdout)]).toEqual([0, { preimage: expect.stringMatching(/^[0-9a-f]{64}$/) as string }])
  })

  test('says in one line why it does not', async () => {
    const { code, stdout, stderr } = await turnpike(['pay', 'lnbcrt1nonsense', '--admin', shop.gateway.adminUrl])
    expect([code, stdout, stderr]).toEqual([4, '', expect.stringMatching(/^not paid: .*\n$/)])
  })

  test.each([
    ['nothing', [], 2, 'name one invoice'],
    ['two invoices', ['a', 'b'], 2, 'name one invoice'],
    ['without a wallet', ['lnbcrt1x', '--admin', '127.0.0.1:1'], 3, 'no development wallet answers'],
  ])('does not pay %s', async (_what, args, exitCode, said) => {
    const message = expect.stringContaining(said) as string
    await expect(pay(args)).rejects.toMatchObject({ name: 'CommandError', exitCode, message })
  })
})
