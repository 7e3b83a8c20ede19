import { afterAll, describe, expect, test } from 'vitest'
import { paid, payFor, send } from '../../support/buyer.ts'
import { type Endpoint, endpoints, seedBody, seedJson } from './seed-commands.ts'
import { openShop, request } from './shop.ts'

const shop = await openShop()
afterAll(() => shop[Symbol.asyncDispose]())

/** The results that the documents of the five endpoints show. */
const results: Readonly<Record<Endpoint, { readonly type: string; readonly text: string }>> = {
  'voice-clone': {
    type: 'application/json',
    text: '{"success": true, "voice_id": "abc123", "model": "speech-02-turbo", "message": "Voice cloned successfully! Use voice ID \\"abc123\\" with the TTS endpoint."}',
  },
  'generate-music': { type: 'application/json', text: '{ "audioUrl": "https://media.example.com/song.mp3" }' },
  music: { type: 'application/json; charset=utf-8', text: '{ "audioUrl": "https://media.example.com/song.mp3" }' },
  'generate-text': {
    type: 'text/plain; charset=utf-8',
    text: 'The little bird soared higher, discovering a hidden valley full of musical flowers. 🐦\n',
  },
  'generate-video': { type: 'application/json', text: '{ "videoUrl": "https://media.example.com/film.mp4" }' },
}

interface Purchase {
  readonly what: string
  readonly endpoint: Endpoint
  /** JSON text as the buyer sends it. */
  readonly json: string
  /** What the service has to get. */
  readonly received: Record<string, unknown>
}

const voice = {
  model: 'speech-02-turbo',
  accuracy: 0.7,
  need_noise_reduction: false,
  need_volume_normalization: false,
}
const song = {
  is_instrumental: false,
  lyrics_optimizer: false,
  sample_rate: 44_100,
  bitrate: 256_000,
  audio_format: 'mp3',
}
const olderSong = { sample_rate: 44_100, bitrate: 256_000, audio_format: 'mp3' }
const film = { duration: 5, mode: 'pro', generate_audio: false }
const sample = 'https://example.com/a.mp3'
const words = { prompt: 'slow blues', lyrics: 'woke up late', model: 'Music Generation' }
const talk = { input: [{ role: 'User', content: 'hello' }] }

const documented: readonly Purchase[] = endpoints.map((endpoint) => ({
  what: 'the documented request',
  endpoint,
  json: seedJson(endpoint),
  received: { ...(endpoint === 'voice-clone' && voice), ...seedBody(endpoint) },
}))
const json = (value: object) => JSON.stringify(value)

const purchases: readonly Purchase[] = [
  ...documented,
  {
    what: 'the required field alone',
    endpoint: 'voice-clone',
    json: json({ voice_file: sample }),
    received: { voice_file: sample, ...voice },
  },
  {
    what: 'the required field alone',
    endpoint: 'generate-music',
    json: '{"prompt":"x"}',
    received: { prompt: 'x', ...song },
  },
  { what: 'the required fields alone', endpoint: 'music', json: json(words), received: { ...words, ...olderSong } },
  { what: 'the required field alone', endpoint: 'generate-text', json: json(talk), received: talk },
  {
    what: 'the required field alone',
    endpoint: 'generate-video',
    json: '{"prompt":"x"}',
    received: { prompt: 'x', ...film },
  },
  {
    what: 'null for everything optional',
    endpoint: 'voice-clone',
    json: json({
      voice_file: sample,
      model: null,
      accuracy: null,
      need_noise_reduction: null,
      need_volume_normalization: null,
    }),
    received: { voice_file: sample, ...voice },
  },
  {
    what: 'null for everything optional',
    endpoint: 'generate-music',
    json: json({
      prompt: 'x',
      lyrics: null,
      modelId: null,
      is_instrumental: null,
      lyrics_optimizer: null,
      sample_rate: null,
      bitrate: null,
      audio_format: null,
    }),
    received: { prompt: 'x', ...song },
  },
  {
    what: 'null for everything optional',
    endpoint: 'generate-text',
    json: json({ ...talk, modelId: null, model: null, fileContext: null, fileName: null, imageData: null }),
    received: talk,
  },
  {
    what: 'null for everything optional',
    endpoint: 'generate-video',
    json: json({ prompt: 'x', modelId: null, duration: null, mode: null, generate_audio: null }),
    received: { prompt: 'x', ...film },
  },
  {
    what: 'whole numbers in other notations',
    endpoint: 'generate-video',
    json: '{"prompt":"x","duration":1e1,"modelId":1.0}',
    received: { prompt: 'x', duration: 10, modelId: 1, mode: 'pro', generate_audio: false },
  },
  {
    what: 'text with escapes and white space',
    endpoint: 'generate-video',
    json: String.raw` { "pr\u006fmpt" : "\ud83d\udc31 \"cat\" \/ \u000a", "duration" : 5.0 } `,
    received: { prompt: '🐱 "cat" / \n', ...film },
  },
  {
    what: 'a conversation with everything',
    endpoint: 'generate-text',
    json: json({
      ...talk,
      modelId: '6',
      model: 'Best',
      fileContext: 'a,b\n1,2',
      fileName: 'x.csv',
      imageData: 'data:image/png;base64,iVBORw0KGgo=',
    }),
    received: {
      ...talk,
      modelId: '6',
      model: 'Best',
      fileContext: 'a,b\n1,2',
      fileName: 'x.csv',
      imageData: 'data:image/png;base64,iVBORw0KGgo=',
    },
  },
]

