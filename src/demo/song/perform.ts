import { type Drum, drumPatterns, fill, strikeDrum } from './drums.ts'
import { blowFlute, bowStrings, type Instrument, pluckBass, pluckString, pluckSynth, strikeKey } from './instruments.ts'
import { type Bar, type MelodyNote, stepsPerBar } from './melody.ts'
import { Mixdown, type Placement } from './mixdown.ts'
import { degreeToMidi, type Harmony, midiToHz, type SongPlan } from './plan.ts'
import { singMelody } from './sing.ts'

interface Performance {
  readonly plan: SongPlan
  readonly bars: readonly Bar[]
  readonly sampleRate: number
  readonly mix: Mixdown
  readonly stepToSeconds: (step: number) => number
  readonly play: (instrument: Instrument, midi: number, seconds: number, placement: Placement) => void
}

/** After the last bar the final chord rings out. */
export const ringSeconds = 1.6

const harmonies: Readonly<Record<Harmony, { readonly instrument: Instrument; readonly gain: number }>> = {
  guitar: { instrument: pluckString, gain: 0.85 },
  keys: { instrument: strikeKey, gain: 0.44 },
  synth: { instrument: pluckSynth, gain: 0.34 },
  strings: { instrument: bowStrings, gain: 0.34 },
}

/** Plays the whole band for the given time and returns interleaved stereo samples. */
export function performSong(
  plan: SongPlan,
  bars: readonly Bar[],
  melody: readonly MelodyNote[],
  { sampleRate, seconds }: { readonly sampleRate: number; readonly seconds: number },
): Int16Array {
  const stepSeconds = 15 / plan.bpm
  const swing = plan.beat === 'swing' ? 0.3 * stepSeconds : 0
  const stepToSeconds = (step: number) => step * stepSeconds + (step % 2 === 1 ? swing : 0)
  const mix = new Mixdown(seconds, sampleRate)
  const played = new Map<string, Float32Array>()
  const play: Performance['play'] = (instrument, midi, length, placement) => {
    const key = `${instrument.name} ${midi} ${length.toFixed(3)}`
    const samples = played.get(key) ?? instrument(midiToHz(midi), length, sampleRate)
    played.set(key, samples)
    mix.add(samples, placement)
  }
  const performance: Performance = { plan, bars, sampleRate, mix, stepToSeconds, play }
  playHarmony(performance)
  playBass(performance)
  playDrums(performance)
  playLead(performance, melody)
  return mix.finish(Math.min(ringSeconds * 0.8, seconds / 4))
}

/** Root, fifth, octave, tenth and twelfth of a chord, or with a seventh in the place of the octave. */
function voiceChord(plan: SongPlan, chord: number): readonly [number, number, number, number, number] {
  // Roots above the fifth degree are taken an octave lower, so that the chords stay close together.
  const root = chord > 4 ? chord - 7 : chord
  const note = (degree: number) => degreeToMidi(plan, root + degree, 45)
  return [note(0), note(4), note(plan.sevenths ? 6 : 7), note(9), note(11)]
}

const pickings = [
  [0, 2, 3, 4, 3, 2, 1, 2],
  [0, 1, 3, 2, 4, 2, 3, 1],
] as const

function playHarmony({ plan, bars, stepToSeconds, play }: Performance): void {
  const { instrument, gain } = harmonies[plan.harmony]
  const barSeconds = stepToSeconds(stepsPerBar)
  const place = (step: number, tone: number, loudness = 1): Placement => ({
    atSeconds: stepToSeconds(step) + tone * 0.012,
    gain: gain * loudness,
    pan: -0.45 + tone * 0.22,
    room: plan.harmony === 'strings' ? 0.6 : 0.3,
  })
  for (const [index, bar] of bars.entries()) {
    const chord = voiceChord(plan, plan.chords[index % plan.chords.length] ?? 0)
    const start = index * stepsPerBar
    if (plan.harmony === 'strings') {
      for (const [tone, midi] of chord.entries()) play(instrument, midi, barSeconds * 1.08, place(start, tone))
      continue
    }
    const broken = plan.harmony === 'guitar' ? !bar.isChorus || plan.beat === 'soft' : plan.harmony === 'synth'
    if (broken) {
      const picking = pickings[index % 2] ?? pickings[0]
      for (const [i, tone] of picking.entries()) {
        const ring = plan.harmony === 'synth' ? 0.35 : 1.3
        play(instrument, chord[tone], ring, place(start + 2 * i, tone, i === 0 ? 1.1 : 0.85))
      }
      continue
    }
    for (const [step, loudness] of [
      [0, 1],
      [6, 0.6],
      [10, 0.75],
    ] as const) {
      for (const [tone, midi] of chord.entries())
        play(instrument, midi, barSeconds * 0.55, place(start + step, tone, loudness * 0.7))
    }
  }
  const end = bars.length * stepsPerBar
  for (const [tone, midi] of voiceChord(plan, 0).entries()) play(instrument, midi, ringSeconds, place(end, tone, 0.9))
}

