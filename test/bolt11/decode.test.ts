import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { bech32, bech32m } from '@scure/base'
import { describe, expect, test } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { featuresToWords } from '#src/bolt11/features.ts'
import { bytesToWords, numberToWords } from '#src/bolt11/words.ts'
import { type RawField, secretKey, soundFields, writeInvoice } from './write-invoice.ts'

const { p, s, d, features } = soundFields
const read = (invoice: string) => decodeInvoice(invoice, { signature: 'verify' })
const ownPayee = bytesToHex(secp256k1.getPublicKey(secretKey))
const hash = (digits: string) => bytesToWords(hexToBytes(digits.repeat(32)))

describe('a decoded invoice', () => {
  test('takes the first of several fields of one type', () => {
    const again: RawField[] = [
      [1, hash('c1')],
      [16, hash('c2')],
      [13, bytesToWords(utf8ToBytes('coffee'))],
      [6, numberToWords(60)],
      [6, numberToWords(7200)],
      [24, numberToWords(40)],
      [24, numberToWords(144)],
      [23, hash('c3')],
      [23, hash('c4')],
    ]
    expect(read(writeInvoice({ fields: [p, s, d, features, ...again] }))).toMatchObject({
      paymentHash: 'aa'.repeat(32),
      paymentSecret: 'bb'.repeat(32),
      description: 'tea',
      expirySeconds: 60,
      minFinalCltvExpiry: 40,
      descriptionHash: 'c3'.repeat(32),
    })
  })

  test.for([
    ['p', 1, 51],
    ['p', 1, 53],
    ['s', 16, 51],
    ['s', 16, 53],
    ['h', 23, 51],
    ['h', 23, 53],
    ['n', 19, 52],
    ['n', 19, 54],
  ] as const)('skips a field %s (%i) of %i words, even where it comes first', ([, type, length]) => {
    const odd: RawField = [type, Array.from({ length }, () => 0)]
    expect(read(writeInvoice({ fields: [odd, p, s, d, features] }))).toEqual(read(writeInvoice()))
  })

  test('skips fields of unknown type', () => {
    expect(read(writeInvoice({ fields: [[2, [1, 2, 3]], [31, []], p, s, d, features] }))).toEqual(read(writeInvoice()))
  })

  test('has 3600 seconds and 18 blocks where nothing is said', () => {
    const invoice = read(writeInvoice())
    expect(invoice).toMatchObject({ expirySeconds: 3600, minFinalCltvExpiry: 18, expiresAt: 1_700_003_600 })
  })

  test('may have an empty description, which is not the same as none', () => {
    expect(read(writeInvoice({ fields: [p, s, [13, []], features] })).description).toBe('')
    expect(read(writeInvoice({ fields: [p, s, features] })).description).toBeUndefined()
  })

  test('keeps a byte order mark of the description', () => {
    const marked: RawField = [13, bytesToWords(utf8ToBytes('\ufefftea'))]
    expect(read(writeInvoice({ fields: [p, s, marked, features] })).description).toBe('\ufefftea')
  })

  test('has the payee of its n field when that payee signed', () => {
    const payee: RawField = [19, bytesToWords(hexToBytes(ownPayee))]
    expect(read(writeInvoice({ fields: [p, s, d, features, payee] })).payee).toBe(ownPayee)
  })

  test.for(['bc', 'tb', 'tbs', 'bcrt'] as const)('may be of the network %s', (network) => {
    expect(read(writeInvoice({ prefix: `ln${network}` }))).toMatchObject({ network, amountMsat: undefined })
    expect(read(writeInvoice({ prefix: `ln${network}1n` }))).toMatchObject({ network, amountMsat: 100n })
  })
})

describe('refused with its reason', () => {
  const otherPayee = bytesToHex(secp256k1.getPublicKey(hexToBytes('02'.repeat(32))))
  const oneBitOff = (words: readonly number[]) => [...words.slice(0, -1), (words.at(-1) ?? 0) | 1]

  test.for([
    ['no payment hash', 'missing_field', { fields: [s, d, features] }],
    ['no payment secret', 'missing_field', { fields: [p, d, features] }],
    ['a field longer than the rest', 'truncated', { tail: [13, 31, 31, 1, 2, 3] }],
    ['a field one word too long', 'truncated', { tail: [13, 0, 2, 1] }],
    ['a type without a length', 'truncated', { tail: [13] }],
    ['half a length', 'truncated', { tail: [13, 0] }],
    ['padding that is not zero', 'bad_field', { fields: [[1, oneBitOff(p[1])], s, d] }],
    ['a description padded with a whole word', 'bad_field', { fields: [p, s, [13, [...d[1], 0]]] }],
    ['a description that is not UTF-8', 'bad_field', { fields: [p, s, [13, bytesToWords(hexToBytes('ff'))]] }],
    ['an absurd expiry', 'bad_field', { fields: [p, s, d, [6, numberToWords(1, 1).concat(Array(200).fill(31))]] }],
    ['an unknown required feature', 'unknown_feature', { fields: [p, s, d, [5, featuresToWords([8, 14, 100])]] }],
    ['a network of another coin', 'unknown_network', { prefix: 'lnltc10n' }],
    ['no network', 'unknown_network', { prefix: 'ln10n' }],
    ['a network that only begins like one', 'unknown_network', { prefix: 'lnbcx' }],
    ['an address', 'unknown_network', { prefix: 'bc' }],
    ['an amount of nothing', 'bad_amount', { prefix: 'lnbcrt0' }],
    ['a fraction of a millisatoshi', 'bad_amount', { prefix: 'lnbcrt1p' }],
    ['an n field of somebody else', 'bad_signature', { fields: [p, s, d, [19, bytesToWords(hexToBytes(otherPayee))]] }],
    [
      'an n field that is no key',
      'bad_signature',
      { fields: [p, s, d, [19, bytesToWords(hexToBytes('05'.repeat(33)))]] },
    ],
  ] satisfies [string, string, Parameters<typeof writeInvoice>[0]][])('%s: %s', ([, code, parts]) => {
    expect(() => read(writeInvoice(parts))).toThrow(expect.objectContaining({ name: 'InvoiceError', code }))
  })

  test('a text longer than a QR code holds', () => {
    expect(() => read(`lnbc1${'q'.repeat(7100)}`)).toThrow(expect.objectContaining({ code: 'too_long' }))
  })

  test.for(['', 'lnbc', 'lnbc1', 'hello', 'lightning:lnbc1', 'lnbcrt1b', 'lnbc1\u212a'])('the text %j', (text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'malformed' }))
  })

  test('a letter that only becomes ASCII in lower case', () => {
    const invoice = writeInvoice().toUpperCase()
    expect(() => read(invoice.replaceAll('K', '\u212a'))).toThrow(expect.objectContaining({ name: 'InvoiceError' }))
  })

  test('the checksum of bech32m', () => {
    const decoded = bech32.decodeUnsafe(writeInvoice(), false)
    const invoice = bech32m.encode(decoded?.prefix ?? '', decoded?.words ?? [], false)
    expect(() => read(invoice)).toThrow(expect.objectContaining({ code: 'checksum' }))
  })

  test('no error quotes the invoice', () => {
    const invoice = writeInvoice()
    const broken = `${invoice.slice(0, -1)}${invoice.endsWith('q') ? 'p' : 'q'}`
    try {
      read(broken)
      expect.unreachable()
    } catch (thrown) {
      expect(JSON.stringify(thrown, ['message', 'stack', 'cause', 'code'])).not.toContain(invoice.slice(20, 60))
      expect(String(thrown)).not.toContain(invoice.slice(20, 60))
    }
  })
})
