import { createHash } from 'node:crypto'
import type { Media } from './media-store.ts'
import {
  type Answer,
  failIfTold,
  type Input,
  numberWithin,
  type OperationContext,
  oneOf,
  optionalText,
  requireText,
} from './operation.ts'
import { parseLyrics } from './song/lyrics.ts'
import { composeMelody, layOutBars } from './song/melody.ts'
import { performSong, ringSeconds } from './song/perform.ts'
import { planSong } from './song/plan.ts'
import { encodePcm, encodeWav } from './wav.ts'
import { writeLyrics } from './writing/lyrics.ts'

export interface SongRequest {
  readonly prompt: string
  /** Undefined for an instrumental. */
  readonly lyrics: string | undefined
  readonly sampleRate: number
  readonly format: 'wav' | 'pcm'
  /** `about` ends with the bar and lets the last chord ring; `exactly` fades out in time, as a film needs it. */
  readonly length: { readonly about: number } | { readonly exactly: number }
}

const usualSeconds = 12

/** POST /generate-music and POST /music: composes, sings and plays a short song. */
export function generateMusic(input: Input, context: OperationContext): Answer {
  const prompt = requireText(input, 'prompt', 4000)
  failIfTold(prompt)
  const sampleRate = Math.round(numberWithin(input, 'sample_rate', { min: 8000, max: 48_000, default: 44_100 }))
  const format = oneOf(input, 'audio_format', ['mp3', 'wav', 'pcm'])
  const song = renderSong({
    prompt,
    lyrics: chooseLyrics(input, prompt),
    sampleRate,
    // No MP3 encoder is shipped (and `bitrate` means nothing without one): who asks for mp3 gets a WAV file.
    format: format === 'pcm' ? 'pcm' : 'wav',
    length: { about: usualSeconds },
  })
  return { kind: 'json', value: { audioUrl: context.publish(song) } }
}

function chooseLyrics(input: Input, prompt: string): string | undefined {
  if (input['is_instrumental'] === true) return undefined
  return optionalText(input, 'lyrics', 4000) ?? (input['lyrics_optimizer'] === true ? writeLyrics(prompt) : undefined)
}

/** A song; the same request gives the same file under the same name. */
export function renderSong(request: SongRequest): Media {
  const seed = JSON.stringify(request)
  const plan = planSong(request.prompt)
  const barSeconds = 240 / plan.bpm
  const barCount =
    'about' in request.length
      ? Math.max(1, Math.round((request.length.about - ringSeconds) / barSeconds))
      : Math.ceil(request.length.exactly / barSeconds)
  const seconds = 'about' in request.length ? barCount * barSeconds + ringSeconds : request.length.exactly
  const bars = layOutBars(parseLyrics(request.lyrics ?? ''), barCount, plan.bpm)
  const samples = performSong(plan, bars, composeMelody(plan, bars, seed), { sampleRate: request.sampleRate, seconds })
  const id = createHash('sha256').update(seed).digest('hex').slice(0, 20)
  return request.format === 'pcm'
    ? { name: `song-${id}.pcm`, contentType: 'application/octet-stream', bytes: encodePcm(samples) }
    : { name: `song-${id}.wav`, contentType: 'audio/wav', bytes: encodeWav(samples, request.sampleRate, 2) }
}