function playBass({ plan, bars, stepToSeconds, play }: Performance): void {
  const busy = plan.beat === 'rock' || plan.beat === 'four-on-the-floor'
  const rhythm = busy ? [0, 2, 4, 6, 8, 10, 12, 14] : [0, 6, 8, 14]
  const place = (step: number): Placement => ({ atSeconds: stepToSeconds(step), gain: 0.36, pan: 0, room: 0.04 })
  for (const index of bars.keys()) {
    const chord = plan.chords[index % plan.chords.length] ?? 0
    const root = degreeToMidi(plan, chord > 4 ? chord - 7 : chord, 33)
    const fifth = degreeToMidi(plan, (chord > 4 ? chord - 7 : chord) + 4, 33)
    const steps = plan.beat === 'none' ? [0] : rhythm
    for (const [i, step] of steps.entries()) {
      const until = steps[i + 1] ?? stepsPerBar
      const midi = step === 14 && !busy ? fifth : root
      play(pluckBass, midi, stepToSeconds(until - step) * 0.95, place(index * stepsPerBar + step))
    }
  }
  play(pluckBass, degreeToMidi(plan, 0, 33), ringSeconds, place(bars.length * stepsPerBar))
}

const drumPlaces: Readonly<Record<Drum, Omit<Placement, 'atSeconds'>>> = {
  kick: { gain: 0.75, pan: 0, room: 0.02 },
  snare: { gain: 0.55, pan: 0.05, room: 0.25 },
  brush: { gain: 0.5, pan: 0.1, room: 0.25 },
  hat: { gain: 0.32, pan: 0.35, room: 0.05 },
  openHat: { gain: 0.3, pan: 0.35, room: 0.1 },
  crash: { gain: 0.4, pan: -0.3, room: 0.3 },
}

function playDrums({ plan, bars, sampleRate, mix, stepToSeconds }: Performance): void {
  if (plan.beat === 'none') return
  const strokes = new Map<Drum, Float32Array>()
  const strike = (drum: Drum, step: number, loudness: number) => {
    const samples = strokes.get(drum) ?? strikeDrum(drum, sampleRate)
    strokes.set(drum, samples)
    const place = drumPlaces[drum]
    mix.add(samples, { ...place, atSeconds: stepToSeconds(step), gain: place.gain * loudness })
  }
  for (const [index, bar] of bars.entries()) {
    const isLast = index === bars.length - 1
    const pattern = isLast && plan.beat !== 'soft' && plan.beat !== 'swing' ? fill : drumPatterns[plan.beat]
    const opensChorus = bar.isChorus && bars[index - 1]?.isChorus === false
    if (opensChorus) strike('crash', index * stepsPerBar, plan.beat === 'soft' ? 0.4 : 0.8)
    for (const drum of Object.keys(pattern) as Drum[]) {
      // The first bar is counted in by the cymbals alone.
      if (index === 0 && bars.length > 3 && (drum === 'snare' || drum === 'brush')) continue
      for (const [step, mark] of Array.from(pattern[drum] ?? '').entries()) {
        if (mark !== '.') strike(drum, index * stepsPerBar + step, mark === 'x' ? 1 : 0.55)
      }
    }
  }
  strike('kick', bars.length * stepsPerBar, 0.9)
}

function playLead({ plan, mix, sampleRate, stepToSeconds, play }: Performance, melody: readonly MelodyNote[]): void {
  if (melody.some((note) => note.syllable !== undefined)) {
    const sung = singMelody(melody, plan, stepToSeconds, sampleRate)
    mix.add(evenOut(sung), { atSeconds: 0, gain: 0.85, pan: 0, room: 0.3 })
  }
  const lead = plan.harmony === 'synth' ? pluckSynth : plan.harmony === 'keys' ? strikeKey : blowFlute
  for (const note of melody) {
    if (note.syllable !== undefined) continue
    const seconds = stepToSeconds(note.length) + 0.08
    const midi = degreeToMidi(plan, note.degree, 67)
    play(lead, midi, seconds, { atSeconds: stepToSeconds(note.start), gain: 0.5, pan: 0.15, room: 0.4 })
  }
}

/** Singers differ in level with pitch and vowel; the band does not. */
function evenOut(samples: Float32Array): Float32Array {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  const gain = 0.16 / Math.max(1e-6, Math.sqrt(sum / Math.max(1, samples.length)))
  return samples.map((sample) => Math.tanh(sample * gain))
}
