import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { measurePitch } from '#src/demo/speech/pitch.ts'
import { decodeWav, encodeWav } from '#src/demo/wav.ts'
import { readWav, seeds, startDemo } from './call.ts'

describe('a cloned voice', () => {
  test('is answered as the endpoint documents it, with a sample to listen to', async () => {
    await using demo = await startDemo()
    const response = await demo.post('/voice-clone', seeds.voice)
    expect(response.status).toBe(200)
    const { voice_id: id, ...rest } = (await response.json()) as Record<string, string>
    expect(id).toMatch(/^[0-9a-f]{12}$/)
    expect(rest).toEqual({
      success: true,
      model: 'speech-02-turbo',
      message: `Voice cloned successfully! Use voice ID "${id}" with the TTS endpoint.`,
      sampleUrl: `${demo.base}/media/voice-${id}.wav`,
    })
    const { file, type } = await demo.generate('/voice-clone', seeds.voice, 'sampleUrl')
    expect(type).toBe('audio/wav')
    const wav = readWav(file)
    expect(wav).toMatchObject({ channels: 1, sampleRate: 24_000 })
    expect(wav.seconds).toBeGreaterThan(2)
    expect(wav.seconds).toBeLessThan(5)
    expect(wav.rms).toBeGreaterThan(0.05)
  })

  test('is a voice: it has a pitch, and is not noise', async () => {
    await using demo = await startDemo()
    for (const name of ['ann', 'bob', 'cleo', 'dan']) {
      const body = { voice_file: `https://example.com/${name}.mp3` }
      const { file } = await demo.generate('/voice-clone', body, 'sampleUrl')
      const recording = decodeWav(file)
      const hz = recording === undefined ? 0 : measurePitch(recording.samples, recording.sampleRate)
      expect(hz).toBeGreaterThan(75)
      expect(hz).toBeLessThan(300)
    }
  })

  test('is the same for the same sample and another for another', async () => {
    await using demo = await startDemo()
    const clone = async (body: object) => (await demo.generate('/voice-clone', body, 'sampleUrl')).file
    const original = await clone(seeds.voice)
    expect(await clone(seeds.voice)).toEqual(original)
    expect(await clone({ ...seeds.voice, voice_file: 'https://example.com/other.mp3' })).not.toEqual(original)
    expect(await clone({ ...seeds.voice, accuracy: 1 })).not.toEqual(original)
  })

  test('takes its pitch from a recording sent along', async () => {
    await using demo = await startDemo()
    const pitches: number[] = []
    for (const hz of [110, 220]) {
      const saw = Int16Array.from({ length: 16_000 }, (_, i) => 16_000 * (((i * hz) / 16_000) % 1) - 8000)
      const voice_file = `data:audio/wav;base64,${encodeWav(saw, 16_000, 1).toString('base64')}`
      const { file } = await demo.generate('/voice-clone', { voice_file, accuracy: 1 }, 'sampleUrl')
      const recording = decodeWav(file)
      pitches.push((recording === undefined ? undefined : measurePitch(recording.samples, recording.sampleRate)) ?? 0)
    }
    const [low = 0, high = 0] = pitches
    expect(low).toBeGreaterThan(95)
    expect(low).toBeLessThan(130)
    expect(high).toBeGreaterThan(190)
    expect(high).toBeLessThan(260)
  })

  test('takes as long as the service was told', async () => {
    await using demo = await startDemo({ voiceDelayMs: 300 })
    const started = performance.now()
    await demo.post('/voice-clone', seeds.voice)
    expect(performance.now() - started).toBeGreaterThan(295)
  })

  test('is given up when the caller leaves, and the log says so', async () => {
    await using demo = await startDemo({ voiceDelayMs: 60_000 })
    const caller = new AbortController()
    const call = fetch(`${demo.base}/voice-clone`, {
      method: 'POST',
      body: JSON.stringify(seeds.voice),
      signal: caller.signal,
    })
    await expect.poll(() => demo.log()).toHaveLength(1)
    expect(await demo.log()).toMatchObject([{ endedAt: null, status: null }])
    caller.abort()
    await expect(call).rejects.toThrow()
    await expect.poll(async () => (await demo.log())[0]?.endedAt).not.toBeNull()
    expect(await demo.log()).toMatchObject([{ status: null }])
  })

  test('that still waits does not keep the services from stopping', async () => {
    const demo = await startDemo({ voiceDelayMs: 60_000 })
    const call = demo.post('/voice-clone', seeds.voice).catch((error: unknown) => error)
    await delay(50)
    await demo[Symbol.asyncDispose]()
    expect(await call).toBeInstanceOf(Error)
  })
})
