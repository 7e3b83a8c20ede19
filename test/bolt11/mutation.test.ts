import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { encodeInvoice } from '#src/bolt11/encode.ts'
import { InvoiceError } from '#src/bolt11/invoice-error.ts'
import { anyInvoice, anySecretKey } from './any-invoice.ts'
import { writeInvoice } from './write-invoice.ts'

const bech32Characters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'

const refusal = (text: string): unknown => {
  try {
    return decodeInvoice(text, { signature: 'verify' })
  } catch (thrown) {
    return thrown
  }
}

describe('an invoice with one character changed', () => {
  const anyCharacter = fc.oneof(
    fc.constantFrom(...Array.from(bech32Characters)),
    fc.constantFrom('1', 'b', 'i', 'o', 'Q', 'P', 'm', 'u', '0'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )

  test('is refused, wherever it is changed and to whatever', () => {
    fc.assert(
      fc.property(anyInvoice(), anySecretKey, fc.nat(), anyCharacter, (invoice, secretKey, position, character) => {
        const text = encodeInvoice(invoice, secretKey)
        const at = position % text.length
        fc.pre(text[at] !== character)
        expect(refusal(`${text.slice(0, at)}${character}${text.slice(at + 1)}`)).toBeInstanceOf(InvoiceError)
      }),
    )
  })

  test('is refused for every other bech32 character at every place of one invoice', () => {
    const text = writeInvoice()
    for (const at of Array.from(text).keys()) {
      for (const character of `${bech32Characters}1`) {
        if (character === text[at]) continue
        expect(refusal(`${text.slice(0, at)}${character}${text.slice(at + 1)}`)).toBeInstanceOf(InvoiceError)
      }
    }
  })

  test('is refused when cut anywhere', () => {
    const text = writeInvoice()
    for (const at of Array.from(text).keys()) expect(refusal(text.slice(0, at))).toBeInstanceOf(InvoiceError)
  })

  test('no text at all makes anything but an InvoiceError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((rest) => `lnbcrt1${rest}`),
        ),
        (text) => {
          expect(refusal(text)).toBeInstanceOf(InvoiceError)
        },
      ),
    )
  })
})

describe('a soundly signed invoice of arbitrary words', () => {
  const word = fc.nat(31)

  test('is read or refused with an InvoiceError, never anything else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(1, 5, 6, 13, 16, 19, 23, 24, 31), fc.array(word, { maxLength: 60 }))),
        fc.array(word, { maxLength: 20 }),
        fc.constantFrom('lnbcrt', 'lnbc2500u', 'lntbs1', 'lnbc', 'lntb15p'),
        (fields, tail, prefix) => {
          const outcome = refusal(writeInvoice({ fields, tail, prefix }))
          if (outcome instanceof Error) expect(outcome).toBeInstanceOf(InvoiceError)
          else expect(outcome).toMatchObject({ payee: expect.stringMatching(/^0[23][0-9a-f]{64}$/) })
        },
      ),
    )
  })
})
