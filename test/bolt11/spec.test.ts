import { hexToBytes } from '@noble/hashes/utils.js'
import { bech32 } from '@scure/base'
import { describe, expect, test } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { signatureWords, signInvoice } from '#src/bolt11/signature.ts'
import { invalidVectors, specPayee, specSecretKey, validVectors } from './spec-vectors.ts'

const readable = new Set(['bad_signature'])

describe('BOLT 11, Examples', () => {
  test.for(validVectors)('$title is read', ({ invoice, expected }) => {
    expect(decodeInvoice(invoice, { signature: 'verify' })).toEqual(expected)
  })

  test.for(validVectors)('$title is read alike in upper case', ({ invoice, expected }) => {
    expect(decodeInvoice(invoice.toUpperCase(), { signature: 'verify' })).toEqual(expected)
  })

  test.for(validVectors)('$title tells no payee when the signature is skipped', ({ invoice, expected }) => {
    const { payee: _, ...rest } = expected
    expect(decodeInvoice(invoice, { signature: 'skip' })).toStrictEqual(rest)
  })

  test.for(validVectors.filter(({ expected }) => expected.payee === specPayee))(
    '$title gets the very same signature and checksum from us',
    ({ invoice }) => {
      const decoded = bech32.decodeUnsafe(invoice, false)
      const data = decoded?.words.slice(0, -signatureWords) ?? []
      expect(signInvoice(decoded?.prefix ?? '', data, hexToBytes(specSecretKey))).toBe(invoice)
    },
  )
})

describe('BOLT 11, Examples of Invalid Invoices', () => {
  test.for(invalidVectors)('$title is refused', ({ invoice, code }) => {
    expect(() => decodeInvoice(invoice, { signature: 'verify' })).toThrow(expect.objectContaining({ code }))
  })

  test.for(invalidVectors.filter(({ code }) => !readable.has(code)))(
    '$title is refused when the signature is skipped',
    ({ invoice, code }) => {
      expect(() => decodeInvoice(invoice, { signature: 'skip' })).toThrow(expect.objectContaining({ code }))
    },
  )
})
