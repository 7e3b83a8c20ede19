import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { encodeInvoice, type NewInvoice } from '#src/bolt11/encode.ts'
import { anyInvoice, anySecretKey } from './any-invoice.ts'
import { secretKey } from './write-invoice.ts'

type Overrides = Partial<Omit<NewInvoice, 'description' | 'descriptionHash'>>

const makeInvoice = (overrides: Overrides & { description?: string } = {}): NewInvoice => ({
  network: 'bcrt',
  amountMsat: 1500n,
  paymentHash: 'aa'.repeat(32),
  paymentSecret: 'bb'.repeat(32),
  description: 'tea',
  timestamp: 1_700_000_000,
  expirySeconds: 600,
  ...overrides,
})

const read = (invoice: string) => decodeInvoice(invoice, { signature: 'verify' })

describe('an encoded invoice', () => {
  test('asks for 80 blocks, requires features 8 and 14 and offers 17', () => {
    expect(read(encodeInvoice(makeInvoice(), secretKey))).toMatchObject({
      minFinalCltvExpiry: 80,
      features: [8, 14, 17],
    })
  })

  test('is the same for the same input', () => {
    expect(encodeInvoice(makeInvoice(), secretKey)).toBe(encodeInvoice(makeInvoice(), secretKey))
  })

  test('has no amount only when the payer may choose', () => {
    expect(read(encodeInvoice(makeInvoice({ amountMsat: 'any' }), secretKey)).amountMsat).toBeUndefined()
    expect(() => encodeInvoice(makeInvoice({ amountMsat: 0n }), secretKey)).toThrow(
      expect.objectContaining({ code: 'bad_amount' }),
    )
  })

  test('takes a description of 639 bytes and not one more', () => {
    const longest = 'é'.repeat(319) + 'e'
    expect(read(encodeInvoice(makeInvoice({ description: longest }), secretKey)).description).toBe(longest)
    expect(() => encodeInvoice(makeInvoice({ description: `${longest}e` }), secretKey)).toThrow(
      expect.objectContaining({ code: 'bad_field', message: expect.stringContaining('639') }),
    )
  })

  test.for([
    { paymentHash: 'aa' },
    { paymentHash: 'zz'.repeat(32) },
    { paymentSecret: 'bb'.repeat(33) },
    { timestamp: 0 },
    { timestamp: 1.5 },
    { timestamp: 2 ** 35 },
    { timestamp: Number.NaN },
    { expirySeconds: 0 },
    { expirySeconds: -1 },
    { expirySeconds: 2 ** 32 },
    { minFinalCltvExpiry: 0 },
  ] satisfies Overrides[])('cannot be made with %j', (overrides) => {
    expect(() => encodeInvoice(makeInvoice(overrides), secretKey)).toThrow(
      expect.objectContaining({ name: 'InvoiceError', code: 'bad_field' }),
    )
  })

  test('says on decoding what was put into it', () => {
    fc.assert(
      fc.property(anyInvoice(), anySecretKey, (invoice, key) => {
        const { includePayee: _, minFinalCltvExpiry = 80, ...said } = invoice
        expect(read(encodeInvoice(invoice, key))).toMatchObject({
          ...said,
          minFinalCltvExpiry,
          expiresAt: invoice.timestamp + invoice.expirySeconds,
          payee: bytesToHex(secp256k1.getPublicKey(key)),
        })
      }),
    )
  })
})
