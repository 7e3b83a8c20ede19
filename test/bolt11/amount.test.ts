import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeAmount, encodeAmount, maxAmountMsat } from '#src/bolt11/amount.ts'

describe('the amount of an invoice', () => {
  test.for([
    [1n, '10p'],
    [99n, '990p'],
    [100n, '1n'],
    [1_000n, '10n'],
    [21_000n, '210n'],
    [250_000_000n, '2500u'],
    [967_878_534n, '9678785340p'],
    [2_000_000_000n, '20m'],
    [100_000_000_000n, '1'],
    [maxAmountMsat, '21000000'],
  ] as const)('%s msat is written %s and read back', ([amountMsat, text]) => {
    expect(encodeAmount(amountMsat)).toBe(text)
    expect(decodeAmount(text)).toBe(amountMsat)
  })

  test('every amount survives writing and reading', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, maxAmountMsat), (amountMsat) => {
        expect(decodeAmount(encodeAmount(amountMsat))).toBe(amountMsat)
      }),
    )
  })

  test('no other multiplier gives a shorter form', () => {
    const units = { '': 1_000_000_000_000n, m: 1_000_000_000n, u: 1_000_000n, n: 1_000n, p: 1n }
    fc.assert(
      fc.property(
        fc.bigInt(1n, 10n ** 6n),
        fc.constantFrom(1n, 100n, 10n ** 5n, 10n ** 8n, 10n ** 11n),
        (count, unit) => {
          const amountMsat = count * unit
          fc.pre(amountMsat <= maxAmountMsat)
          const pico = amountMsat * 10n
          const forms = Object.entries(units).flatMap(([letter, size]) =>
            pico % size === 0n ? `${pico / size}${letter}` : [],
          )
          const shortest = Math.min(...forms.map((form) => form.length))
          expect(encodeAmount(amountMsat)).toHaveLength(shortest)
        },
      ),
    )
  })

  test.for(['', '0', '0n', '01n', '+1n', '-1n', '1.5m', '1e3', ' 1n', '1n ', '1N', '1x', '1mm', 'n', '１n'])(
    '%j is refused',
    (text) => {
      expect(() => decodeAmount(text)).toThrow(expect.objectContaining({ code: 'bad_amount' }))
    },
  )

  test.for(['1p', '2500000001p', '9p'])('%s, a fraction of a millisatoshi, is refused', (text) => {
    expect(() => decodeAmount(text)).toThrow('fraction of a millisatoshi')
  })

  test('more than all bitcoin is refused both ways', () => {
    expect(() => decodeAmount('21000001')).toThrow(expect.objectContaining({ code: 'bad_amount' }))
    expect(() => decodeAmount('9'.repeat(500))).toThrow(expect.objectContaining({ code: 'bad_amount' }))
    expect(() => encodeAmount(maxAmountMsat + 1n)).toThrow(expect.objectContaining({ code: 'bad_amount' }))
  })

  test.for([0n, -1n])('%s msat cannot be written', (amountMsat) => {
    expect(() => encodeAmount(amountMsat)).toThrow(expect.objectContaining({ code: 'bad_amount' }))
  })
})
