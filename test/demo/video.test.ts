import { describe, expect, test } from 'vitest'
import { encodeGif } from '#src/demo/gif.ts'
import { createRandom } from '#src/demo/random.ts'
import type { Rgb } from '#src/demo/scene/canvas.ts'
import { readWav, seeds, startDemo } from './call.ts'
import { decodeFrame, readGif } from './gif-reader.ts'

describe('a film', () => {
  test('is an animated GIF that plays as long as was asked for', async () => {
    await using demo = await startDemo()
    const { url, file, type } = await demo.generate('/generate-video', seeds.video, 'videoUrl')
    expect(url).toMatch(/\/media\/film-[0-9a-f]{20}\.gif$/)
    expect(type).toBe('image/gif')
    const gif = readGif(file)
    expect(gif).toMatchObject({ width: 480, height: 270, repeats: true })
    expect(gif.frames).toHaveLength(50)
    expect(gif.frames.reduce((sum, frame) => sum + frame.delay, 0)).toBe(500)
  })

  test('begins with a whole picture and then only paints what changes', async () => {
    await using demo = await startDemo()
    const gif = readGif((await demo.generate('/generate-video', seeds.video, 'videoUrl')).file)
    const [first, ...rest] = gif.frames.map((frame) => ({ ...frame, pixels: decodeFrame(frame) }))
    expect(first).toMatchObject({ left: 0, top: 0, width: 480, height: 270 })
    expect(first?.pixels).not.toContain(first?.transparent)
    expect(new Set(first?.pixels).size).toBeGreaterThan(10)
    for (const frame of rest) {
      expect(frame.left + frame.width).toBeLessThanOrEqual(480)
      expect(frame.top + frame.height).toBeLessThanOrEqual(270)
      // Something moves in every frame.
      expect(frame.pixels.some((pixel) => pixel !== frame.transparent)).toBe(true)
    }
  })

  test('shows the colours its prompt names', async () => {
    await using demo = await startDemo()
    const colours = async (prompt: string) => {
      const gif = readGif((await demo.generate('/generate-video', { prompt, duration: 3 }, 'videoUrl')).file)
      return gif.palette.toString('hex').match(/.{6}/g) ?? []
    }
    const red = 'dc3a3a'
    expect(await colours('a red car in a green meadow')).toContain(red)
    expect(await colours('a blue car in a red city')).not.toContain(red)
  })

  test.for([
    [{ duration: 3, mode: 'standard' }, 30, 320],
    [{ duration: 15, mode: 'pro' }, 150, 480],
    [{ duration: 15, mode: 'standard' }, 150, 320],
    [{}, 50, 480],
    [{ duration: null, mode: null }, 50, 480],
  ] as const)('with %j has %i frames, %i wide', async ([change, frames, width]) => {
    await using demo = await startDemo()
    const body = { prompt: 'a robot dancing in the rain', ...change }
    const gif = readGif((await demo.generate('/generate-video', body, 'videoUrl')).file)
    expect(gif.frames).toHaveLength(frames)
    expect(gif.frames.reduce((sum, frame) => sum + frame.delay, 0)).toBe(frames * 10)
    expect(gif.width).toBe(width)
  })

  test('comes with music of the same length when audio is asked for', async () => {
    await using demo = await startDemo()
    const body = { ...seeds.video, duration: 3, generate_audio: true }
    const { file } = await demo.generate('/generate-video', body, 'audioUrl')
    const wav = readWav(file)
    expect(wav.seconds).toBeCloseTo(3, 2)
    expect(wav.rms).toBeGreaterThan(0.05)
    expect(readGif((await demo.generate('/generate-video', body, 'videoUrl')).file).frames).toHaveLength(30)
  })

  test('is the same for the same request and another for another prompt', async () => {
    await using demo = await startDemo()
    const film = async (prompt: string) =>
      (await demo.generate('/generate-video', { prompt, duration: 3 }, 'videoUrl')).file
    const original = await film('a dog on the beach')
    expect(await film('a dog on the beach')).toEqual(original)
    expect(await film('a dog in the snow')).not.toEqual(original)
    expect(await film('a cat on the beach')).not.toEqual(original)
  })

  test.for([
    'a sandwich',
    '?',
    'a shark underwater',
    'a rocket launching into space',
    'an astronaut dancing on mars',
    '🐈 🌕',
    'a purple dragon flying over a medieval town',
    'a sailing boat on the ocean at sunset',
    'two butterflies in a forest at night',
    'a balloon over the desert',
    'a bus in tokyo',
    'a plane above the mountains',
    'an elephant in the snow',
    'x'.repeat(50_000),
  ])('is drawn for %s', async (prompt) => {
    await using demo = await startDemo()
    const gif = readGif((await demo.generate('/generate-video', { prompt, duration: 3 }, 'videoUrl')).file)
    for (const frame of gif.frames) decodeFrame(frame)
  })
})

describe('the GIF encoder', () => {
  test.for([
    [2, 1],
    [4, 50],
    [7, 3000],
    [16, 40_000],
    [200, 90_000],
    [256, 150_000],
  ] as const)('writes %i colours and %i pixels that decode to what they were', ([colours, count]) => {
    const random = createRandom('gif', String(count))
    const pixels = Uint8Array.from({ length: count }, (_, i) =>
      i % 3 === 0 ? random.integer(0, colours - 1) : i % colours,
    )
    const palette = Array.from({ length: colours }, (_, i): Rgb => [i, 255 - i, 128])
    const frame = { left: 0, top: 0, width: count, height: 1, pixels, delay: 7 }
    // Widths are 16 bits: longer rows are cut into several.
    const rows = Math.ceil(count / 50_000)
    const frames = [{ ...frame, width: count / rows, height: rows }]
    const gif = readGif(encodeGif({ width: 1000, height: rows, palette, transparentIndex: 0, frames }))
    expect(gif.frames).toMatchObject([{ delay: 7, transparent: 0 }])
    expect(gif.frames.map(decodeFrame)).toEqual([Array.from(pixels)])
  })
})
