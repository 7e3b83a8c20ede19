export interface Placement {
  readonly atSeconds: number
  readonly gain: number
  /** -1 left, 1 right. */
  readonly pan: number
  /** How much of it goes into the room. */
  readonly room: number
}

const combSeconds = [0.0253, 0.0269, 0.029, 0.0307] as const
const allpassSeconds = [0.0126, 0.01] as const
/** The right ear hears slightly longer paths. */
const rightEarSeconds = 0.0005

/** A stereo mixing desk with one room. */
export class Mixdown {
  readonly #sampleRate: number
  readonly #left: Float32Array
  readonly #right: Float32Array
  readonly #room: Float32Array

  constructor(seconds: number, sampleRate: number) {
    const frames = Math.ceil(seconds * sampleRate)
    this.#sampleRate = sampleRate
    this.#left = new Float32Array(frames)
    this.#right = new Float32Array(frames)
    this.#room = new Float32Array(frames)
  }

  add(samples: Float32Array, { atSeconds, gain, pan, room }: Placement): void {
    const offset = Math.max(0, Math.round(atSeconds * this.#sampleRate))
    const left = gain * Math.cos(((pan + 1) * Math.PI) / 4)
    const right = gain * Math.sin(((pan + 1) * Math.PI) / 4)
    const count = Math.min(samples.length, this.#left.length - offset)
    for (let i = 0; i < count; i++) {
      const sample = samples[i] ?? 0
      const at = offset + i
      this.#left[at] = (this.#left[at] ?? 0) + sample * left
      this.#right[at] = (this.#right[at] ?? 0) + sample * right
      this.#room[at] = (this.#room[at] ?? 0) + sample * gain * room
    }
  }

  /** Both channels interleaved, with the room, brought to an even loudness and faded out at the end. */
  finish(fadeSeconds: number): Int16Array {
    reverberate(this.#room, this.#left, this.#sampleRate, 0)
    reverberate(this.#room, this.#right, this.#sampleRate, rightEarSeconds)
    const frames = this.#left.length
    const drive = 0.28 / Math.max(1e-6, loudness(this.#left, this.#right))
    const fade = fadeSeconds * this.#sampleRate
    const out = new Int16Array(frames * 2)
    for (let i = 0; i < frames; i++) {
      const level = drive * Math.min(1, (frames - 1 - i) / fade)
      out[2 * i] = limit((this.#left[i] ?? 0) * level)
      out[2 * i + 1] = limit((this.#right[i] ?? 0) * level)
    }
    return out
  }
}

/** Straight up to half, then bent so that it never reaches full scale. */
function limit(sample: number): number {
  const size = Math.abs(sample)
  const bent = size < 0.5 ? size : 0.5 + 0.44 * Math.tanh((size - 0.5) / 0.44)
  return Math.round(Math.sign(sample) * bent * 32_767)
}

function loudness(left: Float32Array, right: Float32Array): number {
  let sum = 0
  for (let i = 0; i < left.length; i++) sum += (left[i] ?? 0) ** 2 + (right[i] ?? 0) ** 2
  // Of a sine at full scale it is 1.
  return Math.sqrt(sum / Math.max(1, left.length))
}

/** Schroeder's room: four combs side by side, then two allpasses. Adds its sound to `out`. */
function reverberate(input: Float32Array, out: Float32Array, sampleRate: number, extraSeconds: number): void {
  const wet = new Float32Array(input.length)
  for (const seconds of combSeconds) comb(input, wet, Math.round((seconds + extraSeconds) * sampleRate))
  for (const seconds of allpassSeconds) allpass(wet, Math.round((seconds + extraSeconds) * sampleRate))
  for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) + 0.18 * (wet[i] ?? 0)
}

function comb(input: Float32Array, out: Float32Array, delay: number): void {
  const line = new Float32Array(delay)
  let at = 0
  let dull = 0
  for (let i = 0; i < input.length; i++) {
    const echo = line[at] ?? 0
    dull += 0.7 * (echo - dull)
    line[at] = (input[i] ?? 0) + 0.8 * dull
    out[i] = (out[i] ?? 0) + echo
    at = at + 1 < delay ? at + 1 : 0
  }
}

function allpass(samples: Float32Array, delay: number): void {
  const line = new Float32Array(delay)
  let at = 0
  for (let i = 0; i < samples.length; i++) {
    const echo = line[at] ?? 0
    const sample = (samples[i] ?? 0) + 0.5 * echo
    line[at] = sample
    samples[i] = echo - 0.5 * sample
    at = at + 1 < delay ? at + 1 : 0
  }
}
