import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import bolt11 from 'bolt11'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { encodeInvoice, type NewInvoice } from '#src/bolt11/encode.ts'
import type { InvoiceNetwork } from '#src/bolt11/prefix.ts'
import { anyInvoice, anySecretKey } from './any-invoice.ts'
import { invoicesLibrary } from './oracles.ts'

const networkNames = { bc: 'bitcoin', tb: 'testnet', tbs: 'signet', bcrt: 'regtest' } satisfies Record<
  InvoiceNetwork,
  string
>
/** npm `bolt11` does not know signet. */
const networksOfBolt11 = ['bc', 'tb', 'bcrt'] as const satisfies readonly InvoiceNetwork[]
/** npm `invoices` writes times before 2004 with too few words. */
const sevenWordsOfSeconds = 2 ** 30

const runs = { numRuns: 60 }
const publicKey = (secretKey: Uint8Array) => bytesToHex(secp256k1.getPublicKey(secretKey))
const iso = (unixSeconds: number) => new Date(unixSeconds * 1000).toISOString()

/** What an invoice says, for comparing: the same for what was put in and for what is read out. */
const said = (invoice: NewInvoice & { readonly amountMsat: bigint }) => ({
  network: invoice.network,
  amountMsat: invoice.amountMsat,
  paymentHash: invoice.paymentHash,
  paymentSecret: invoice.paymentSecret,
  description: invoice.description,
  descriptionHash: invoice.descriptionHash,
  timestamp: invoice.timestamp,
  expirySeconds: invoice.expirySeconds,
})

describe('our invoices', () => {
  test('are read alike by npm invoices', () => {
    fc.assert(
      fc.property(anyInvoice(), anySecretKey, (invoice, secretKey) => {
        const parsed = invoicesLibrary.parsePaymentRequest({ request: encodeInvoice(invoice, secretKey) })
        expect(parsed).toMatchObject({
          network: networkNames[invoice.network],
          mtokens: String(invoice.amountMsat),
          id: invoice.paymentHash,
          payment: invoice.paymentSecret,
          created_at: iso(invoice.timestamp),
          expires_at: iso(invoice.timestamp + invoice.expirySeconds),
          cltv_delta: invoice.minFinalCltvExpiry ?? 80,
          destination: publicKey(secretKey),
        })
        expect(parsed.description).toBe(invoice.description)
        expect(parsed.description_hash).toBe(invoice.descriptionHash)
        expect(parsed.features.map(({ bit, is_required }) => [bit, is_required])).toEqual([
          [8, true],
          [14, true],
          [17, false],
        ])
      }),
      runs,
    )
  })

  test('are read alike by npm bolt11', () => {
    fc.assert(
      fc.property(anyInvoice(networksOfBolt11), anySecretKey, (invoice, secretKey) => {
        const parsed = bolt11.decode(encodeInvoice(invoice, secretKey))
        expect(parsed).toMatchObject({
          millisatoshis: String(invoice.amountMsat),
          timestamp: invoice.timestamp,
          payeeNodeKey: publicKey(secretKey),
          network: { bech32: invoice.network },
          tagsObject: {
            payment_hash: invoice.paymentHash,
            payment_secret: invoice.paymentSecret,
            expire_time: invoice.expirySeconds,
            min_final_cltv_expiry: invoice.minFinalCltvExpiry ?? 80,
          },
        })
        expect(parsed.tagsObject.description).toBe(invoice.description)
        expect(parsed.tagsObject.purpose_commit_hash).toBe(invoice.descriptionHash)
      }),
      runs,
    )
  })
})

describe('we read alike', () => {
  test('the invoices of npm invoices', () => {
    fc.assert(
      fc.property(anyInvoice(), anySecretKey, (invoice, secretKey) => {
        fc.pre(invoice.timestamp >= sevenWordsOfSeconds)
        const request = signedByInvoices(invoice, secretKey)
        expect(decodeInvoice(request, { signature: 'verify' })).toMatchObject({
          ...said(invoice),
          payee: publicKey(secretKey),
          minFinalCltvExpiry: invoice.minFinalCltvExpiry ?? 80,
        })
      }),
      runs,
    )
  })

  test('the invoices of npm bolt11', () => {
    fc.assert(
      fc.property(anyInvoice(networksOfBolt11), anySecretKey, (invoice, secretKey) => {
        const request = signedByBolt11(invoice, secretKey)
        expect(decodeInvoice(request, { signature: 'verify' })).toMatchObject({
          ...said(invoice),
          payee: publicKey(secretKey),
          minFinalCltvExpiry: invoice.minFinalCltvExpiry ?? 80,
        })
      }),
      runs,
    )
  })
})

function signedByInvoices(invoice: NewInvoice & { readonly amountMsat: bigint }, secretKey: Uint8Array): string {
  const { hash, hrp, tags } = invoicesLibrary.createUnsignedRequest({
    network: networkNames[invoice.network],
    mtokens: String(invoice.amountMsat),
    id: invoice.paymentHash,
    payment: invoice.paymentSecret,
    created_at: iso(invoice.timestamp),
    expires_at: iso(invoice.timestamp + invoice.expirySeconds),
    cltv_delta: invoice.minFinalCltvExpiry ?? 80,
    features: [{ bit: 8 }, { bit: 14 }, { bit: 17 }],
    ...(invoice.description === undefined
      ? { description_hash: invoice.descriptionHash }
      : { description: invoice.description }),
  })
  const signature = bytesToHex(secp256k1.sign(hexToBytes(hash), secretKey, { prehash: false }))
  return invoicesLibrary.createSignedRequest({ destination: publicKey(secretKey), hrp, signature, tags }).request
}

function signedByBolt11(invoice: NewInvoice & { readonly amountMsat: bigint }, secretKey: Uint8Array): string {
  const unsigned = bolt11.encode(
    {
      network: { bech32: invoice.network, pubKeyHash: 0, scriptHash: 0, validWitnessVersions: [0, 1] },
      millisatoshis: String(invoice.amountMsat),
      timestamp: invoice.timestamp,
      tags: [
        { tagName: 'payment_hash', data: invoice.paymentHash },
        { tagName: 'payment_secret', data: invoice.paymentSecret },
        invoice.description === undefined
          ? { tagName: 'purpose_commit_hash', data: invoice.descriptionHash }
          : { tagName: 'description', data: invoice.description },
        { tagName: 'expire_time', data: invoice.expirySeconds },
        { tagName: 'min_final_cltv_expiry', data: invoice.minFinalCltvExpiry ?? 80 },
        { tagName: 'feature_bits', data: { word_length: 4, payment_secret: { required: true } } },
      ],
    },
    false,
  )
  return bolt11.sign(unsigned, Buffer.from(secretKey)).paymentRequest ?? ''
}
