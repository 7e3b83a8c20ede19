import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { ScriptedWallet } from '../support/scripted-wallet.ts'
import { makeShop } from '../support/shop.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { startTurnpike, turnpike, until } from './run.ts'

let upstream: TestUpstream
let gateway: TestGateway
const wallet = new ScriptedWallet('main', { network: 'bc' })

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({ config: makeShop(upstream.url), wallets: [wallet] })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const buying = (...more: string[]) => ['buy', 'POST', `${gateway.url}/make`, '-d', '{"prompt":"a cat"}', ...more]
const invoiceIn = (said: string): string => /^(lnbc\S+)$/m.exec(said)?.[1] ?? ''
const resumeIn = (said: string): string => /--resume '(\S+)'/.exec(said)?.[1] ?? ''

describe('turnpike buy with a wallet elsewhere', { timeout: 30_000 }, () => {
  test.for(['SIGINT', 'SIGTERM'] as const)(
    'interrupted by %s after the invoice was paid says how to go on, and does not pay again',
    async (signal) => {
      const child = startTurnpike(buying())
      const invoice = invoiceIn(await until(child.stderr, /paste the preimage/))
      const preimage = await wallet.pay(invoice)
      const [exited, rest] = [once(child, 'exit'), until(child.stderr, /--resume '\S+'.*\n/)]
      child.kill(signal)
      const resume = resumeIn(await rest)
      expect(await exited).toEqual([1, null])
      const asked = wallet.asked.length
      const again = await turnpike(buying('--resume', resume), { input: `${preimage}\n` })
      expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('a cat')])
      expect([wallet.asked.length, invoiceIn(again.stderr)]).toEqual([asked, invoice])
    },
  )

  test('that is given no preimage says how to go on', async () => {
    const { code, stdout, stderr } = await turnpike(buying('--json'))
    expect([code, stderr]).toEqual([1, expect.stringContaining('no preimage was given')])
    const said = JSON.parse(stdout) as { resume: string }
    expect(said).toEqual({ charge: 'upfront', delivered: false, payment: 'unknown', resume: resumeIn(stderr) })
    const dear = await turnpike(buying('--resume', said.resume, '--max-sats', '6'))
    expect([dear.code, dear.stderr]).toEqual([4, expect.stringContaining('nothing was paid now')])
    expect(invoiceIn(dear.stderr)).toBe('')
  })
})