describe('the service gets what was validated and priced, and the buyer gets what it made', () => {
  test.for(purchases)('$endpoint: $what', async ({ endpoint, json: body, received }) => {
    const { type, text } = results[endpoint]
    const { gateway, upstream } = shop
    upstream.calls.splice(0)
    upstream.answer = (_call, outgoing) => void outgoing.writeHead(200, { 'content-type': type }).end(text)
    const sent = request(endpoint, body)
    const payment = await payFor(gateway, sent)
    const answer = await send(gateway, paid(sent, payment))
    const { 'content-type': contentType, 'l402-payment': money } = answer.headers
    const got = { status: answer.status, contentType, money, text: answer.text }
    expect(got).toEqual({ status: 200, contentType: type, money: 'spent', text })

    const [call, ...more] = upstream.calls
    expect(more).toEqual([])
    expect([call?.method, call?.url]).toEqual(['POST', `/${endpoint}`])
    expect(JSON.parse(call?.body.toString() ?? '')).toEqual(received)
    const { 'content-type': receivedType, 'content-length': length } = call?.headers ?? {}
    expect([receivedType, length]).toEqual(['application/json', String(call?.body.length)])
    const head = call?.rawHeaders.join('\n') ?? ''
    expect(head).not.toMatch(/authorization|l402 /i)
    for (const secret of [payment.token, payment.preimage]) expect(head).not.toContain(secret)
  })
})

describe('a payment buys one result, where it was made', () => {
  test.for(endpoints)('%s: the same payment again gets the same result without another call', async (endpoint) => {
    const { gateway, upstream } = shop
    upstream.calls.splice(0)
    upstream.answer = (_call, outgoing) => void outgoing.end(`result ${upstream.calls.length}`)
    const sent = request(endpoint, seedBody(endpoint))
    const payment = await payFor(gateway, sent)
    const first = await send(gateway, paid(sent, payment))
    const again = await send(gateway, paid(sent, payment))
    expect([first.text, first.headers['l402-payment']]).toEqual(['result 1', 'spent'])
    expect([again.text, again.headers['l402-payment']]).toEqual(['result 1', 'replayed'])
    expect(upstream.calls).toHaveLength(1)
  })

  test.for(endpoints)('%s: nothing is to be had for a payment made elsewhere', async (endpoint) => {
    const { gateway, upstream } = shop
    upstream.calls.splice(0)
    for (const other of endpoints.filter((each) => each !== endpoint)) {
      const payment = await payFor(gateway, request(other, seedBody(other)))
      const answer = await send(gateway, paid(request(endpoint, seedBody(endpoint)), payment))
      expect([other, answer.status, answer.json().code]).toEqual([other, 402, 'wrong_service'])
    }
    expect(upstream.calls).toEqual([])
  })
})
