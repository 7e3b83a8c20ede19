import { describe, expect, test } from 'vitest'
import { priceOf } from '#src/pricing/price.ts'
import { msatOf, priced, pricing, source, written } from './written-price.ts'

const perUnit = (rate: unknown) => ({ per_unit: { of: 'n', rate } })
const tiers = {
  by: { first: ['modelId', 'model'] },
  default: 'best',
  aliases: { 6: 'best', 1: 'standard', Cheap: 'budget', true: 'standard' },
  table: { budget: 4, standard: 5, best: { rate: 15, accepts: ['image', 'input.*.file'] } },
}
const nested = {
  by: ['mode', 'audio'],
  table: { standard: { false: 300, true: 400 }, pro: { false: 450, true: 550 } },
}

/** Sats for one unit, or the refusal. */
function rateOf(rate: unknown, body: object): number | string[] {
  const msat = msatOf(perUnit(rate), { n: 1, ...body })
  return typeof msat === 'bigint' ? Number(msat) / 1000 : msat
}

describe('a row of a table is chosen', () => {
  test.for([
    ['by its name', { modelId: 'budget' }, 4, { modelId: 'budget' }],
    ['by its name in another case', { modelId: 'BuDgEt' }, 4, { modelId: 'budget' }],
    ['by an alias that is a number', { modelId: 6 }, 15, { modelId: 'best' }],
    ['by an alias that is a number, as text', { modelId: '1' }, 5, { modelId: 'standard' }],
    ['by an alias in another case', { modelId: 'CHEAP' }, 4, { modelId: 'budget' }],
    ['by an alias that is a truth value', { modelId: true }, 5, { modelId: 'standard' }],
    ['by the second field where the first is absent', { model: 'standard' }, 5, { model: 'standard' }],
    ['by the second field where the first is null', { modelId: null, model: 'standard' }, 5, { model: 'standard' }],
    ['by the first field where both are there', { modelId: 'budget', model: 'best' }, 4, { modelId: 'budget' }],
    ['by default', {}, 15, { modelId: 'best' }],
  ] as const)('%s', ([, body, sats, inputs]) => {
    const price = priced(perUnit(tiers), { n: 1, ...body })
    expect([Number(price.msat) / 1000, price.inputs]).toEqual([sats, inputs])
  })

  test('by a value of the query or the path', () => {
    const price = { per_unit: { of: '?n', rate: { by: ':style', table: { oil: 7 } } } }
    const result = priceOf(
      written(price),
      source(undefined, { query: new Map([['n', '2']]), params: new Map([['style', 'oil']]) }),
    )
    expect(result).toMatchObject({ kind: 'priced', price: { msat: 14_000n, inputs: { ':style': 'oil' } } })
  })
})

test('a value of the path chooses only as the operator writes it: in another case it is another path', () => {
  const price = { per_unit: { of: '?n', rate: { by: ':style', aliases: { Oel: 'oil' }, table: { oil: 7 } } } }
  const kindOf = (style: string) =>
    priceOf(written(price), source(undefined, { query: new Map([['n', '2']]), params: new Map([['style', style]]) }))
      .kind
  expect(['oil', 'Oel', 'Oil', 'oel'].map(kindOf)).toEqual(['priced', 'priced', 'invalid', 'invalid'])
})

describe('a value without a row is refused with those that have one', () => {
  const allowed = ['budget', 'standard', 'best']
  test.for([
    ['a number', { modelId: 999 }, '$.modelId'],
    ['a name', { modelId: 'ultra' }, '$.modelId'],
    ['no name', { modelId: '' }, '$.modelId'],
    ['a name with a space', { modelId: 'best ' }, '$.modelId'],
    ['a number in another notation', { modelId: '6.0' }, '$.modelId'],
    ['another truth value', { modelId: false }, '$.modelId'],
    ['a list', { modelId: ['best'] }, '$.modelId'],
    ['an object', { modelId: { best: 1 } }, '$.modelId'],
    ['what objects inherit', { modelId: 'constructor' }, '$.modelId'],
    ['the second field', { model: 'ultra' }, '$.model'],
  ] as const)('%s', ([, body, path]) => {
    expect(pricing(perUnit(tiers), { n: 1, ...body })).toEqual({
      kind: 'invalid',
      issues: [{ path, message: 'is not one of the values that have a price', allowed }],
    })
  })

  test('and a bad first field is not made good by the second', () => {
    expect(rateOf(tiers, { modelId: 'ultra', model: 'best' })).toEqual([
      '$.modelId is not one of the values that have a price',
    ])
  })

  test('and so is the absence of a field that has no default', () => {
    const rows = { by: { first: ['a', 'b'] }, table: { x: 1, y: 2 } }
    expect(pricing(perUnit(rows), { n: 1 })).toEqual({
      kind: 'invalid',
      issues: [{ path: '$.a or $.b', message: 'is needed: it chooses the price', allowed: ['x', 'y'] }],
    })
  })

  test('and so is a field with two values', () => {
    const rows = { by: 'list.*.kind', table: { x: 1, y: 2 } }
    expect(rateOf(rows, { list: [{ kind: 'y' }] })).toBe(2)
    expect(rateOf(rows, { list: [{ kind: 'x' }, { kind: 'y' }] })).toEqual([
      '$.list[*].kind may be given only once: it chooses the price',
    ])
  })
})

