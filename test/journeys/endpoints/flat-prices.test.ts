import { afterAll, describe, expect, test } from 'vitest'
import { send } from '../../support/buyer.ts'
import { seedBody } from './seed-commands.ts'
import { offer, openShop, outcomeOf, refusal, request } from './shop.ts'

const shop = await openShop()
afterAll(() => shop[Symbol.asyncDispose]())

const chars = (count: number) => 'a'.repeat(count)

describe('voice-clone', () => {
  const url = 'https://example.com/my-voice-sample.mp3'
  /** The required field alone, with changes; `undefined` takes a field out. */
  const clone = (changes: object = {}) => request('voice-clone', { voice_file: url, ...changes })
  const sampleOf = (mediaType: string, data = 'SUQzBAAAAAAA') => `data:${mediaType};base64,${data}`

  describe('every voice costs 7,500 sats', () => {
    test.for([
      ['the documented request', request('voice-clone', seedBody('voice-clone'))],
      ['a sample alone', clone()],
      [
        'the better model with everything on',
        clone({ model: 'speech-02-hd', accuracy: 1, need_noise_reduction: true, need_volume_normalization: true }),
      ],
      ['accuracy 0', clone({ accuracy: 0 })],
      ['accuracy 1', clone({ accuracy: 1 })],
      ['accuracy 1.0', request('voice-clone', `{"voice_file":"${url}","accuracy":1.0}`)],
      ['a URL without an extension of audio', clone({ voice_file: 'https://example.com/voices/42' })],
      ['a URL with a port and a query', clone({ voice_file: 'http://files.example.com:8080/a.wav?sig=a%20b&x=@y' })],
      ['a URL with a public address', clone({ voice_file: 'https://93.184.215.14/a.flac' })],
      ['an MP3 as a data URI', clone({ voice_file: sampleOf('audio/mpeg') })],
      ['an MP3 by the name browsers use', clone({ voice_file: sampleOf('audio/mp3') })],
      ['a WAV as a data URI', clone({ voice_file: sampleOf('audio/wav') })],
      ['an M4A as a data URI', clone({ voice_file: sampleOf('audio/mp4') })],
      ['a FLAC as a data URI', clone({ voice_file: sampleOf('audio/flac') })],
      ['a data URI with a parameter', clone({ voice_file: 'data:audio/wav;codecs=1;base64,UklGRg==' })],
    ] as const)('%s', async ([, sent]) => {
      expect(await outcomeOf(shop, sent)).toEqual(offer(7500))
    })
  })

  describe('a voice that cannot be cloned is not sold', () => {
    const sample = ['$.voice_file']
    test.for([
      ['no sample', clone({ voice_file: undefined }), sample],
      ['an empty sample', clone({ voice_file: '' }), sample],
      ['a null sample', clone({ voice_file: null }), sample],
      ['a number as sample', clone({ voice_file: 42 }), sample],
      ['a list of samples', clone({ voice_file: [url] }), sample],
      ['an FTP address', clone({ voice_file: 'ftp://x.example.com/a.mp3' }), sample],
      ['a file of the machine', clone({ voice_file: 'file:///etc/passwd' }), sample],
      ['a path', clone({ voice_file: '/local.mp3' }), sample],
      ['a name without a scheme', clone({ voice_file: 'example.com/a.mp3' }), sample],
      ['the loopback address', clone({ voice_file: 'http://127.0.0.1/a.mp3' }), sample],
      ['localhost', clone({ voice_file: 'http://localhost:9000/a.mp3' }), sample],
      ['the metadata address of clouds', clone({ voice_file: 'http://169.254.169.254/' }), sample],
      ['a private address', clone({ voice_file: 'http://10.0.0.5/' }), sample],
      ['an image as a data URI', clone({ voice_file: sampleOf('image/png', 'iVBORw0KGgo=') }), sample],
      ['a text as a data URI', clone({ voice_file: 'data:text/plain;base64,aGk=' }), sample],
      ['bad base64', clone({ voice_file: sampleOf('audio/mpeg', 'SUQ*') }), sample],
      ['base64 cut short', clone({ voice_file: sampleOf('audio/mpeg', 'SUQzB') }), sample],
      ['a data URI that is not base64', clone({ voice_file: 'data:audio/mpeg,ID3' }), sample],
      ['an unknown model', clone({ model: 'speech-01' }), ['$.model']],
      ['a model in another case', clone({ model: 'Speech-02-HD' }), ['$.model']],
      ['accuracy above 1', clone({ accuracy: 1.0001 }), ['$.accuracy']],
      ['accuracy below 0', clone({ accuracy: -0.1 }), ['$.accuracy']],
      ['accuracy as text', clone({ accuracy: '0.7' }), ['$.accuracy']],
      ['noise reduction as a word', clone({ need_noise_reduction: 'yes' }), ['$.need_noise_reduction']],
      ['noise reduction as a number', clone({ need_noise_reduction: 1 }), ['$.need_noise_reduction']],
      ['volume normalization as text', clone({ need_volume_normalization: 'true' }), ['$.need_volume_normalization']],
      ['a field that is not sold', clone({ language: 'en' }), ['$.language']],
      [
        'three faults at once',
        clone({ voice_file: '', accuracy: 2, model: 'x' }),
        ['$.voice_file', '$.accuracy', '$.model'],
      ],
    ] as const)('%s', async ([, sent, at]) => {
      expect(await outcomeOf(shop, sent)).toEqual(refusal({ at }))
    })
  })
})

