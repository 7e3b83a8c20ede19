import { describe, expect, test } from 'vitest'
import { answerWith } from '../../support/answers.ts'
import { npmClients } from '../../support/clients-npm.ts'
import { Payer } from '../../support/clients-payer.ts'
import { sharedShop } from '../../support/clients-shop.ts'
import { openWiretap } from '../../support/clients-wiretap.ts'
import type { TestUpstream } from '../../support/upstream.ts'

/** Clients that know nothing of payments that are held: their wallet pays, and gets the preimage or fails. */

const sells = (upstream: string) => `
defaults: { breaker: off, attempts: 1 }
services:
  /make: { name: make, upstream: "${upstream}", price: { flat: 5 }, charge: on_delivery }
  /hasty: { name: hasty, upstream: "${upstream}", price: { flat: 5 }, charge: { on_delivery: { hold: 200ms } } }
`
const shop = sharedShop(sells)

/** What was taken from buyers so far, by the wallet's own books. */
async function takenMsat(): Promise<bigint> {
  let sum = 0n
  for await (const { receivedMsat } of shop.gateway.wallet.settlements(undefined, AbortSignal.timeout(100)))
    sum += receivedMsat ?? 0n
  return sum
}

/** A new buyer at the shared shop, watched. */
async function newBuyer(answer: TestUpstream['answer']) {
  shop.upstream.calls.splice(0)
  shop.upstream.answer = answer
  const tap = await openWiretap(shop.gateway.url)
  const payer = new Payer(() => shop.gateway)
  const takenBefore = await takenMsat()
  return {
    tap,
    payer,
    order: (path: string, prompt: string) => ({ url: `${tap.url}${path}`, body: { prompt } }),
    chargedMsat: async () => (await takenMsat()) - takenBefore,
    [Symbol.asyncDispose]: () => tap[Symbol.asyncDispose](),
  }
}

describe.for(npmClients)('$name', ({ open, keepsToken }) => {
  test('buys, and its retry is served from the store', async () => {
    let releasedAt = 0
    await using buyer = await newBuyer((_call, outgoing) => {
      setTimeout(() => {
        releasedAt = performance.now()
        outgoing.end('made')
      }, 300)
    })
    let paidAt = 0
    const buy = open(async (invoice) => {
      const preimage = await buyer.payer.pay(invoice)
      paidAt = performance.now()
      return preimage
    })
    expect(await buy(buyer.order('/make', 'a cat'))).toEqual({ status: 200, text: 'made' })
    // The wallet had the preimage only once the work was done, and the work was done once.
    expect(paidAt).toBeGreaterThan(releasedAt)
    expect(buyer.tap.statuses()).toEqual([402, 200])
    expect([shop.upstream.calls.length, buyer.payer.paid.length]).toEqual([1, 1])
    expect(await buyer.chargedMsat()).toBe(5_000n)

    buyer.tap.forget()
    expect((await buy(buyer.order('/make', 'a dog'))).text).toBe('made')
    expect(buyer.tap.statuses()).toEqual([402, 200])
    buyer.tap.forget()
    expect((await buy(buyer.order('/make', 'a dog'))).text).toBe('made')
    expect(buyer.tap.statuses()).toEqual(keepsToken ? [200] : [402, 200])
    expect(shop.upstream.calls).toHaveLength(keepsToken ? 2 : 3)
  })

  test.for([500, 422])('sees its payment fail when the work ends with %d, and is not charged', async (status) => {
    await using buyer = await newBuyer(answerWith(status))
    let refusal = ''
    const buy = open(async (invoice) => {
      try {
        return await buyer.payer.pay(invoice)
      } catch (thrown) {
        refusal = String(thrown)
        throw thrown
      }
    })
    const outcome = await buy(buyer.order('/make', 'a cat')).then(
      (served) => served.status,
      () => 'its payment failed',
    )
    // Who does not throw hands the 402 on; nobody thinks that it has a result.
    expect([402, 'its payment failed']).toContain(outcome)
    expect(refusal).toContain('nothing is charged')
    expect(buyer.tap.statuses()).toEqual([402])
    expect([shop.upstream.calls.length, buyer.payer.paid.length]).toEqual([1, 1])
    expect(await buyer.chargedMsat()).toBe(0n)
  })

  test('is charged by patience for work that runs on, and its retry brings the result', async () => {
    await using buyer = await newBuyer((_call, outgoing) => void setTimeout(() => outgoing.end('late'), 900))
    const buy = open(buyer.payer.pay)
    expect(await buy(buyer.order('/hasty', 'a cat'))).toEqual({ status: 200, text: 'late' })
    expect([shop.upstream.calls.length, await buyer.chargedMsat()]).toEqual([1, 5_000n])
  })
})
