import { describe, expect, test, vi } from 'vitest'
import { makeGate } from '../support/answers.ts'
import { type Answered, type Payment, payFor, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { sellsHeld } from '../support/held-shop.ts'
import { ScriptedWallet } from '../support/scripted-wallet.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

vi.setConfig({ testTimeout: 30_000 })

const hour = 3_600_000
const day = 24 * hour

/** Tokens live for a day, and with a wallet whose invoices can be paid for forty, for as much longer. */
async function openShop() {
  const clock = new TestClock(Date.now())
  const wallet = new ScriptedWallet('slow', { clock })
  const upstream = await openUpstream()
  const config = `l402: { token_ttl: 24h }\n${makeShop(upstream.url)}`
  const gateway = await openGateway({ config, clock, wallets: [wallet] })
  return {
    clock,
    wallet,
    upstream,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

const rotate = async ({ adminUrl }: TestGateway) => {
  const headers = { 'content-type': 'application/json' }
  expect((await fetch(`${adminUrl}/keys/rotate`, { method: 'POST', headers, body: '{}' })).status).toBe(200)
}

/** Identifier: version (2), payment hash (32), then the key's number. */
const keyAt = (packet: Buffer): number => packet.indexOf(Buffer.from([0, 0]), 2) + 34
const keyOf = (token: string): number => {
  const packet = Buffer.from(token, 'base64')
  return packet[keyAt(packet)] ?? -1
}

/** The same token under a key that nobody here knows. */
function underAnotherKey({ token, preimage }: Pick<Payment, 'token' | 'preimage'>): string {
  const packet = Buffer.from(token, 'base64')
  packet[keyAt(packet)] = 99
  return `L402 ${packet.toString('base64')}:${preimage}`
}

const codeOf = async (answer: Promise<Answered>) => {
  const answered = await answer
  return [answered.status, answered.json().code]
}

describe('a token that is sold while the keys are rotated', () => {
  test('is signed by the new key: the old one signs nothing that nobody would wait for', async () => {
    await using setting = await openShop()
    const { clock, wallet, gateway } = setting
    wallet.expirySeconds = (40 * day) / 1000
    const gate = makeGate()
    const make = wallet.createInvoice.bind(wallet)
    using making = vi.spyOn(wallet, 'createInvoice').mockImplementation(async (...asked) => {
      await gate.opened
      return await make(...asked)
    })
    const challenged = send(gateway, aRequest)
    await expect.poll(() => making.mock.calls.length).toBe(1)
    await rotate(gateway)
    gate.open()
    const { token, invoice } = (await challenged).json()
    const preimage = await wallet.pay(invoice)
    // Long after the last token of the old key, so that it may be retired; long before the end of this one.
    clock.advance(30 * day)
    const headers = { 'content-type': 'application/json' }
    const retired = await fetch(`${gateway.adminUrl}/keys/1/retire`, { method: 'POST', headers, body: '{}' })
    expect(retired.status).toBe(200)
    const authorization = { authorization: `L402 ${token}:${preimage}` }
    expect((await send(gateway, { ...aRequest, headers: authorization })).status).toBe(200)
    expect(keyOf(token)).toBe(2)
  })

  test('with a payment that is to be held is so too', async () => {
    await using upstream = await openUpstream()
    await using gateway = await openGateway({ config: sellsHeld(upstream.url) })
    const gate = makeGate()
    const make = gateway.wallet.createHoldInvoice.bind(gateway.wallet)
    using making = vi.spyOn(gateway.wallet, 'createHoldInvoice').mockImplementation(async (...asked) => {
      await gate.opened
      return await make(...asked)
    })
    const challenged = send(gateway, aRequest)
    await expect.poll(() => making.mock.calls.length).toBe(1)
    await rotate(gateway)
    gate.open()
    expect(keyOf((await challenged).json().token)).toBe(2)
  })

  test('before they are rotated keeps its key as long as it lives', async () => {
    await using setting = await openShop()
    const { clock, wallet, gateway } = setting
    wallet.expirySeconds = (40 * day) / 1000
    const { token, preimage } = await payFor(gateway, aRequest, wallet)
    await rotate(gateway)
    clock.advance(40 * day)
    const headers = { 'content-type': 'application/json' }
    const retired = await fetch(`${gateway.adminUrl}/keys/1/retire`, { method: 'POST', headers, body: '{}' })
    expect(retired.status).toBe(409)
    const answer = await send(gateway, { ...aRequest, headers: { authorization: `L402 ${token}:${preimage}` } })
    expect(answer.status).toBe(200)
  })
})

describe('a token under a key that is not known here', () => {
  test('is not answered with a bill while a token as old may live', async () => {
    await using setting = await openShop()
    const { clock, wallet, gateway } = setting
    const authorization = underAnotherKey(await payFor(gateway, aRequest, wallet))
    const present = (to: TestGateway) => codeOf(send(to, { ...aRequest, headers: { authorization } }))
    clock.advance(24 * hour - 1_000)
    expect(await present(gateway)).toEqual([503, 'unknown_key'])
    // Told in whole hours, and one more.
    clock.advance(2 * hour)
    expect(await present(gateway)).toEqual([402, 'unknown_token'])
    // Invoices that can be paid for a day were sold: their tokens live for two.
    wallet.expirySeconds = day / 1000
    await send(gateway, aRequest)
    expect(await present(gateway)).toEqual([503, 'unknown_key'])
    await using restarted = await gateway.restart()
    expect(await present(restarted)).toEqual([503, 'unknown_key'])
    clock.advance(25 * hour)
    expect(await present(restarted)).toEqual([402, 'unknown_token'])
  })

  test('nor after tokens were made to live shorter', async () => {
    await using setting = await openShop()
    const { clock, wallet, upstream, gateway } = setting
    const authorization = underAnotherKey(await payFor(gateway, aRequest, wallet))
    await using shorter = await gateway.restart({ config: `l402: { token_ttl: 1h }\n${makeShop(upstream.url)}` })
    clock.advance(2 * hour)
    expect(await codeOf(send(shorter, { ...aRequest, headers: { authorization } }))).toEqual([503, 'unknown_key'])
  })

  test('is remembered to be possible without a write for each challenge', async () => {
    await using setting = await openShop()
    const { clock, wallet, gateway } = setting
    using noted = vi.spyOn(gateway.running.context.ledger, 'noteTokenLife')
    for (let challenge = 0; challenge < 5; challenge++) expect((await send(gateway, aRequest)).status).toBe(402)
    expect(noted).not.toHaveBeenCalled()
    wallet.expirySeconds = day / 1000
    for (let challenge = 0; challenge < 20; challenge++) {
      expect((await send(gateway, aRequest)).status).toBe(402)
      clock.advance(2_000)
    }
    expect(noted).toHaveBeenCalledOnce()
  })
})