describe('generate-music', () => {
  const song = (fields: object) => request('generate-music', { prompt: 'x', ...fields })

  test('the documented request has the lengths that its document implies', () => {
    const { prompt, lyrics } = seedBody('generate-music') as { prompt: string; lyrics: string }
    expect([prompt.length, lyrics.length]).toEqual([62, 133])
  })

  describe('every song costs 300 sats', () => {
    test.for([
      ['the documented request', request('generate-music', seedBody('generate-music'))],
      ['a prompt alone', song({})],
      ['a prompt of 2,000 characters', song({ prompt: chars(2000) })],
      ['a prompt of 2,000 characters outside the basic plane', song({ prompt: '🎵'.repeat(2000) })],
      ['lyrics of 3,500 characters', song({ lyrics: chars(3500) })],
      ['lyrics of 3,500 lines', song({ lyrics: '\n'.repeat(3500) })],
      ['no lyrics', song({ lyrics: '' })],
      ['an instrumental', song({ is_instrumental: true })],
      [
        'an instrumental with lyrics beyond the limit, which are ignored',
        song({ is_instrumental: true, lyrics: chars(4000) }),
      ],
      ['lyrics left to the optimizer', song({ lyrics_optimizer: true })],
      ['an optimizer with nothing to do', song({ lyrics_optimizer: true, lyrics: 'la la la' })],
      ['WAV with a bitrate', song({ audio_format: 'wav', bitrate: 128000 })],
      ['PCM at the lowest rates', song({ audio_format: 'pcm', bitrate: 32000, sample_rate: 16000 })],
      ['a section tag that is not listed', song({ lyrics: '[Rap]\nyo' })],
      ['the best model by name', song({ modelId: 'best' })],
      ['the best model by name in another case', song({ modelId: 'Best' })],
      ['a model by its number', song({ modelId: 26 })],
      ['a model by its number as text', song({ modelId: '26' })],
    ] as const)('%s', async ([, sent]) => {
      expect(await outcomeOf(shop, sent)).toEqual(offer(300))
    })
  })

  describe('a song that cannot be made is not sold', () => {
    test.for([
      ['no prompt', song({ prompt: undefined }), ['$.prompt']],
      ['an empty prompt', song({ prompt: '' }), ['$.prompt']],
      ['a null prompt', song({ prompt: null }), ['$.prompt']],
      ['a prompt that is a number', song({ prompt: 7 }), ['$.prompt']],
      ['a prompt of 2,001 characters', song({ prompt: chars(2001) }), ['$.prompt']],
      ['lyrics of 3,501 characters', song({ lyrics: chars(3501) }), ['$.lyrics']],
      [
        'lyrics of 3,501 characters, instrumental left out by null',
        song({ lyrics: chars(3501), is_instrumental: null }),
        ['$.lyrics'],
      ],
      ['an instrumental without a prompt', song({ prompt: undefined, is_instrumental: true }), ['$.prompt']],
      ['lyrics as a list', song({ lyrics: ['la'] }), ['$.lyrics']],
      ['an instrumental by a word', song({ is_instrumental: 'true' }), ['$.is_instrumental']],
      ['an optimizer by a number', song({ lyrics_optimizer: 1 }), ['$.lyrics_optimizer']],
      ['a sample rate that is not offered', song({ sample_rate: 48000 }), ['$.sample_rate']],
      ['a sample rate as text', song({ sample_rate: '44100' }), ['$.sample_rate']],
      ['a bitrate that is not offered', song({ bitrate: 320000 }), ['$.bitrate']],
      ['a format that is not offered', song({ audio_format: 'flac' }), ['$.audio_format']],
      ['a format in capitals', song({ audio_format: 'MP3' }), ['$.audio_format']],
      ['an unknown model number', song({ modelId: 999 }), ['$.modelId']],
      ['an unknown model name', song({ modelId: 'ultra' }), ['$.modelId']],
      ['a model that is a truth value', song({ modelId: true }), ['$.modelId']],
      ['a stream, which is not offered', song({ stream: true }), ['$.stream']],
      ['the fields of the older form', song({ model: 'Music Generation' }), ['$.model']],
    ] as const)('%s', async ([, sent, at]) => {
      expect(await outcomeOf(shop, sent)).toEqual(refusal({ at }))
    })
  })

  test('the refusal of a model says which ones there are', async () => {
    const answer = await send(shop.gateway, song({ modelId: 999 }))
    expect(answer.json().issues?.[0]?.allowed).toEqual(['best', 'Best', 'music-2.6', 26, '26'])
  })
})

