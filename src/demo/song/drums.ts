import { createRandom } from '../random.ts'
import type { Beat } from './plan.ts'

export type Drum = 'kick' | 'snare' | 'brush' | 'hat' | 'openHat' | 'crash'

/** For each drum the loudness of its strokes over sixteen steps: `x` loud, `o` soft, `.` none. */
export type DrumPattern = Readonly<Partial<Record<Drum, string>>>

export const drumPatterns: Readonly<Record<Beat, DrumPattern>> = {
  none: {},
  soft: { kick: 'x.......o.o.....', brush: '....o.......x...', hat: 'o...o...o...o.o.' },
  pop: { kick: 'x.....x.x.......', snare: '....x.......x...', hat: 'x.o.x.o.x.o.x.o.' },
  rock: { kick: 'x.......x.x.....', snare: '....x.......x...', hat: 'x.x.x.x.x.x.x.x.' },
  'four-on-the-floor': {
    kick: 'x...x...x...x...',
    snare: '....o.......o...',
    openHat: '..x...x...x...x.',
    hat: 'o.o.o.o.o.o.o.oo',
  },
  swing: { kick: 'x......o..x.....', brush: '....x.......x...', hat: 'x..ox..ox..ox..o' },
}

/** What the drummer plays at the end of a section instead. */
export const fill: DrumPattern = { kick: 'x.......x.......', snare: '....x.......xoxx', hat: 'x.o.x.o.x.......' }

const tau = 2 * Math.PI

interface Stroke {
  readonly seconds: number
  /** The skin: starts at `fromHz`, sinks to `toHz`, fades at `fade` per second. */
  readonly skin?: { readonly fromHz: number; readonly toHz: number; readonly fade: number; readonly level: number }
  readonly noise?: { readonly brightness: number; readonly fade: number; readonly level: number }
}

const strokes: Readonly<Record<Drum, Stroke>> = {
  kick: {
    seconds: 0.3,
    skin: { fromHz: 150, toHz: 48, fade: 11, level: 1 },
    noise: { brightness: 0.3, fade: 120, level: 0.12 },
  },
  snare: {
    seconds: 0.22,
    skin: { fromHz: 240, toHz: 180, fade: 24, level: 0.4 },
    noise: { brightness: 0.6, fade: 20, level: 0.5 },
  },
  brush: {
    seconds: 0.16,
    skin: { fromHz: 420, toHz: 400, fade: 60, level: 0.15 },
    noise: { brightness: 0.5, fade: 28, level: 0.25 },
  },
  hat: { seconds: 0.07, noise: { brightness: 0.96, fade: 70, level: 0.3 } },
  openHat: { seconds: 0.22, noise: { brightness: 0.95, fade: 16, level: 0.28 } },
  crash: { seconds: 1.5, noise: { brightness: 0.85, fade: 2.8, level: 0.3 } },
}

/** One stroke on a drum. */
export function strikeDrum(drum: Drum, sampleRate: number): Float32Array {
  const { seconds, skin, noise } = strokes[drum]
  const random = createRandom('drum', drum)
  const out = new Float32Array(Math.ceil(seconds * sampleRate))
  let phase = 0
  let low = 0
  // The filter's corner is a frequency, so that a drum sounds the same at every sample rate.
  const corner = 1 - Math.exp((-tau * 9000 * (noise?.brightness ?? 0) ** 2) / sampleRate)
  for (let i = 0; i < out.length; i++) {
    const t = i / sampleRate
    let sample = 0
    if (skin !== undefined) {
      phase += (skin.toHz + (skin.fromHz - skin.toHz) * Math.exp(-t * 32)) / sampleRate
      sample += skin.level * Math.exp(-t * skin.fade) * Math.sin(tau * phase)
    }
    if (noise !== undefined) {
      const white = random.next() * 2 - 1
      low += corner * (white - low)
      const coloured = noise.brightness > 0.8 ? white - low : low * 1.8
      sample += noise.level * Math.exp(-t * noise.fade) * coloured
    }
    // The last tenth fades, so that no stroke ends in a click.
    out[i] = sample * Math.min(1, (out.length - i) / (0.1 * out.length))
  }
  return out
}
