import { afterAll, describe, expect, test } from 'vitest'
import { paid, payFor, send } from '../../support/buyer.ts'
import { seedBody } from './seed-commands.ts'
import { offer, openShop, outcomeOf, refusal, request } from './shop.ts'

const shop = await openShop()
afterAll(() => shop[Symbol.asyncDispose]())

const film = (fields: object) => request('generate-video', { prompt: 'a cat', ...fields })
const json = (fields: string) => request('generate-video', `{"prompt":"a cat",${fields}}`)
const inputs = (mode: 'standard' | 'pro', audio: boolean) => ({ mode, generate_audio: String(audio) })
const proSilent = inputs('pro', false)

const rates = [
  { mode: 'standard', generate_audio: false, satsPerSecond: 300 },
  { mode: 'standard', generate_audio: true, satsPerSecond: 400 },
  { mode: 'pro', generate_audio: false, satsPerSecond: 450 },
  { mode: 'pro', generate_audio: true, satsPerSecond: 550 },
] as const

describe('a film costs its seconds times the rate of its mode and sound', () => {
  test.for([
    ['a prompt alone', film({}), 2250, proSilent],
    ['the documented request', request('generate-video', seedBody('generate-video')), 2250, proSilent],
    [
      'the documented example of a price',
      film({ duration: 5, mode: 'pro', generate_audio: true }),
      2750,
      inputs('pro', true),
    ],
    ['the cheapest', film({ duration: 3, mode: 'standard', generate_audio: false }), 900, inputs('standard', false)],
    ['the dearest', film({ duration: 15, mode: 'pro', generate_audio: true }), 8250, inputs('pro', true)],
    ['5 s standard, silent', film({ duration: 5, mode: 'standard' }), 1500, inputs('standard', false)],
    [
      '5 s standard, with sound',
      film({ duration: 5, mode: 'standard', generate_audio: true }),
      2000,
      inputs('standard', true),
    ],
    [
      '10 s standard, with sound',
      film({ duration: 10, mode: 'standard', generate_audio: true }),
      4000,
      inputs('standard', true),
    ],
    ['7 s pro, silent', film({ duration: 7, mode: 'pro' }), 3150, proSilent],
    ['15 s standard, silent', film({ duration: 15, mode: 'standard' }), 4500, inputs('standard', false)],
    ['15 s pro, silent', film({ duration: 15, mode: 'pro' }), 6750, proSilent],
    ['sound alone', film({ generate_audio: true }), 2750, inputs('pro', true)],
    ['a mode alone', film({ mode: 'standard' }), 1500, inputs('standard', false)],
    ['a duration alone', film({ duration: 3 }), 1350, proSilent],
    ['a duration written 5.0', json('"duration":5.0'), 2250, proSilent],
    ['a duration written 1e1', json('"duration":1e1'), 4500, proSilent],
    ['a null duration, which is the default', film({ duration: null }), 2250, proSilent],
    [
      'null for everything optional',
      film({ modelId: null, duration: null, mode: null, generate_audio: null }),
      2250,
      proSilent,
    ],
    ['the best model', film({ modelId: 'best' }), 2250, proSilent],
    ['a model by its number', film({ modelId: 1 }), 2250, proSilent],
    ['a model by its number as text', film({ modelId: '1' }), 2250, proSilent],
  ] as const)('%s', async ([, sent, sats, chosen]) => {
    expect(await outcomeOf(shop, sent)).toEqual(offer(sats, chosen))
  })

  const everyFilm = rates.flatMap((rate) =>
    Array.from({ length: 13 }, (_, index) => ({ ...rate, duration: index + 3 })),
  )
  test.for(everyFilm)('$duration s, $mode, sound $generate_audio', async ({ satsPerSecond, ...fields }) => {
    const { duration, mode, generate_audio: audio } = fields
    expect(await outcomeOf(shop, film(fields))).toEqual(offer(duration * satsPerSecond, inputs(mode, audio)))
  })
})

describe('a film that cannot be made is not sold', () => {
  test.for([
    ['2 seconds', film({ duration: 2 }), ['$.duration']],
    ['16 seconds', film({ duration: 16 }), ['$.duration']],
    ['no seconds', film({ duration: 0 }), ['$.duration']],
    ['fewer than no seconds', film({ duration: -5 }), ['$.duration']],
    ['half a second', film({ duration: 4.5 }), ['$.duration']],
    ['a duration as text', film({ duration: '5' }), ['$.duration']],
    ['a duration as a truth value', film({ duration: true }), ['$.duration']],
    ['two durations in a list', film({ duration: [3, 15] }), ['$.duration']],
    ['a mode in another case', film({ mode: 'Pro' }), ['$.mode']],
    ['an unknown mode', film({ mode: 'hd' }), ['$.mode']],
    ['sound by a word', film({ generate_audio: 'true' }), ['$.generate_audio']],
    ['sound by a number', film({ generate_audio: 1 }), ['$.generate_audio']],
    ['no prompt', film({ prompt: undefined }), ['$.prompt']],
    ['an empty prompt', film({ prompt: '' }), ['$.prompt']],
    ['a null prompt', film({ prompt: null }), ['$.prompt']],
    ['an unknown model', film({ modelId: 999 }), ['$.modelId']],
    ['a number of films, which is not priced', film({ num_videos: 4 }), ['$.num_videos']],
    ['a resolution, which is not priced', film({ resolution: '4k' }), ['$.resolution']],
    ['a duration in another case', film({ Duration: 15 }), ['$.Duration']],
  ] as const)('%s', async ([, sent, at]) => {
    expect(await outcomeOf(shop, sent)).toEqual(refusal({ at }))
  })

  test.for([
    ['two durations', json('"duration":3,"duration":15'), '$'],
    ['two durations, one spelt with an escape', json(String.raw`"duration":3,"d\u0075ration":15`), '$'],
    ['a duration beyond what a double holds', json('"duration":9007199254740993'), '$.duration'],
  ] as const)('%s', async ([, sent, at]) => {
    expect(await outcomeOf(shop, sent)).toEqual(refusal({ code: 'bad_json', at: [at] }))
  })
})

describe('a paid film is the film that was paid for', () => {
  const sold = film({ duration: 3, mode: 'pro' })
  test.for([
    ['a longer film', film({ duration: 15, mode: 'pro' })],
    ['a cheaper film', film({ duration: 3, mode: 'standard' })],
    ['the same fields in another order', request('generate-video', { duration: 3, mode: 'pro', prompt: 'a cat' })],
    ['a default written out', film({ duration: 3, mode: 'pro', generate_audio: false })],
    ['another space', request('generate-video', '{"prompt": "a cat","duration":3,"mode":"pro"}')],
  ] as const)('the payment is neither taken nor lost for %s', async ([, other]) => {
    const before = shop.upstream.calls.length
    const payment = await payFor(shop.gateway, sold)
    const refused = await send(shop.gateway, paid(other, payment))
    expect([refused.status, refused.json().code, refused.json().payment]).toEqual([
      409,
      'request_mismatch',
      { status: 'unspent', action: 'resend_original' },
    ])
    expect(shop.upstream.calls).toHaveLength(before)
    const made = await send(shop.gateway, paid(sold, payment))
    expect([made.status, made.headers['l402-payment']]).toEqual([200, 'spent'])
    expect(shop.upstream.calls.slice(before).map(({ body }) => JSON.parse(body.toString()) as unknown)).toEqual([
      { prompt: 'a cat', duration: 3, mode: 'pro', generate_audio: false },
    ])
  })
})
