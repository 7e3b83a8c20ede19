import { afterAll, describe, expect, test } from 'vitest'
import { seedBody } from './seed-commands.ts'
import { offer, openShop, outcomeOf, request } from './shop.ts'

const shop = await openShop()
afterAll(() => shop[Symbol.asyncDispose]())

type Tier = 'best' | 'standard' | 'budget'

const says = (content: string, role = 'User') => ({ role, content })
const ask = (content: string, fields: object = {}) => request('generate-text', { input: [says(content)], ...fields })
const chars = (count: number) => 'x'.repeat(count)
const tiers: readonly Tier[] = ['best', 'standard', 'budget']
const summarize = 'Summarize this document'
/** How the row is named in a price when neither field names it. */
const byDefault = { modelId: 'best' }

interface Row {
  readonly what: string
  readonly body: object
  readonly best: number
  readonly standard: number
  readonly budget: number
}

const length = (count: number, best: number, standard: number, budget: number): Row => ({
  what: `${count} characters`,
  body: { input: [says(chars(count))] },
  best,
  standard,
  budget,
})
const withFile = (count: number, best: number, standard: number, budget: number): Row => ({
  what: `${summarize.length} characters and a file of ${count}`,
  body: { input: [says(summarize)], fileContext: chars(count), fileName: 'report.pdf' },
  best,
  standard,
  budget,
})

const rows: readonly Row[] = [
  {
    what: 'the documented conversation of 106 characters',
    body: seedBody('generate-text'),
    best: 15,
    standard: 5,
    budget: 4,
  },
  length(1, 15, 5, 4),
  length(1500, 15, 5, 4),
  length(1501, 16, 5, 4),
  length(1600, 16, 5, 4),
  length(1601, 17, 5, 4),
  length(1665, 17, 5, 4),
  length(1666, 17, 6, 4),
  length(1998, 20, 6, 4),
  length(1999, 20, 7, 4),
  length(4000, 40, 13, 4),
  length(4001, 41, 13, 5),
  length(5001, 51, 16, 6),
  withFile(1477, 15, 5, 4),
  withFile(1478, 16, 5, 4),
  withFile(50_000, 501, 151, 51),
  {
    what: 'ten messages of 10,000 characters: history counts',
    body: { input: Array.from({ length: 10 }, (_, at) => says(chars(10_000), at % 2 === 0 ? 'User' : 'Assistant')) },
    best: 1000,
    standard: 301,
    budget: 100,
  },
  {
    what: '1,500 emoji, which are 3,000 units of UTF-16 and 6,000 bytes',
    body: { input: [says('👍'.repeat(1500))] },
    best: 15,
    standard: 5,
    budget: 4,
  },
  { what: '1,501 emoji', body: { input: [says('👍'.repeat(1501))] }, best: 16, standard: 5, budget: 4 },
  {
    what: '1,501 line breaks, which are two characters each in JSON',
    body: { input: [says('\n'.repeat(1501))] },
    best: 16,
    standard: 5,
    budget: 4,
  },
]

test('the documented conversation has 25, 62 and 19 characters', () => {
  const { input } = seedBody('generate-text') as { input: { content: string }[] }
  expect(input.map(({ content }) => content.length)).toEqual([25, 62, 19])
})

describe('a text costs by the characters of the whole conversation and the file', () => {
  const cases = rows.flatMap((row) => tiers.map((tier) => ({ ...row, tier, sats: row[tier] })))
  test.for(cases)('$what, $tier: $sats sats', async ({ body, tier, sats }) => {
    expect(await outcomeOf(shop, request('generate-text', { ...body, modelId: tier }))).toEqual(
      offer(sats, { modelId: tier }),
    )
  })

  test.for(rows)('$what without a model: $best sats', async ({ body, best }) => {
    expect(await outcomeOf(shop, request('generate-text', body))).toEqual(offer(best, byDefault))
  })
})

describe('the tier', () => {
  test.for([
    ['the best when no model is named', {}, 15, byDefault],
    ['the best for the older name Best', { model: 'Best' }, 15, { model: 'best' }],
    ['standard for the older name Standard', { model: 'Standard' }, 5, { model: 'standard' }],
    ['that of modelId where both are given', { modelId: 'standard', model: 'Best' }, 5, { modelId: 'standard' }],
    ['that of model where modelId is null', { modelId: null, model: 'Standard' }, 5, { model: 'standard' }],
    ['the best where both are null', { modelId: null, model: null }, 15, byDefault],
    ['the best for number 6', { modelId: 6 }, 15, { modelId: 'best' }],
    ['the best for 6 as text', { modelId: '6' }, 15, { modelId: 'best' }],
    ['the best for 6 as the older name', { model: '6' }, 15, { model: 'best' }],
    ['standard for number 1', { modelId: 1 }, 5, { modelId: 'standard' }],
    ['budget', { modelId: 'budget' }, 4, { modelId: 'budget' }],
    ['the same in any case', { modelId: 'BUDGET' }, 4, { modelId: 'budget' }],
  ] as const)('is %s', async ([, fields, sats, inputs]) => {
    expect(await outcomeOf(shop, ask('hello', fields))).toEqual(offer(sats, inputs))
  })

  test('is the one that a number written 6.0 or 1e0 names', async () => {
    const numbered = (id: string) =>
      request('generate-text', `{"input":[{"role":"User","content":"hello"}],"modelId":${id}}`)
    expect(await outcomeOf(shop, numbered('6.0'))).toEqual(offer(15, { modelId: 'best' }))
    expect(await outcomeOf(shop, numbered('1e0'))).toEqual(offer(5, { modelId: 'standard' }))
  })
})

describe('a conversation is sold', () => {
  const long = chars(1500)
  test.for([
    ['with an assistant that spoke last', { input: [says(long), says('y', 'Assistant')] }, 16],
    ['with small roles, as other clients write them', { input: [says('test', 'user'), says('y', 'assistant')] }, 15],
    ['with an empty message beside a full one', { input: [says(''), says('hello')] }, 15],
    ['with a file name and no file', { input: [says(long)], fileName: 'report-of-a-very-long-name.pdf' }, 15],
    ['with an empty file', { input: [says(long)], fileContext: '' }, 15],
    [
      'with null for file, name and image',
      { input: [says(long)], fileContext: null, fileName: null, imageData: null },
      15,
    ],
    ['with a file in the cheapest tier', { input: [says('hello')], fileContext: 'x', modelId: 'budget' }, 4],
    ['with a file and an empty message', { input: [says('')], fileContext: chars(1501) }, 16],
  ] as const)('%s', async ([, body, sats]) => {
    const inputs = 'modelId' in body ? { modelId: body.modelId } : byDefault
    expect(await outcomeOf(shop, request('generate-text', body))).toEqual(offer(sats, inputs))
  })

  const image = (mediaType: string) => ({ imageData: `data:${mediaType};base64,iVBORw0KGgo=` })
  test.for([
    ['PNG', image('image/png')],
    ['JPEG', image('image/jpeg')],
    ['JPG', image('image/jpg')],
    ['GIF', image('image/gif')],
    ['WebP', image('image/webp')],
    ['PNG, with the best model by its older name', { ...image('image/png'), model: 'Best' }],
    ['PNG, with the best model by its number', { ...image('image/png'), modelId: 6 }],
  ] as const)('with an image, which does not count: %s', async ([, fields]) => {
    const inputs = 'model' in fields ? { model: 'best' } : 'modelId' in fields ? { modelId: 'best' } : byDefault
    expect(await outcomeOf(shop, ask('What is in this image?', fields))).toEqual(offer(15, inputs))
  })
})
