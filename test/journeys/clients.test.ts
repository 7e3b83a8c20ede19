import { describe, expect, test } from 'vitest'
import { npmClients } from '../support/clients-npm.ts'
import { Payer } from '../support/clients-payer.ts'
import { sharedShop } from '../support/clients-shop.ts'
import { openWiretap } from '../support/clients-wiretap.ts'

const sells = (upstream: string, legacyLsat: boolean) => `
l402: { legacy_lsat: ${legacyLsat} }
services:
  /make:
    name: make
    upstream: ${upstream}
    price: { per_char: { of: prompt, rate: 1 } }
`

describe.for([
  ['one challenge line', false],
  ['an LSAT line before it', true],
] as const)('with %s', ([, legacyLsat]) => {
  const shop = sharedShop((upstream) => sells(upstream, legacyLsat))

  test.for(npmClients)('$name buys, buys something else, and asks again', async ({ open, keepsToken }) => {
    const { upstream, gateway } = shop
    await using tap = await openWiretap(gateway.url)
    const payer = new Payer(() => gateway)
    const buy = open(payer.pay)
    const order = (prompt: string) => buy({ url: `${tap.url}/make`, body: { prompt } })
    const [callsBefore, askedBefore] = [upstream.calls.length, gateway.wallet.asked.length]

    const cat = await order('a cat')
    expect(cat.status).toBe(200)
    expect(JSON.parse(cat.text)).toMatchObject({ body: '{"prompt":"a cat"}' })
    expect(tap.statuses()).toEqual([402, 200])

    tap.forget()
    const dog = await order('a dog')
    expect(dog.status).toBe(200)
    expect(JSON.parse(dog.text)).toMatchObject({ body: '{"prompt":"a dog"}' })
    expect(tap.statuses()).toEqual([402, 200])
    expect(tap.heard.map(({ authorization }) => authorization !== undefined)).toEqual([keepsToken, true])
    expect(payer.paid).toHaveLength(2)

    tap.forget()
    const dogAgain = await order('a dog')
    expect(dogAgain).toEqual(dog)
    expect(tap.statuses()).toEqual(keepsToken ? [200] : [402, 200])
    const made = keepsToken ? 2 : 3
    expect(upstream.calls.length - callsBefore).toBe(made)
    expect([payer.paid.length, gateway.wallet.asked.length - askedBefore]).toEqual([made, made])
  })
})
