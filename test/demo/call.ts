import type { Execution } from '#src/demo/execution-log.ts'
import { startDemoServices } from '#src/demo/services.ts'

export interface Demo extends AsyncDisposable {
  readonly base: string
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  /** Posts, expects 200, and fetches the file whose address the named field of the answer gives. */
  generate(
    path: string,
    body: unknown,
    field: string,
  ): Promise<{ readonly url: string; readonly file: Buffer; readonly type: string }>
  log(): Promise<Execution[]>
}

/** The services on a free port, without the delay that cloning a voice has. */
export async function startDemo(options: Parameters<typeof startDemoServices>[0] = {}): Promise<Demo> {
  const services = await startDemoServices({ voiceDelayMs: 0, ...options })
  const base = `http://${services.address}`
  const post: Demo['post'] = (path, body, headers = {}) =>
    fetch(base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  return {
    base,
    post,
    async generate(path, body, field) {
      const response = await post(path, body)
      const text = await response.text()
      if (response.status !== 200) throw new Error(`${path} answered ${response.status} ${text}`)
      const url = String(Object.entries(JSON.parse(text) as object).find(([name]) => name === field)?.[1])
      const media = await fetch(url)
      if (media.status !== 200) throw new Error(`${url} answered ${media.status}`)
      const type = media.headers.get('content-type') ?? ''
      return { url, file: Buffer.from(await media.arrayBuffer()), type }
    },
    async log() {
      const lines = await (await fetch(`${base}/__log`)).text()
      return lines
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Execution)
    },
    [Symbol.asyncDispose]: () => services[Symbol.asyncDispose](),
  }
}

/** The bodies that the five endpoints' own documents show. */
export const seeds = {
  voice: { voice_file: 'https://example.com/my-voice-sample.mp3', model: 'speech-02-turbo', accuracy: 0.7 },
  generateMusic: {
    prompt: 'E minor, 90 BPM, acoustic guitar ballad, male vocal, emotional',
    lyrics:
      '[Verse]\nWalking through the rain tonight\nEvery drop a memory falling down\n\n[Chorus]\nBut I still remember you\nIn every song that plays',
    is_instrumental: false,
    lyrics_optimizer: false,
    sample_rate: 44_100,
    bitrate: 256_000,
    audio_format: 'mp3',
  },
  music: {
    prompt: 'upbeat pop song about summer vibes',
    lyrics: 'Walking on the beach, sun is shining bright, every day feels right',
    model: 'Music Generation',
    sample_rate: 44_100,
    bitrate: 256_000,
    audio_format: 'mp3',
  },
  text: {
    input: [
      { role: 'User', content: 'Tell me a story of a bird' },
      { role: 'Assistant', content: 'Once upon a time, there was a little bird who loved to sing...' },
      { role: 'User', content: 'What happened next?' },
    ],
  },
  video: { prompt: 'A cat walking on the surface of the moon', duration: 5, mode: 'pro', generate_audio: false },
}

export interface Wav {
  readonly sampleRate: number
  readonly channels: number
  readonly seconds: number
  /** From 0 to 1. */
  readonly rms: number
  readonly peak: number
  readonly samples: Int16Array
}

/** Reads a WAV file the strict way: every size in it must be the real one. */
export function readWav(file: Buffer): Wav {
  const expectations: readonly (readonly [unknown, unknown])[] = [
    [file.toString('latin1', 0, 4), 'RIFF'],
    [file.readUInt32LE(4), file.length - 8],
    [file.toString('latin1', 8, 16), 'WAVEfmt '],
    [file.readUInt32LE(16), 16],
    [file.readUInt16LE(20), 1],
    [file.readUInt32LE(28), file.readUInt32LE(24) * file.readUInt16LE(22) * 2],
    [file.readUInt16LE(32), file.readUInt16LE(22) * 2],
    [file.readUInt16LE(34), 16],
    [file.toString('latin1', 36, 40), 'data'],
    [file.readUInt32LE(40), file.length - 44],
  ]
  for (const [actual, expected] of expectations) {
    if (actual !== expected) throw new Error(`bad WAV: ${String(actual)} is not ${String(expected)}`)
  }
  return { ...measure(file.subarray(44), file.readUInt32LE(24), file.readUInt16LE(22)) }
}

/** Measures 16-bit little-endian samples. */
export function measure(data: Buffer, sampleRate: number, channels: number): Wav {
  const samples = Int16Array.from({ length: data.length / 2 }, (_, i) => data.readInt16LE(2 * i))
  const power = samples.reduce((sum, sample) => sum + (sample / 32_768) ** 2, 0) / samples.length
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0) / 32_768
  return { sampleRate, channels, seconds: samples.length / channels / sampleRate, rms: Math.sqrt(power), peak, samples }
}
