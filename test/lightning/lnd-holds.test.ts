import { describe, expect, test } from 'vitest'
import { openLndWallet } from '#src/lightning/lnd/lnd-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { canHold } from '#src/ports/hold-wallet.ts'
import type { Settlement } from '#src/ports/wallet.ts'
import { failure, soon } from '../support/wallets/contract-steps.ts'
import { aHold, aSecret, opened, patient } from '../support/wallets/hold-contract-steps.ts'
import { makeLndSubject } from '../support/wallets/lnd.ts'
import { bakedRights, holdRights } from '../support/wallets/lnd-macaroon.ts'

async function makeHolder(rights: readonly string[] = [...bakedRights, ...holdRights]) {
  const subject = await makeLndSubject({ rights })
  const wallet = openLndWallet({ name: 'lnd', ...subject.settings, privateChannels: false, clock: systemClock })
  return {
    lnd: subject.fake.lnd,
    fake: subject.fake,
    wallet,
    async [Symbol.asyncDispose]() {
      await wallet[Symbol.asyncDispose]()
      await subject[Symbol.asyncDispose]()
    },
  }
}

describe('an lnd that holds', () => {
  test('says that its macaroon cannot, and how to make one that can', async () => {
    await using setting = await makeHolder(bakedRights)
    const { wallet, lnd } = setting
    await wallet.start(soon())
    expect(canHold(wallet)).toBe(false)
    const thrown = await failure(wallet.createHoldInvoice(aHold(aSecret().paymentHash), soon()))
    expect(thrown.code).toBe('unauthorized')
    expect(thrown.message).toBe(wallet.cannotHold)
    expect(thrown.message).toMatch(/lncli bakemacaroon .*uri:\/invoicesrpc\.Invoices\/SettleInvoice/)
    expect(lnd.calls).not.toContain('AddHoldInvoice')
    expect((await wallet.health(soon())).warnings).toEqual([])
  })

  test('is not warned of its rights to hold as too many', async () => {
    await using setting = await makeHolder()
    expect(canHold(setting.wallet)).toBe(true)
    expect((await setting.wallet.health(soon())).warnings).toEqual([])
  })

  test('uses one connection for everything', async () => {
    await using setting = await makeHolder()
    const { wallet, fake } = setting
    await wallet.createInvoice({ ...aHold(aSecret().paymentHash), idempotencyKey: 'one' }, soon())
    const { paymentHash } = await opened(wallet)
    await wallet.lookupHold(paymentHash, soon())
    await wallet.holdStates(paymentHash, soon())[Symbol.asyncIterator]().next()
    expect(fake.connections()).toBe(1)
  })

  test('hears of a locked payment only where that invoice is followed, and of the settlement in the books', async () => {
    await using setting = await makeHolder()
    const { wallet, lnd } = setting
    const ending = new AbortController()
    const told: Settlement[] = []
    const listening = (async () => {
      for await (const settlement of wallet.settlements?.(undefined, ending.signal) ?? []) told.push(settlement)
    })()
    await expect.poll(() => lnd.calls, patient).toContain('SubscribeInvoices')
    const { paymentHash, preimage } = await opened(wallet)
    void lnd.holds.pay(paymentHash)
    expect(await wallet.lookupHold(paymentHash, soon())).toBe('accepted')
    expect(await wallet.lookup({ paymentHash, ref: paymentHash }, soon())).toEqual({ state: 'open' })
    expect(told).toEqual([])
    await wallet.settleHold(paymentHash, preimage, soon())
    await expect.poll(() => told, patient).toMatchObject([{ paymentHash, receivedMsat: 21_000n }])
    expect(await wallet.lookup({ paymentHash, ref: paymentHash }, soon())).toMatchObject({ state: 'settled' })
    ending.abort()
    await listening
  })

  test('follows no longer what nobody reads any more', async () => {
    await using setting = await makeHolder()
    const { wallet, lnd } = setting
    const { paymentHash } = await opened(wallet)
    for await (const state of wallet.holdStates(paymentHash, soon())) {
      expect(state).toBe('open')
      break
    }
    await expect.poll(() => lnd.holds.watched, patient).toBe(0)
  })

  test('ends a stream that breaks without failing, and says when it may not follow', async () => {
    await using setting = await makeHolder()
    const { wallet, fake } = setting
    const { paymentHash } = await opened(wallet)
    const states = wallet.holdStates(paymentHash, soon())[Symbol.asyncIterator]()
    expect(await states.next()).toMatchObject({ value: 'open' })
    await fake.stop()
    expect(await states.next()).toEqual({ value: undefined, done: true })
    await fake.start()
    fake.breakWith('401')
    await expect
      .poll(
        async () => (await failure(wallet.holdStates(paymentHash, soon())[Symbol.asyncIterator]().next())).code,
        patient,
      )
      .toBe('unauthorized')
  })

  test('refuses an invoice that is not for our hash, or of another amount', async () => {
    await using setting = await makeHolder()
    const { wallet, lnd } = setting
    lnd.lie = 'hash'
    expect((await failure(wallet.createHoldInvoice(aHold(aSecret().paymentHash), soon()))).code).toBe('protocol')
    lnd.lie = 'amount'
    expect((await failure(wallet.createHoldInvoice(aHold(aSecret().paymentHash), soon()))).code).toBe('rejected')
  })

  test('is asked nothing about what is no payment hash', async () => {
    await using setting = await makeHolder()
    const { wallet, lnd } = setting
    const { paymentHash, preimage } = aSecret()
    for (const wrong of ['', paymentHash.slice(2), `${paymentHash}00`, paymentHash.toUpperCase()]) {
      for (const call of [
        () => wallet.createHoldInvoice(aHold(wrong), soon()),
        () => wallet.lookupHold(wrong, soon()),
        () => wallet.holdStates(wrong, soon())[Symbol.asyncIterator]().next(),
        () => wallet.settleHold(wrong, preimage, soon()),
        () => wallet.cancelHold(wrong, soon()),
      ])
        expect((await failure(call())).code).toBe('rejected')
    }
    expect(lnd.calls).toEqual([])
  })

  test('tells why it settles or cancels nothing', async () => {
    await using setting = await makeHolder()
    const { wallet, lnd } = setting
    const [unpaid, taken, gone] = [await opened(wallet), await opened(wallet), await opened(wallet)]
    void lnd.holds.pay(taken.paymentHash)
    await wallet.settleHold(taken.paymentHash, taken.preimage, soon())
    await wallet.cancelHold(gone.paymentHash, soon())
    const settle = ({ paymentHash, preimage }: typeof unpaid) => wallet.settleHold(paymentHash, preimage, soon())
    expect((await failure(settle(unpaid))).message).toMatch(/still open/)
    expect((await failure(settle(gone))).message).toMatch(/cancelled already/)
    expect((await failure(settle(aSecret()))).message).toMatch(/no hold invoice/)
    expect((await failure(wallet.cancelHold(taken.paymentHash, soon()))).message).toMatch(/taken already/)
  })

  test('does not give an invoice of fewer blocks for one that is to be held longer', async () => {
    await using setting = await makeHolder()
    const { wallet } = setting
    const { paymentHash } = await opened(wallet)
    const longer = wallet.createHoldInvoice(aHold(paymentHash, { cltvExpiryBlocks: 200 }), soon())
    expect((await failure(longer)).code).toBe('protocol')
  })
})
