import { expect, test } from 'vitest'
import { makeGate } from '../support/answers.ts'
import { send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { beginRequest } from '../support/open-request.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

test('clients that leave while their invoice is made take the place of an open invoice, and no more', async () => {
  await using upstream = await openUpstream()
  const limit = 30
  await using gateway = await openGateway({
    config: `lightning: { max_open_invoices: ${limit} }\n${makeShop(upstream.url)}`,
  })
  const { wallet } = gateway
  const goOn = makeGate()
  const issue = wallet.createInvoice.bind(wallet)
  wallet.instead = async (invoice, signal) => {
    wallet.instead = undefined
    await goOn.opened
    return await issue(invoice, signal)
  }
  const leaving = Array.from({ length: 20 }, () => beginRequest(gateway, aRequest))
  await expect.poll(() => wallet.asked.length).toBe(20)
  for (const { leave } of leaving) leave()
  await expect.poll(() => gateway.log.filter((line) => /"event":"request"/.test(line)).length).toBe(20)
  goOn.open()

  const answers = []
  for (let count = 0; count < limit - 20 + 2; count++) answers.push((await send(gateway, aRequest)).status)
  expect(answers).toEqual([...Array<number>(limit - 20).fill(402), 503, 503])
  expect(gateway.log.filter((line) => /"event":"unexpected"/.test(line))).toEqual([])
  expect(upstream.calls).toEqual([])
})
