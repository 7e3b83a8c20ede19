import { createRandom } from '../random.ts'

/** Plays one note; the same arguments always give the same samples. */
export type Instrument = (hz: number, seconds: number, sampleRate: number) => Float32Array

const tau = 2 * Math.PI

/** A plucked string (Karplus & Strong 1983): a burst of noise goes round a loop that dulls it. */
export const pluckString: Instrument = (hz, seconds, sampleRate) => {
  const out = new Float32Array(Math.ceil(seconds * sampleRate))
  const random = createRandom('string', String(Math.round(hz * 100)))
  // The averaging below takes most of a sample off each round (measured: in tune within 3 cents up to 880 Hz).
  const period = sampleRate / hz + 0.76
  const loop = new Float32Array(Math.max(2, Math.floor(period)))
  let dull = 0
  let sum = 0
  for (let i = 0; i < loop.length; i++) {
    dull += 0.45 * (random.next() * 2 - 1 - dull)
    loop[i] = dull
    sum += dull
  }
  // A mean other than zero would go round the loop for ever and be heard as nothing but a lower ceiling.
  for (let i = 0; i < loop.length; i++) loop[i] = (loop[i] ?? 0) - sum / loop.length
  const fraction = period - loop.length
  const keep = 0.001 ** (1 / (hz * (1.4 + 160 / hz)))
  let at = 0
  let last = 0
  for (let i = 0; i < out.length; i++) {
    const next = at + 1 < loop.length ? at + 1 : 0
    const here = loop[at] ?? 0
    const tuned = here + fraction * (last - here)
    last = here
    out[i] = here * 1.6
    loop[at] = keep * (0.52 * tuned + 0.48 * (loop[next] ?? 0))
    at = next
  }
  return fadeEnds(out, 0.001, 0.05, sampleRate)
}

/** An electric piano: two sines, the second bending the first less and less. */
export const strikeKey: Instrument = (hz, seconds, sampleRate) => {
  const out = new Float32Array(Math.ceil(seconds * sampleRate))
  let bend = 1.1
  let tine = 0.35
  let level = 0.55
  const bendFade = Math.exp(-2.6 / sampleRate)
  const tineFade = Math.exp(-14 / sampleRate)
  const levelFade = Math.exp(-(0.9 + hz / 500) / sampleRate)
  const step = (tau * hz) / sampleRate
  for (let i = 0; i < out.length; i++) {
    const phase = i * step
    out[i] = level * Math.sin(phase + bend * Math.sin(phase)) + (tine > 0.005 ? 0.2 * tine * Math.sin(phase * 7) : 0)
    bend *= bendFade
    tine *= tineFade
    level *= levelFade
  }
  return fadeEnds(out, 0.002, 0.06, sampleRate)
}

/** A short bright synthesizer note: two saws through a filter that closes. */
export const pluckSynth: Instrument = (hz, seconds, sampleRate) => {
  return saws(hz, seconds, sampleRate, { detune: 0.004, cornerHz: (t) => 500 + 4200 * Math.exp(-t * 7), level: 0.5 })
}

/** A section of strings: slow, wide and soft. */
export const bowStrings: Instrument = (hz, seconds, sampleRate) => {
  const notes = saws(hz, seconds, sampleRate, { detune: 0.006, cornerHz: () => 700 + hz * 1.5, level: 0.34 })
  return fadeEnds(notes, Math.min(0.35, seconds / 3), Math.min(0.4, seconds / 3), sampleRate)
}

/** A flute-like lead for tunes without words. */
export const blowFlute: Instrument = (hz, seconds, sampleRate) => {
  const out = new Float32Array(Math.ceil(seconds * sampleRate))
  const random = createRandom('flute')
  let phase = 0
  let air = 0
  for (let i = 0; i < out.length; i++) {
    const t = i / sampleRate
    const vibrato = 1 + 0.006 * Math.min(1, t * 3) * Math.sin(tau * 5.2 * t)
    phase += (hz * vibrato) / sampleRate
    if (phase >= 1) phase -= 1
    air += 0.2 * (random.next() * 2 - 1 - air)
    const angle = tau * phase
    out[i] = 0.42 * Math.sin(angle) + 0.12 * Math.sin(2 * angle) + 0.05 * Math.sin(3 * angle) + 0.05 * air
  }
  return fadeEnds(out, 0.04, 0.08, sampleRate)
}

/** A round bass. */
export const pluckBass: Instrument = (hz, seconds, sampleRate) => {
  const out = new Float32Array(Math.ceil(seconds * sampleRate))
  const step = (tau * hz) / sampleRate
  for (let i = 0; i < out.length; i++) {
    const t = i / sampleRate
    const angle = i * step
    const bite = Math.exp(-t * 9)
    const tone = Math.sin(angle) + (0.25 + 0.4 * bite) * Math.sin(2 * angle) + 0.2 * bite * Math.sin(3 * angle)
    out[i] = 0.6 * Math.exp(-t * 1.1) * tone
  }
  return fadeEnds(out, 0.004, 0.05, sampleRate)
}

interface SawShape {
  readonly detune: number
  readonly cornerHz: (seconds: number) => number
  readonly level: number
}

function saws(hz: number, seconds: number, sampleRate: number, shape: SawShape): Float32Array {
  const out = new Float32Array(Math.ceil(seconds * sampleRate))
  const steps = [(hz * (1 - shape.detune)) / sampleRate, (hz * (1 + shape.detune)) / sampleRate] as const
  let one = 0.1
  let two = 0.6
  let low = 0
  let lower = 0
  let open = 0
  for (let i = 0; i < out.length; i++) {
    if (i % 64 === 0) open = 1 - Math.exp((-tau * shape.cornerHz(i / sampleRate)) / sampleRate)
    one += steps[0]
    two += steps[1]
    if (one >= 1) one -= 1
    if (two >= 1) two -= 1
    low += open * (smoothSaw(one, steps[0]) + smoothSaw(two, steps[1]) - low)
    lower += open * (low - lower)
    out[i] = shape.level * lower
  }
  return fadeEnds(out, 0.004, 0.05, sampleRate)
}

/** A saw whose jump is rounded over two samples (PolyBLEP), so that it does not alias audibly. */
function smoothSaw(phase: number, step: number): number {
  const saw = 2 * phase - 1
  if (phase < step) {
    const t = phase / step
    return saw - (2 * t - t * t - 1)
  }
  if (phase > 1 - step) {
    const t = (phase - 1) / step
    return saw - (t * t + 2 * t + 1)
  }
  return saw
}

function fadeEnds(samples: Float32Array, inSeconds: number, outSeconds: number, sampleRate: number): Float32Array {
  const rise = Math.min(samples.length, Math.ceil(inSeconds * sampleRate))
  const fall = Math.min(samples.length, Math.ceil(outSeconds * sampleRate))
  for (let i = 0; i < rise; i++) samples[i] = ((samples[i] ?? 0) * i) / rise
  for (let i = 0; i < fall; i++) {
    const at = samples.length - 1 - i
    samples[at] = ((samples[at] ?? 0) * i) / fall
  }
  return samples
}
