import { describe, expect, test } from 'vitest'
import { encodeInvoice, type NewInvoice } from '#src/bolt11/encode.ts'
import { checkIssued, type IssuedCircumstances } from '#src/lightning/check-issued.ts'
import type { InvoiceRequest, IssuedInvoice } from '#src/ports/wallet.ts'
import { soundFields, writeInvoice } from '../bolt11/write-invoice.ts'
import { deadline, makeDevSetting, makeRequest } from './dev-setting.ts'

const nodeKey = Uint8Array.from({ length: 32 }, () => 7)
const nowSeconds = 1_900_000_000
const paymentHash = 'aa'.repeat(32)

const request = { amountMsat: 7_500_000n, expirySeconds: 600 } satisfies Partial<InvoiceRequest>

interface Lies {
  readonly invoice?: Partial<Omit<NewInvoice, 'description' | 'descriptionHash'>>
  readonly issued?: Partial<IssuedInvoice>
  readonly circumstances?: Partial<IssuedCircumstances>
}

function check({ invoice = {}, issued = {}, circumstances = {} }: Lies = {}) {
  const bolt11 = encodeInvoice(
    {
      network: 'bc',
      amountMsat: request.amountMsat,
      paymentHash,
      paymentSecret: 'bb'.repeat(32),
      description: 'voice-clone',
      timestamp: nowSeconds,
      expirySeconds: request.expirySeconds,
      ...invoice,
    },
    nodeKey,
  )
  const honest = { bolt11, paymentHash, amountMsat: request.amountMsat, expiresAt: nowSeconds + 600, ref: paymentHash }
  return checkIssued({ ...honest, ...issued }, request, { network: 'bc', nowMs: nowSeconds * 1000, ...circumstances })
}

const refused = (message: string) =>
  expect.objectContaining({ name: 'WalletError', code: 'protocol', message: expect.stringContaining(message) })

describe('an issued invoice', () => {
  test('that keeps what was asked passes, with its own hash and expiry', () => {
    expect(check()).toEqual({ paymentHash, expiresAt: nowSeconds + 600 })
  })

  test('has the expiry it says itself, not the one the wallet named', () => {
    expect(check({ issued: { expiresAt: nowSeconds + 99_999 } }).expiresAt).toBe(nowSeconds + 600)
  })

  test('passes with a description hash', () => {
    const bolt11 = encodeInvoice(
      {
        network: 'bc',
        amountMsat: request.amountMsat,
        paymentHash,
        paymentSecret: 'bb'.repeat(32),
        descriptionHash: 'cc'.repeat(32),
        timestamp: nowSeconds,
        expirySeconds: 600,
      },
      nodeKey,
    )
    expect(check({ issued: { bolt11 } })).toEqual({ paymentHash, expiresAt: nowSeconds + 600 })
  })

  test('passes with half the asked time, and with more', () => {
    expect(check({ invoice: { expirySeconds: 300 } }).expiresAt).toBe(nowSeconds + 300)
    expect(check({ invoice: { expirySeconds: 86_400 } }).expiresAt).toBe(nowSeconds + 86_400)
  })

  test.for(['bc', 'tb', 'tbs'] as const)('of ln%s passes where the network is not known', (network) => {
    expect(check({ invoice: { network }, circumstances: { network: undefined } }).paymentHash).toBe(paymentHash)
  })

  test('of lnbcrt passes where the wallet is known to be on regtest', () => {
    expect(check({ invoice: { network: 'bcrt' }, circumstances: { network: 'bcrt' } }).paymentHash).toBe(paymentHash)
  })

  test('of the development wallet passes', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const asked = makeRequest({ amountMsat: 1n })
    const issued = await wallet.createInvoice(asked, deadline())
    const circumstances = { network: wallet.capabilities.network, nowMs: setting.clock.nowMs() }
    expect(checkIssued(issued, asked, circumstances)).toEqual({
      paymentHash: issued.paymentHash,
      expiresAt: issued.expiresAt,
    })
  })
})

describe('refused, with the reason', () => {
  test.for([
    ['another payment hash', { issued: { paymentHash: 'ab'.repeat(32) } }, 'payment hash is not the one'],
    ['the hash in upper case', { issued: { paymentHash: paymentHash.toUpperCase() } }, 'payment hash is not the one'],
    ['a smaller amount', { invoice: { amountMsat: 7_499_999n } }, 'asks for 7499999 msat instead of 7500000'],
    ['a larger amount', { invoice: { amountMsat: 7_500_001n } }, 'asks for 7500001 msat instead of 7500000'],
    ['no amount', { invoice: { amountMsat: 'any' } }, 'leaves the amount to the payer'],
    ['another amount beside the invoice', { issued: { amountMsat: 1n } }, 'the wallet named 1 msat'],
    ['testnet for mainnet', { invoice: { network: 'tb' } }, 'lntb instead of lnbc'],
    ['signet for testnet', { invoice: { network: 'tbs' }, circumstances: { network: 'tb' } }, 'lntbs instead of lntb'],
    ['mainnet for regtest', { circumstances: { network: 'bcrt' } }, 'lnbc instead of lnbcrt'],
    ['regtest for mainnet', { invoice: { network: 'bcrt' } }, 'lnbcrt instead of lnbc'],
    [
      'regtest where the network is not known',
      { invoice: { network: 'bcrt' }, circumstances: { network: undefined } },
      'for regtest',
    ],
    ['an expired invoice', { circumstances: { nowMs: (nowSeconds + 600) * 1000 } }, 'expired already'],
    ['less than half the time', { invoice: { expirySeconds: 299 } }, 'paid for 299 s only, where 600 s were asked'],
    ['an old invoice', { invoice: { timestamp: nowSeconds - 301 } }, 'paid for 299 s only'],
    ['a reference that is no reference', { issued: { ref: 'x'.repeat(769) } }, 'longer than 768 characters'],
    ['garbage', { issued: { bolt11: 'lnbc1garbage' } }, 'cannot be read'],
    ['nothing', { issued: { bolt11: '' } }, 'cannot be read'],
  ] satisfies [string, Lies, string][])('%s', ([, lies, message]) => {
    expect(() => check(lies)).toThrow(refused(message))
  })

  test('neither description nor description hash', () => {
    const { p, s, features } = soundFields
    const bolt11 = writeInvoice({ prefix: 'lnbc75u', timestamp: nowSeconds, fields: [p, s, features] })
    expect(() => check({ issued: { bolt11 } })).toThrow(refused('says nothing of what is bought'))
  })

  test('everything that is wrong at once', () => {
    const lies = { invoice: { amountMsat: 1n, network: 'tb', expirySeconds: 1 }, issued: { paymentHash: '' } } as const
    for (const part of ['payment hash', '1 msat', 'lntb', 'paid for 1 s'])
      expect(() => check(lies)).toThrow(refused(part))
  })

  test('without quoting the invoice', () => {
    try {
      check({ invoice: { amountMsat: 1n } })
      expect.unreachable()
    } catch (thrown) {
      expect(String(thrown)).not.toMatch(/ln(bc|tb)[0-9a-z]{20}/)
    }
  })
})
