import { describe, expect, test } from 'vitest'
import { pluckString, strikeKey } from '#src/demo/song/instruments.ts'
import { parseLyrics, splitWord } from '#src/demo/song/lyrics.ts'
import { planSong } from '#src/demo/song/plan.ts'
import { measure, readWav, seeds, startDemo } from './call.ts'

describe('a song', () => {
  test.for([
    ['/generate-music', seeds.generateMusic],
    ['/music', seeds.music],
  ] as const)('of %s is a playable WAV file of 8 to 15 seconds', async ([path, body]) => {
    await using demo = await startDemo()
    const response = await demo.post(path, body)
    const answer = (await response.json()) as Record<string, string>
    expect(Object.keys(answer)).toEqual(['audioUrl'])
    const { url, file, type } = await demo.generate(path, body, 'audioUrl')
    expect(url).toBe(answer['audioUrl'])
    expect(url).toMatch(/\.wav$/)
    expect(type).toBe('audio/wav')
    const wav = readWav(file)
    expect(wav).toMatchObject({ sampleRate: 44_100, channels: 2 })
    expect(wav.seconds).toBeGreaterThan(8)
    expect(wav.seconds).toBeLessThan(15)
    expect(wav.rms).toBeGreaterThan(0.1)
    expect(wav.peak).toBeGreaterThan(0.5)
    expect(wav.peak).toBeLessThan(0.99)
  })

  test('sounds in every second of its playing time', async () => {
    await using demo = await startDemo()
    const { file } = await demo.generate('/generate-music', seeds.generateMusic, 'audioUrl')
    const data = file.subarray(44)
    const second = 44_100 * 4
    for (let at = 0; at + second <= data.length; at += second) {
      expect(measure(data.subarray(at, at + second), 44_100, 2).rms).toBeGreaterThan(0.01)
    }
  })

  test('is the same for the same request and another for another prompt, lyric or rate', async () => {
    await using demo = await startDemo()
    const generate = async (body: object) => (await demo.generate('/generate-music', body, 'audioUrl')).file
    const original = await generate(seeds.generateMusic)
    expect(await generate(seeds.generateMusic)).toEqual(original)
    const variants = [{ prompt: 'A major, 120 BPM, pop' }, { lyrics: 'Another line to sing' }, { sample_rate: 16_000 }]
    for (const change of variants) expect(await generate({ ...seeds.generateMusic, ...change })).not.toEqual(original)
  })

  test.for([16_000, 24_000, 32_000, 48_000])('honours a sample rate of %i', async (sampleRate) => {
    await using demo = await startDemo()
    const { file } = await demo.generate('/music', { ...seeds.music, sample_rate: sampleRate }, 'audioUrl')
    expect(readWav(file).sampleRate).toBe(sampleRate)
  })

  test('comes as bare samples when pcm is asked for', async () => {
    await using demo = await startDemo()
    const pcm = await demo.generate('/music', { ...seeds.music, audio_format: 'pcm', sample_rate: 24_000 }, 'audioUrl')
    expect(pcm.url).toMatch(/\.pcm$/)
    expect(pcm.type).toBe('application/octet-stream')
    const { seconds, rms } = measure(pcm.file, 24_000, 2)
    expect(seconds).toBeGreaterThan(8)
    expect(rms).toBeGreaterThan(0.1)
  })

  test.for([
    { prompt: 'x' },
    { prompt: '日本の歌', lyrics: '桜が咲く\n春の風' },
    { prompt: 'cinematic orchestral strings in D dorian', is_instrumental: true, lyrics: 'not sung' },
    { prompt: 'lofi jazz, rainy night', lyrics_optimizer: true },
    { prompt: 'dark techno 128 BPM', lyrics: '[Verse]\n[Chorus]\n...\n' },
    { prompt: 'rock 300 BPM', lyrics: 'supercalifragilisticexpialidocious '.repeat(60) },
    { prompt: '50bpm lullaby', lyrics: null },
    { prompt: 'p'.repeat(100_000) },
  ])('is made from %j too', async (body) => {
    await using demo = await startDemo()
    const wav = readWav((await demo.generate('/generate-music', body, 'audioUrl')).file)
    expect(wav.seconds).toBeGreaterThan(8)
    expect(wav.seconds).toBeLessThan(15)
    expect(wav.rms).toBeGreaterThan(0.1)
  })

  test('is ready long before it would have been played', async () => {
    await using demo = await startDemo()
    const started = performance.now()
    await demo.generate('/generate-music', seeds.generateMusic, 'audioUrl')
    expect(performance.now() - started).toBeLessThan(5000)
  })
})

describe('a song plan', () => {
  test.for([
    ['E minor, 90 BPM, acoustic guitar ballad', { bpm: 90, tonic: 4, isMinor: true, harmony: 'guitar', beat: 'soft' }],
    ['F# major 128bpm house', { bpm: 128, tonic: 6, isMinor: false, beat: 'four-on-the-floor' }],
    [
      'Bb minor jazz piano, female vocal',
      { tonic: 10, isMinor: true, sevenths: true, harmony: 'keys', singer: 'high' },
    ],
    ['a song in the key of D', { tonic: 2 }],
    ['tempo 999 BPM', { bpm: 200 }],
  ] as const)('takes from "%s" what it says', ([prompt, expected]) => {
    expect(planSong(prompt)).toMatchObject(expected)
  })

  test('does not read the article "a" as a key', () => {
    const tonics = ['a sad song', 'a happy song', 'a song of hope'].map((prompt) => planSong(prompt).tonic)
    expect(new Set(tonics)).not.toEqual(new Set([9]))
  })
})

describe('lyrics', () => {
  test('are cut into the syllables that are sung', () => {
    const counts = {
      walking: 2,
      through: 1,
      tonight: 2,
      every: 3,
      memory: 3,
      remember: 3,
      plays: 1,
      shining: 2,
      you: 1,
      love: 1,
    }
    for (const [word, count] of Object.entries(counts)) expect([word, splitWord(word).length]).toEqual([word, count])
  })

  test('know their chorus', () => {
    const lines = parseLyrics('[Verse]\none\n[Pre Chorus]\ntwo\n[Chorus]\nthree\n[Outro]\nfour')
    expect(lines.map((line) => line.isChorus)).toEqual([false, false, true, false])
  })
})

describe('an instrument', () => {
  test.for([
    ['string', pluckString, 110],
    ['string', pluckString, 440],
    ['electric piano', strikeKey, 440],
  ] as const)('(%s) is in tune', ([, instrument, hz]) => {
    const rate = 44_100
    const samples = instrument(hz, 1.2, rate)
    const strength = (cents: number) => {
      const angle = (2 * Math.PI * hz * 2 ** (cents / 1200)) / rate
      const [re, im] = [Math.cos, Math.sin].map((wave) =>
        samples.reduce((sum, sample, i) => (i < 4000 ? sum : sum + sample * wave(angle * i)), 0),
      )
      return Math.hypot(re ?? 0, im ?? 0)
    }
    const cents = Array.from({ length: 41 }, (_, i) => i - 20)
    const strongest = cents.toSorted((a, b) => strength(b) - strength(a))[0] ?? 99
    expect(Math.abs(strongest)).toBeLessThanOrEqual(5)
  })
})
