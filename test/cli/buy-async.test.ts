import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { answerWith, inTurn, makeGate } from '../support/answers.ts'
import { payFor } from '../support/buyer.ts'
import { echo, openUpstream } from '../support/upstream.ts'
import { turnpike } from './run.ts'
import { openShop, type Shop } from './shop.ts'

let shop: Shop
beforeAll(async () => {
  shop = await openShop()
})
afterAll(() => shop[Symbol.asyncDispose]())
beforeEach(() => {
  shop.upstream.calls.splice(0)
  shop.gateway.wallet.asked.splice(0)
})

const body = '{"prompt":"a cat"}'
const buying = (...more: string[]): string[] => {
  const { url, adminUrl } = shop.gateway
  return ['buy', 'POST', `${url}/make`, '-d', body, '--async', '--dev-wallet', adminUrl, ...more]
}

describe('turnpike buy --async', { timeout: 20_000 }, () => {
  test('takes a job and asks for it until there is the result', async () => {
    const gate = makeGate()
    shop.upstream.answer = async (...call) => {
      await gate.opened
      await echo(...call)
    }
    const bought = turnpike(buying())
    await expect.poll(() => shop.upstream.calls.length, { timeout: 10_000 }).toBe(1)
    setTimeout(gate.open, 500)
    const { code, stdout, stderr } = await bought
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ url: '/make' })
    expect(stderr).toMatch(/Taken as a job: http:\/\/127\.0\.0\.1:[0-9]+\/l402\/jobs\/[0-9a-f]{32}\n/)
    expect(stderr).toContain('The job is running; asking again in 1 s …')
    expect(shop.upstream.calls[0]?.headers.prefer).toBeUndefined()
    expect([shop.upstream.calls.length, shop.gateway.wallet.asked.length]).toEqual([1, 1])
  })

  test('asking is enough to have a failed job run again', async () => {
    shop.upstream.answer = inTurn(answerWith(503), echo)
    const { code, stdout, stderr } = await turnpike(buying())
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ url: '/make' })])
    expect(stderr).toMatch(/The job is (?:queued|running)/)
    expect([shop.upstream.calls.length, shop.gateway.wallet.asked.length]).toEqual([2, 1])
  })

  test('a job that has failed for good ends with what the gateway says, and keeps the payment', async () => {
    shop.upstream.answer = answerWith(500)
    const { code, stdout, stderr } = await turnpike(buying())
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({ code: 'given_up', payment: { status: 'refundable' } })
    expect(stderr).toContain('Paid but not delivered')
  })

  test('the same payment again has the result that is stored', async () => {
    shop.upstream.answer = echo
    const { token, preimage } = await payFor(shop.gateway, { path: '/make', body: { prompt: 'a cat' } })
    const credential = ['--credential', `L402 ${token}:${preimage}`]
    const first = await turnpike(buying(...credential))
    const second = await turnpike(buying(...credential))
    expect([first.code, second.code, second.stdout]).toEqual([0, 0, first.stdout])
    expect(shop.upstream.calls).toHaveLength(1)
  })

  test('a credential is not sent to another server', async () => {
    await using elsewhere = await openUpstream()
    await using liar = await openUpstream(answerWith(202, '{}', { location: `${elsewhere.url}/l402/jobs/1` }))
    const credential = ['--credential', `L402 abc:${'0'.repeat(64)}`]
    const { code, stderr } = await turnpike(['buy', 'POST', `${liar.url}/make`, '-d', body, '--async', ...credential])
    expect([code, elsewhere.calls.length]).toEqual([3, 0])
    expect(stderr).toContain('the job is at another server')
  })
})
