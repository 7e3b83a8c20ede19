import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { answerWith } from '../support/answers.ts'
import { send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { echo, openUpstream, type TestUpstream } from '../support/upstream.ts'
import { startTurnpike, turnpike, until } from './run.ts'

let upstream: TestUpstream
let gateway: TestGateway

const sells = (url: string) => `
defaults: { attempts: 1, breaker: off }
l402: { hold: { max_failed_per_client: 100 } }
services:
  /make: { name: make, upstream: "${url}", price: { flat: 7 }, charge: { on_delivery: { hold: 20s } } }
  /hasty: { name: hasty, upstream: "${url}", price: { flat: 7 }, charge: { on_delivery: { hold: 200ms } } }
`

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({ config: sells(upstream.url) })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})
beforeEach(() => {
  upstream.calls.splice(0)
  gateway.wallet.asked.splice(0)
  upstream.answer = echo
})

const buying = (path: string, ...more: string[]) => [
  'buy',
  'POST',
  `${gateway.url}${path}`,
  '-d',
  '{"prompt":"a cat"}',
  '--dev-wallet',
  gateway.adminUrl,
  ...more,
]

describe('turnpike buy from a service that charges on delivery', { timeout: 20_000 }, () => {
  test('says that the payment is held, and what was paid once the result is there', async () => {
    const { code, stdout, stderr } = await turnpike(buying('/make'))
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ url: '/make' })
    expect(stderr).toContain('Payment held')
    expect(stderr).toMatch(/Delivered, paid 7 sats\.\n$/)
  })

  test('says it as JSON', async () => {
    const { code, stdout } = await turnpike(buying('/make', '--json'))
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      charge: 'on_delivery',
      delivered: true,
      payment: 'spent',
      paidMsat: 7000,
    })
  })

  test.for([500, 422])('work that ends with %d is not delivered and not charged', async (status) => {
    upstream.answer = answerWith(status)
    const { code, stdout, stderr } = await turnpike(buying('/make'))
    expect([code, stdout]).toEqual([6, ''])
    expect(stderr).toMatch(/Not delivered, not charged: .*\n$/)
    expect(stderr).not.toContain('--credential')
    expect(stderr).not.toContain('--resume')
  })

  test('says that as JSON too', async () => {
    upstream.answer = answerWith(500)
    const { code, stdout } = await turnpike(buying('/make', '--json'))
    expect(code).toBe(6)
    expect(JSON.parse(stdout)).toEqual({
      charge: 'on_delivery',
      delivered: false,
      paidMsat: 0,
      payment: 'not-charged',
    })
  })

  test('work that is taken for by patience is waited for', async () => {
    upstream.answer = (_call, outgoing) => void setTimeout(() => outgoing.end('made late'), 1_000)
    const { code, stdout, stderr } = await turnpike(buying('/hasty'))
    expect([code, stdout]).toEqual([0, 'made late'])
    expect(stderr).toMatch(/Delivered, paid 7 sats\.\n$/)
    expect(upstream.calls).toHaveLength(1)
  })

  test('an interrupted buyer goes on with the same payment', async () => {
    let finish = () => {}
    upstream.answer = (_call, outgoing) => void (finish = () => void outgoing.end('made'))
    const child = startTurnpike(buying('/make', '--json'))
    await until(child.stderr, /Payment held/)
    await expect.poll(() => upstream.calls.length).toBe(1)
    const exited = once(child, 'exit')
    child.kill('SIGINT')
    const said = JSON.parse(await until(child.stdout, /\n/)) as Record<string, string>
    expect(said).toMatchObject({ delivered: false, payment: 'held', paidMsat: 0 })
    expect(await exited).toEqual([1, null])
    const again = turnpike(buying('/make', '--resume', said.resume ?? ''))
    setTimeout(finish, 500)
    const { code, stdout, stderr } = await again
    expect([code, stdout]).toEqual([0, 'made'])
    expect(stderr).toMatch(/Delivered, paid 7 sats\.\n$/)
    expect([upstream.calls.length, gateway.wallet.asked.length]).toEqual([1, 1])
  })

  test('what cannot be resumed is refused before anything is sent', async () => {
    const { code, stderr } = await turnpike(buying('/make', '--resume', 'nonsense'))
    expect([code, stderr]).toEqual([2, expect.stringContaining('--resume needs TOKEN:INVOICE')])
    expect(upstream.calls).toEqual([])
  })
})

describe('turnpike pay with an invoice whose payment is held', { timeout: 20_000 }, () => {
  const paying = async () => {
    const challenge = (await send(gateway, { path: '/make', body: { prompt: 'a dog' } })).json()
    return { challenge, args: ['pay', challenge.invoice, '--admin', gateway.adminUrl] }
  }

  test('waits for the end, and may be run again', async () => {
    upstream.answer = (_call, outgoing) => void setTimeout(() => outgoing.end('made'), 700)
    const { challenge, args } = await paying()
    expect(challenge['detail']).toMatch(/held while the work is done: .* after 20 s .* you are not charged\.$/)
    const [first, second] = await Promise.all([turnpike(args), turnpike(args)])
    expect([first.code, first.stdout]).toEqual([0, expect.stringMatching(/^[0-9a-f]{64}\n$/)])
    expect([second.code, second.stdout]).toEqual([0, first.stdout])
    expect((await turnpike(args)).stdout).toBe(first.stdout)
    expect(upstream.calls).toHaveLength(1)
  })

  test('says that nothing was delivered and nothing is charged', async () => {
    upstream.answer = answerWith(500)
    const { args } = await paying()
    const { code, stdout, stderr } = await turnpike([...args, '--json'])
    expect([code, JSON.parse(stdout)]).toEqual([6, { payment: 'not-charged', paidMsat: 0 }])
    expect(stderr).toContain('Not delivered, not charged')
  })
})
