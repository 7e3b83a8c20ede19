import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, type Input, numberWithin, type OperationContext, oneOf, requireText } from './operation.ts'
import { createRandom, type Random } from './random.ts'
import type { PhonemeName } from './speech/phonemes.ts'
import { phonemes } from './speech/phonemes.ts'
import { measurePitch } from './speech/pitch.ts'
import { type Segment, synthesizeSpeech, type Voice } from './speech/synthesizer.ts'
import { decodeWav, encodeWav } from './wav.ts'

interface VoiceRequest {
  readonly voiceFile: string
  readonly model: 'speech-02-turbo' | 'speech-02-hd'
  readonly accuracy: number
  readonly noiseReduction: boolean
  readonly volumeNormalization: boolean
}

/** "Hello. I am your new voice." */
const greeting: readonly (readonly PhonemeName[])[] = [
  ['hh', 'eh', 'l', 'ao', 'uw', 'silence'],
  ['aa', 'iy', 'ae', 'm', 'y', 'ao', 'r', 'n', 'y', 'uw', 'v', 'ao', 'iy', 's', 'silence'],
]

const averageHz = 150

/** POST /voice-clone: learns a voice and lets it say one sentence. */
export async function cloneVoice(input: Input, context: OperationContext): Promise<Answer> {
  const request: VoiceRequest = {
    voiceFile: requireText(input, 'voice_file', Number.POSITIVE_INFINITY),
    model: oneOf(input, 'model', ['speech-02-turbo', 'speech-02-hd']),
    accuracy: numberWithin(input, 'accuracy', { min: 0, max: 1, default: 0.7 }),
    noiseReduction: input['need_noise_reduction'] === true,
    volumeNormalization: input['need_volume_normalization'] === true,
  }
  await delay(context.voiceDelayMs, undefined, { signal: context.signal })
  const voiceId = createHash('sha256').update(JSON.stringify(request)).digest('hex').slice(0, 12)
  const sampleUrl = context.publish({
    name: `voice-${voiceId}.wav`,
    contentType: 'audio/wav',
    bytes: renderVoiceSample(request),
  })
  const message = `Voice cloned successfully! Use voice ID "${voiceId}" with the TTS endpoint.`
  return { kind: 'json', value: { success: true, voice_id: voiceId, model: request.model, message, sampleUrl } }
}

function renderVoiceSample(request: VoiceRequest): Buffer {
  const random = createRandom('voice', request.voiceFile)
  const hz = averageHz * (choosePitch(request.voiceFile, random) / averageHz) ** (0.4 + 0.6 * request.accuracy)
  const voice: Voice = {
    // High voices mostly belong to short throats.
    tract: 0.92 + 0.22 * ((hz - 85) / 165) + random.between(-0.04, 0.04),
    breath: request.noiseReduction ? 0.05 : random.between(0.1, 0.6),
    brightness: random.between(0.35, 0.9),
    vibratoHz: random.between(4.5, 6),
    vibratoDepth: random.between(0.004, 0.012),
  }
  const sampleRate = request.model === 'speech-02-hd' ? 44_100 : 24_000
  const samples = synthesizeSpeech(speakGreeting(hz, random), voice, sampleRate, random)
  return encodeWav(toLevel(samples, request.volumeNormalization ? 0.95 : 0.75), sampleRate, 1)
}

/** A recording sent as a WAV data URI is listened to. A URL is not fetched (no network here): its text decides. */
function choosePitch(voiceFile: string, random: Random): number {
  const guess = random.between(90, 235)
  if (!voiceFile.startsWith('data:')) return guess
  const recording = decodeWav(Buffer.from(voiceFile.slice(voiceFile.indexOf(',') + 1), 'base64'))
  if (recording === undefined) return guess
  return measurePitch(recording.samples, recording.sampleRate) ?? guess
}

function speakGreeting(hz: number, random: Random): Segment[] {
  const pace = random.between(0.95, 1.25)
  const melody = random.between(0.12, 0.25)
  return greeting.flatMap((phrase) =>
    phrase.map((phoneme, i) => {
      const progress = i / (phrase.length - 1)
      // A statement: the pitch rises to its accent and falls to the end.
      const contour = 1 + melody * (Math.sin(Math.PI * Math.min(1, progress * 1.4)) - 0.9 * progress)
      const stretch = phoneme === 'silence' ? 2.4 : progress > 0.7 ? 1.35 : 1
      const seconds = phonemes[phoneme].seconds * pace * stretch
      return { phoneme, seconds, hz: hz * contour, loudness: 1 - 0.25 * progress }
    }),
  )
}

function toLevel(samples: Float32Array, level: number): Int16Array {
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-6)
  return Int16Array.from(samples, (sample) => Math.round((sample / peak) * level * 32_767))
}
