import { hrtime } from 'node:process'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeAnyBase64 } from '#src/l402/base64.ts'
import { maxTokens, readCredential } from '#src/l402/credential.ts'
import { decodeToken } from '#src/l402/token.ts'

const hex = '0123456789abcdef'.repeat(4)

/** Pieces that the grammar is made of, in any order. */
const anyLine = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom(`L402 AgEE:${hex}`, `LSAT a,b:${hex}`, `l402 a-_=:${hex.toUpperCase()}`),
      },
      { weight: 3, arbitrary: fc.constantFrom('L402', 'LSAT', 'lsat', 'Basic', 'Bearer x', 'Payment') },
      { weight: 6, arbitrary: fc.constantFrom(' ', '  ', '\t', ',', ', ', ', ', ':', '=', '"', '-', '_', '/') },
      { weight: 1, arbitrary: fc.constantFrom(hex, hex.slice(1), 'AgEE', 'a', '') },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(''))

describe('any Authorization lines', () => {
  test('are read without throwing, and what is read is well-formed', () => {
    let read = 0
    fc.assert(
      fc.property(fc.array(anyLine, { maxLength: 3 }), (lines) => {
        const reading = readCredential(lines)
        if (reading.kind !== 'presented') return
        read++
        expect(reading.tokens.length).toBeGreaterThan(0)
        expect(reading.tokens.length).toBeLessThanOrEqual(maxTokens)
        for (const { token, preimage } of reading.tokens) {
          expect(token).toMatch(/^[A-Za-z0-9+/_=-]+$/)
          expect(preimage).toMatch(/^[0-9a-f]{64}$/)
          expect(() => decodeToken(token)).not.toThrow()
        }
      }),
      { numRuns: 2000 },
    )
    expect(read).toBeGreaterThan(50)
  })

  test('give their credential whatever schemes of others stand before and after it', () => {
    const stranger = fc.constantFrom('Basic dXNlcjpwYXNz', 'Bearer abc.def', 'Payment eyJhIjoxfQ==', 'Digest a="b"')
    fc.assert(
      fc.property(fc.array(stranger), fc.array(stranger), fc.boolean(), (before, after, joined) => {
        const lines = [...before, `L402 AgEE:${hex}`, ...after]
        expect(readCredential(joined ? [lines.join(', ')] : lines)).toEqual({
          kind: 'presented',
          tokens: [{ token: 'AgEE', preimage: hex }],
        })
      }),
    )
  })
})

const small = 1000
const growth = 8

/**
 * How many times as much `growth` times as much input costs. The inputs of each call are new, since V8 remembers what it
 * split before; of several tries the least counts, so that other load does not.
 */
function costGrowth<Input>(make: (size: number, salt: number) => Input, call: (input: Input) => void): number {
  const calls = 10
  const cost = (size: number): number => {
    const tries = Array.from({ length: 12 }, (_, attempt) => {
      const inputs = Array.from({ length: calls }, (_unused, at) => make(size, attempt * calls + at))
      const before = hrtime.bigint()
      for (const input of inputs) call(input)
      return Number(hrtime.bigint() - before)
    })
    return Math.min(...tries)
  }
  const leastNs = 20_000
  return cost(growth * small) / Math.max(cost(small), leastNs)
}

describe('eight times as much hostile input never costs much more than eight times as much', () => {
  const hostile: Record<string, (size: number, salt: number) => string[]> = {
    'spaces after the scheme': (size, salt) => [`L402${' '.repeat(size)}${salt}!`],
    'spaces around nothing': (size, salt) => [`${salt},${' '.repeat(size / 2)}L402${' '.repeat(size / 2)}`],
    'tabs and spaces': (size, salt) => [`L402${'\t '.repeat(size / 2)}${salt}:`],
    commas: (size, salt) => [`L402 ${salt}${','.repeat(size)}`],
    'commas and spaces': (size, salt) => [`L402 ${salt}:${hex}${' ,'.repeat(size / 2)}`],
    'tokens without a preimage': (size, salt) => [`L402 ${salt}${',a'.repeat(size / 2)}`],
    'many tokens': (size, salt) => [`L402 ${salt}${',a'.repeat(size / 2)}:${hex}`],
    colons: (size, salt) => [`L402 ${salt}${':'.repeat(size)}`],
    'equals signs': (size, salt) => [`L402 ${salt}${'='.repeat(size)}!:${hex}`],
    'a long token with a bad end': (size, salt) => [`L402 ${salt}${'A'.repeat(size)}!`],
    'hex digits': (size, salt) => [`L402 ${salt}:${'0'.repeat(size)}`],
    'many credentials': (size, salt) => [`${salt},${`L402 a:${hex},`.repeat(size / 72)}`],
    'many beginnings': (size, salt) => [`${'L402 LSAT '.repeat(size / 10)}${salt}`],
    'half beginnings': (size, salt) => [`${'L40LSA'.repeat(size / 6)}${salt}L402`],
    'many lines': (size, salt) => Array.from({ length: size / 40 }, () => `L402 ${salt}:${hex}`),
    'many lines of others': (size, salt) => Array.from({ length: size / 8 }, () => `Basic ${salt}`),
  }

  test.for(Object.entries(hostile))('%s', ([, make]) => {
    expect(costGrowth(make, readCredential)).toBeLessThan(3 * growth)
  })

  test.for([
    ['padding', (size: number, salt: number) => `${salt}${'='.repeat(size)}`],
    ['padding before junk', (size: number, salt: number) => `${salt}${'='.repeat(size)}!`],
    ['letters before junk', (size: number, salt: number) => `${salt}${'A'.repeat(size)}*`],
    ['a token', (size: number, salt: number) => `${1000 + (salt % 1000)}${'A'.repeat(size)}`],
  ] as const)('base64 of %s', ([, make]) => {
    expect(costGrowth(make, decodeAnyBase64)).toBeLessThan(3 * growth)
  })
})