describe('music', () => {
  const required = { prompt: 'slow blues', lyrics: 'woke up late', model: 'Music Generation' }
  const song = (fields: object) => request('music', { ...required, ...fields })

  test('the documented request has the lengths that its document implies', () => {
    const { prompt, lyrics } = seedBody('music') as { prompt: string; lyrics: string }
    expect([prompt.length, lyrics.length]).toEqual([34, 66])
  })

  describe('every song of the older form costs 200 sats', () => {
    test.for([
      ['the documented request', request('music', seedBody('music'))],
      ['the required fields alone', song({})],
      ['a prompt of 10 characters', song({ prompt: chars(10) })],
      ['a prompt of 300 characters', song({ prompt: chars(300) })],
      ['a prompt of 300 characters outside the basic plane', song({ prompt: '🎸'.repeat(300) })],
      ['lyrics of 10 characters', song({ lyrics: chars(10) })],
      ['lyrics of 600 characters', song({ lyrics: chars(600) })],
      ['a sample rate that the newer form does not offer', song({ sample_rate: 48000 })],
      ['PCM', song({ audio_format: 'pcm' })],
      ['null for everything optional', song({ sample_rate: null, bitrate: null, audio_format: null })],
    ] as const)('%s', async ([, sent]) => {
      expect(await outcomeOf(shop, sent)).toEqual(offer(200))
    })
  })

  describe('a song of the older form that cannot be made is not sold', () => {
    test.for([
      ['a prompt of 9 characters', song({ prompt: chars(9) }), ['$.prompt']],
      ['a prompt of 9 characters that take 18 units of UTF-16', song({ prompt: '🎸'.repeat(9) }), ['$.prompt']],
      ['a prompt of 301 characters', song({ prompt: chars(301) }), ['$.prompt']],
      ['no prompt', song({ prompt: undefined }), ['$.prompt']],
      ['lyrics of 9 characters', song({ lyrics: chars(9) }), ['$.lyrics']],
      ['lyrics of 601 characters', song({ lyrics: chars(601) }), ['$.lyrics']],
      ['no lyrics', song({ lyrics: undefined }), ['$.lyrics']],
      ['null lyrics', song({ lyrics: null }), ['$.lyrics']],
      ['no model', song({ model: undefined }), ['$.model']],
      ['the model in another case', song({ model: 'Music generation' }), ['$.model']],
      ['another model', song({ model: 'Suno' }), ['$.model']],
      ['a sample rate that is not a whole number', song({ sample_rate: 44.1 }), ['$.sample_rate']],
      ['a sample rate as text', song({ sample_rate: '44100' }), ['$.sample_rate']],
      ['a sample rate of 0', song({ sample_rate: 0 }), ['$.sample_rate']],
      ['a bitrate as text', song({ bitrate: '256000' }), ['$.bitrate']],
      ['a format that is not offered', song({ audio_format: 'ogg' }), ['$.audio_format']],
      ['a field of the newer form', song({ is_instrumental: true }), ['$.is_instrumental']],
      ['nothing at all', request('music', {}), ['$.prompt', '$.lyrics', '$.model']],
    ] as const)('%s', async ([, sent, at]) => {
      expect(await outcomeOf(shop, sent)).toEqual(refusal({ at }))
    })
  })
})
