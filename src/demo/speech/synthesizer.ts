import type { Random } from '../random.ts'
import { type Phoneme, type PhonemeName, phonemes } from './phonemes.ts'

/** What makes one speaker sound unlike another. */
export interface Voice {
  /** Scales every formant: below 1 a longer throat, above 1 a shorter one. */
  readonly tract: number
  /** 0 clear, 1 whispery. */
  readonly breath: number
  /** 0 dark, 1 bright. */
  readonly brightness: number
  readonly vibratoHz: number
  /** As a share of the pitch: 0.01 is a sixth of a semitone. */
  readonly vibratoDepth: number
}

/** One sound held for a while; pitch and mouth glide from one segment into the next. */
export interface Segment {
  readonly phoneme: PhonemeName
  readonly seconds: number
  readonly hz: number
  readonly loudness: number
}

/** How often mouth and pitch move on. Short enough for a stop's burst. */
const controlSeconds = 0.0015
const formantGlideSeconds = 0.022
const loudnessGlideSeconds = 0.007
const pitchGlideSeconds = 0.03
/** How much of what lies above 1 kHz is added, so that the vowels are told apart on small loudspeakers. */
const presence = 2

/** A two-pole resonance, the building block of Klatt's cascade (J. Acoust. Soc. Am. 67, 1980). */
class Resonator {
  #a = 1
  #b = 0
  #c = 0
  #last = 0
  #beforeLast = 0

  tune(hz: number, bandwidthHz: number, sampleRate: number): void {
    const radius = Math.exp((-Math.PI * bandwidthHz) / sampleRate)
    this.#c = -radius * radius
    this.#b = 2 * radius * Math.cos((2 * Math.PI * Math.min(hz, 0.46 * sampleRate)) / sampleRate)
    this.#a = 1 - this.#b - this.#c
  }

  filter(sample: number): number {
    const out = this.#a * sample + this.#b * this.#last + this.#c * this.#beforeLast
    this.#beforeLast = this.#last
    this.#last = out
    return out
  }
}

/** Speaks or sings the segments: a glottal pulse and noise through five resonances of a mouth. */
export function synthesizeSpeech(
  segments: readonly Segment[],
  voice: Voice,
  sampleRate: number,
  random: Random,
): Float32Array {
  const seconds = segments.reduce((sum, segment) => sum + segment.seconds, 0)
  const out = new Float32Array(Math.ceil(seconds * sampleRate))
  const mouth = new Mouth(voice, sampleRate, random)
  const step = Math.max(8, Math.round(controlSeconds * sampleRate))
  let index = 0
  let segmentEnd = (segments[0]?.seconds ?? 0) * sampleRate
  for (let start = 0; start < out.length; start += step) {
    while (start >= segmentEnd && index < segments.length - 1) {
      index++
      segmentEnd += (segments[index]?.seconds ?? 0) * sampleRate
    }
    const segment = segments[index]
    if (segment === undefined) break
    mouth.approach(segment, start / sampleRate, step)
    mouth.render(out, start, Math.min(start + step, out.length))
  }
  return out
}

class Mouth {
  readonly #voice: Voice
  readonly #sampleRate: number
  readonly #random: Random
  readonly #cascade = [new Resonator(), new Resonator(), new Resonator(), new Resonator(), new Resonator()] as const
  readonly #teeth = new Resonator()
  readonly #openShare: number
  readonly #tilt: number
  readonly #lowShare: number
  #formants = [500, 1500, 2500]
  #hz = 0
  #phase = 0
  #source = 0
  #voiced = 0
  #breath = 0
  #hiss = 0
  #lastNoise = 0
  #low = 0
  #wobble = 1

  constructor(voice: Voice, sampleRate: number, random: Random) {
    this.#voice = voice
    this.#sampleRate = sampleRate
    this.#random = random
    this.#openShare = 0.72 - 0.22 * voice.brightness
    // The vocal cords' high frequencies fall off above this corner.
    const cornerHz = 2500 + 5500 * voice.brightness
    this.#tilt = 1 - Math.exp((-2 * Math.PI * cornerHz) / sampleRate)
    this.#lowShare = 1 - Math.exp((-2 * Math.PI * 1000) / sampleRate)
  }

  /** Moves everything a little towards the segment's sound. */
  approach(segment: Segment, atSeconds: number, samples: number): void {
    const target: Phoneme = phonemes[segment.phoneme]
    const share = (glideSeconds: number) => 1 - Math.exp(-samples / (glideSeconds * this.#sampleRate))
    const byFormant = share(formantGlideSeconds)
    const byLoudness = share(loudnessGlideSeconds)
    this.#formants = this.#formants.map((hz, i) => hz + byFormant * ((target.formants[i] ?? hz) - hz))
    this.#voiced += byLoudness * (target.voice * segment.loudness - this.#voiced)
    const breath = target.breath + this.#voice.breath * 0.25 * target.voice
    this.#breath += byLoudness * (breath * segment.loudness - this.#breath)
    this.#hiss += byLoudness * (target.hiss * segment.loudness - this.#hiss)
    if (this.#hz === 0) this.#hz = segment.hz
    this.#hz += share(pitchGlideSeconds) * (segment.hz - this.#hz)
    this.#wobble = 1 + this.#voice.vibratoDepth * Math.sin(2 * Math.PI * this.#voice.vibratoHz * atSeconds)
    this.#tune(target)
  }

  #tune(target: Phoneme): void {
    const [f1 = 500, f2 = 1500, f3 = 2500] = this.#formants
    const { tract } = this.#voice
    const bands = [
      [f1, 70],
      [f2, 95],
      [f3, 150],
      [3500, 230],
      [4500, 300],
    ] as const
    for (const [i, [hz, width]] of bands.entries()) this.#cascade[i]?.tune(hz * tract, width, this.#sampleRate)
    if (target.hiss > 0) this.#teeth.tune(target.hissHz, target.hissHz * 0.35, this.#sampleRate)
  }

  render(out: Float32Array, start: number, end: number): void {
    const [one, two, three, four, five] = this.#cascade
    const advance = (this.#hz * this.#wobble) / this.#sampleRate
    for (let i = start; i < end; i++) {
      this.#phase += advance
      if (this.#phase >= 1) this.#phase -= 1
      const open = this.#phase / this.#openShare
      // The slope of the air flow through the cords while they are open; they shut at once (Klatt & Klatt 1990).
      const pulse = open < 1 ? 2 * open - 3 * open * open : 0
      this.#source += this.#tilt * (pulse - this.#source)
      const noise = this.#random.next() * 2 - 1
      const air = noise * (open < 1 ? 1 : 0.4)
      const throat = this.#source * this.#voiced + air * this.#breath * 0.35
      const mouth = five.filter(four.filter(three.filter(two.filter(one.filter(throat)))))
      // The slope of the noise instead of the noise: teeth let nothing low through.
      const teeth = this.#hiss > 0.001 ? this.#teeth.filter(noise - this.#lastNoise) * this.#hiss * 0.3 : 0
      this.#lastNoise = noise
      this.#low += this.#lowShare * (mouth - this.#low)
      out[i] = mouth + presence * (mouth - this.#low) + teeth
    }
  }
}
