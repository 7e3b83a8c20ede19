import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import type { HoldInvoiceRequest, HoldState } from '#src/ports/hold-wallet.ts'
import { makeDevSetting } from './dev-setting.ts'

const signal = AbortSignal.timeout(60_000)

function makeHold(): { preimage: string; request: HoldInvoiceRequest } {
  const preimage = randomBytes(32)
  const paymentHash = createHash('sha256').update(preimage).digest('hex')
  const request = {
    paymentHash,
    amountMsat: 7_000n,
    description: 'a hold',
    expirySeconds: 600,
    idempotencyKey: paymentHash,
    cltvExpiryBlocks: 40,
  }
  return { preimage: preimage.toString('hex'), request }
}

describe('a payment that the development wallet holds', () => {
  test('is locked in by paying, and gives the payer the preimage only when it is settled', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { preimage, request } = makeHold()
    const { bolt11, paymentHash } = await wallet.createHoldInvoice(request, signal)
    expect(decodeInvoice(bolt11, { signature: 'verify' })).toMatchObject({
      paymentHash: request.paymentHash,
      amountMsat: 7_000n,
      minFinalCltvExpiry: 40,
    })
    const states: HoldState[] = []
    const watching = (async () => {
      for await (const state of wallet.holdStates(paymentHash, signal)) states.push(state)
    })()
    let paid: string | undefined
    const paying = wallet.pay(bolt11, signal).then((given) => {
      paid = given
    })
    while ((await wallet.lookupHold(paymentHash, signal)) !== 'accepted') await new Promise(setImmediate)
    expect(paid).toBeUndefined()
    expect(await wallet.lookup({ paymentHash, ref: paymentHash }, signal)).toEqual({ state: 'unknown' })
    await wallet.settleHold(paymentHash, preimage, signal)
    await wallet.settleHold(paymentHash, preimage, signal)
    await Promise.all([paying, watching])
    expect(paid).toBe(preimage)
    expect(states).toEqual(['open', 'accepted', 'settled'])
    expect(await wallet.lookup({ paymentHash, ref: paymentHash }, signal)).toMatchObject({ state: 'settled' })
    await expect(wallet.cancelHold(paymentHash, signal)).rejects.toMatchObject({ code: 'rejected' })
  })

  test('is let go by cancelling, and then nobody can take or pay it', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { preimage, request } = makeHold()
    const { bolt11, paymentHash } = await wallet.createHoldInvoice(request, signal)
    const paying = wallet.pay(bolt11, signal).catch((thrown: unknown) => thrown)
    while ((await wallet.lookupHold(paymentHash, signal)) !== 'accepted') await new Promise(setImmediate)
    await wallet.cancelHold(paymentHash, signal)
    await wallet.cancelHold(paymentHash, signal)
    expect(await paying).toMatchObject({ code: 'rejected' })
    await expect(wallet.settleHold(paymentHash, preimage, signal)).rejects.toMatchObject({ code: 'rejected' })
    await expect(wallet.pay(bolt11, signal)).rejects.toMatchObject({ code: 'rejected' })
    expect(await wallet.lookup({ paymentHash, ref: paymentHash }, signal)).toEqual({ state: 'unknown' })
  })

  test('stays held while the wallet is away, and whoever pays again waits for the same end', async () => {
    await using setting = await makeDevSetting()
    const { preimage, request } = makeHold()
    const first = setting.open()
    const { bolt11, paymentHash } = await first.createHoldInvoice(request, signal)
    const gone = AbortSignal.timeout(50)
    await expect(first.pay(bolt11, gone)).rejects.toMatchObject({ code: 'timeout' })
    await first[Symbol.asyncDispose]()
    setting.clock.advance(3_600_000)
    await using wallet = setting.open()
    expect(await wallet.lookupHold(paymentHash, signal)).toBe('accepted')
    expect((await wallet.createHoldInvoice(request, signal)).bolt11).toBe(bolt11)
    const paying = wallet.pay(bolt11, signal)
    await wallet.settleHold(paymentHash, preimage, signal)
    expect(await paying).toBe(preimage)
  })

  test('cannot be taken before it is paid, nor with another preimage, nor paid once the invoice expired', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { preimage, request } = makeHold()
    const { bolt11, paymentHash } = await wallet.createHoldInvoice(request, signal)
    for (const given of [preimage, 'ab'.repeat(32)])
      await expect(wallet.settleHold(paymentHash, given, signal)).rejects.toMatchObject({ code: 'rejected' })
    setting.clock.advance(600_000)
    await expect(wallet.pay(bolt11, signal)).rejects.toMatchObject({ code: 'rejected' })
    expect(await wallet.lookupHold(paymentHash, signal)).toBe('open')
    expect(await wallet.lookupHold('00'.repeat(32), signal)).toBe('unknown')
  })
})
