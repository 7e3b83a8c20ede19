import { createRandom } from '../random.ts'
import { phonemes } from '../speech/phonemes.ts'
import { type Segment, synthesizeSpeech, type Voice } from '../speech/synthesizer.ts'
import type { MelodyNote } from './melody.ts'
import { degreeToMidi, midiToHz, type Singer, type SongPlan } from './plan.ts'

const voices: Readonly<Record<Singer, Voice & { readonly lowestMidi: number }>> = {
  low: { lowestMidi: 47, tract: 1, breath: 0.25, brightness: 0.6, vibratoHz: 5.2, vibratoDepth: 0.012 },
  high: { lowestMidi: 58, tract: 1.13, breath: 0.35, brightness: 0.55, vibratoHz: 5.6, vibratoDepth: 0.012 },
}

const consonantPace = 0.75

/** Sings the notes that have a syllable, from the start of the song on. Consonants come before the beat. */
export function singMelody(
  notes: readonly MelodyNote[],
  plan: SongPlan,
  stepToSeconds: (step: number) => number,
  sampleRate: number,
): Float32Array {
  const { lowestMidi, ...voice } = voices[plan.singer]
  const segments: Segment[] = []
  let now = 0
  const sing = (phoneme: Segment['phoneme'], seconds: number, hz: number, loudness: number) => {
    if (seconds <= 0) return
    segments.push({ phoneme, seconds, hz, loudness })
    now += seconds
  }
  for (const note of notes) {
    if (note.syllable === undefined) continue
    const { onset, nucleus, coda } = note.syllable
    const hz = midiToHz(degreeToMidi(plan, note.degree, lowestMidi))
    const beat = stepToSeconds(note.start)
    const end = stepToSeconds(note.start + note.length)
    const pace = consonantPace * Math.min(1, (end - beat) / 0.25)
    const length = (sounds: readonly Segment['phoneme'][]) =>
      sounds.reduce((sum, sound) => sum + phonemes[sound].seconds * pace, 0)
    sing('silence', beat - length(onset) - now, hz, 0)
    for (const sound of onset) sing(sound, phonemes[sound].seconds * pace, hz, 0.9)
    const held = Math.max(0.05, end - now - length(coda) - 0.03)
    const [vowel = 'ah', glide] = nucleus
    // A diphthong stays on its first vowel and slides at the end.
    sing(vowel, glide === undefined ? held : held * 0.65, hz, 1)
    if (glide !== undefined) sing(glide, held * 0.35, hz, 0.9)
    for (const sound of coda) sing(sound, phonemes[sound].seconds * pace, hz, 0.8)
  }
  sing('silence', 0.15, segments.at(-1)?.hz ?? 200, 0)
  return synthesizeSpeech(segments, voice, sampleRate, createRandom('singer', plan.singer))
}