describe('a nested table', () => {
  test.for([
    ['standard', false, 300],
    ['standard', true, 400],
    ['pro', false, 450],
    ['pro', true, 550],
  ] as const)('%s, %s costs %d', ([mode, audio, sats]) => {
    expect(rateOf(nested, { mode, audio })).toBe(sats)
    expect(rateOf(nested, { mode: mode.toUpperCase(), audio: String(audio) })).toBe(sats)
  })

  test('names the values that chose in the price', () => {
    expect(priced(perUnit(nested), { n: 2, mode: 'pro', audio: true })).toEqual({
      msat: 1_100_000n,
      inputs: { mode: 'pro', audio: 'true' },
      lines: [{ label: '2 units × 550 sats (mode = pro, audio = true)', msat: 1_100_000n, clamped: undefined }],
    })
  })

  test('refuses at the level that has no row', () => {
    const uneven = { by: ['mode', 'audio'], table: { standard: { false: 300 }, pro: { false: 450, true: 550 } } }
    expect(pricing(perUnit(uneven), { n: 1, mode: 'standard', audio: true })).toEqual({
      kind: 'invalid',
      issues: [{ path: '$.audio', message: 'is not one of the values that have a price', allowed: ['false'] }],
    })
    expect(rateOf(nested, { mode: 'hd', audio: true })).toEqual(['$.mode is not one of the values that have a price'])
    expect(rateOf(nested, { mode: 'pro' })).toEqual(['$.audio is needed: it chooses the price'])
  })

  test('takes a default for each level', () => {
    const rows = { ...nested, default: ['pro', false] }
    expect(rateOf(rows, {})).toBe(450)
    expect(rateOf(rows, { audio: true })).toBe(550)
    expect(rateOf(rows, { mode: 'standard' })).toBe(300)
    expect(rateOf({ ...nested, default: ['pro', null] }, {})).toEqual(['$.audio is needed: it chooses the price'])
  })
})

describe('a field that one row accepts', () => {
  test('is refused in the rows that do not name it', () => {
    expect(rateOf(tiers, { modelId: 'standard', image: 'x' })).toEqual([
      '$.image is not accepted with modelId = standard',
    ])
    expect(rateOf(tiers, { model: 'budget', image: '' })).toEqual(['$.image is not accepted with model = budget'])
    expect(rateOf(tiers, { modelId: 'standard', image: 'x', input: [{}, { file: 1 }, { file: 2 }] })).toEqual([
      '$.image is not accepted with modelId = standard',
      '$.input[1].file is not accepted with modelId = standard',
    ])
  })

  test('is taken in that row, and null counts as absent everywhere', () => {
    expect(rateOf(tiers, { image: 'x', input: [{ file: 1 }] })).toBe(15)
    expect(rateOf(tiers, { modelId: 'standard', image: null })).toBe(5)
  })
})

describe('the bounds of a row', () => {
  const bounded = {
    by: 'm',
    default: 'a',
    table: { a: { rate: 2, min: 5, max: 20 }, b: 2, c: { rate: 2, min: 1 }, d: { rate: 0, min: 3 } },
  }
  test.for([
    ['a', 1, 5000n, 'min'],
    ['a', 2, 5000n, 'min'],
    ['a', 2.5, 5000n, undefined],
    ['a', 3, 6000n, undefined],
    ['a', 10, 20_000n, undefined],
    ['a', 11, 20_000n, 'max'],
    ['b', 1, 2000n, undefined],
    ['d', 9, 3000n, 'min'],
  ] as const)('row %s, %d units: %d msat', ([m, n, msat, clamped]) => {
    const price = priced({ per_unit: { of: 'n', rate: bounded } }, { m, n })
    expect([price.msat, price.lines[0]?.clamped]).toEqual([msat, clamped])
  })

  test('go before those of the line, which hold for rows that have none', () => {
    const price = { per_unit: { of: 'n', rate: bounded, min: 4, max: 30 } }
    expect(msatOf(price, { m: 'b', n: 1 })).toBe(4000n)
    expect(msatOf(price, { m: 'c', n: 1 })).toBe(2000n)
    expect(msatOf(price, { m: 'b', n: 100 })).toBe(30_000n)
    expect(msatOf(price, { m: 'a', n: 100 })).toBe(20_000n)
  })

  test('are refused when the least is above the most', () => {
    const row = (bounds: object) => ({ by: 'm', table: { a: { rate: 2, ...bounds } } })
    expect(() => written(perUnit(row({ min: 5, max: 10 })))).not.toThrow()
    expect(() => written(perUnit(row({ min: 10, max: 5 })))).toThrow('max')
    expect(() => written({ per_unit: { of: 'n', max: 5, rate: row({ min: 10 }) } })).toThrow('m')
  })
})
