import { createRandom, type OneOrMore, type Random } from '../random.ts'

export type Harmony = 'guitar' | 'keys' | 'synth' | 'strings'
export type Beat = 'none' | 'soft' | 'pop' | 'rock' | 'four-on-the-floor' | 'swing'
export type Singer = 'low' | 'high'

/** Everything about a song that its prompt decides. */
export interface SongPlan {
  readonly bpm: number
  /** 0 is C. */
  readonly tonic: number
  /** Semitones above the tonic of the seven degrees. */
  readonly scale: readonly number[]
  readonly isMinor: boolean
  /** One chord a bar, as scale degrees from 0, repeated through the song. */
  readonly chords: OneOrMore<number>
  readonly sevenths: boolean
  readonly harmony: Harmony
  readonly beat: Beat
  readonly singer: Singer
}

interface Style {
  readonly words: RegExp
  readonly bpm: readonly [number, number]
  readonly harmony: Harmony
  readonly beat: Beat
  readonly sevenths?: true
}

const pop: Style = { words: /pop|upbeat|summer|happy/, bpm: [104, 120], harmony: 'keys', beat: 'pop' }

/** The first whose words occur in the prompt; pop when none does. */
const styles: readonly Style[] = [
  { words: /lo-?fi|jazz|hip.?hop|r&b|soul|chill/, bpm: [76, 92], harmony: 'keys', beat: 'swing', sevenths: true },
  {
    words: /techno|house|edm|electro|dance|trance|synth|club/,
    bpm: [118, 128],
    harmony: 'synth',
    beat: 'four-on-the-floor',
  },
  { words: /rock|punk|metal|grunge/, bpm: [122, 140], harmony: 'guitar', beat: 'rock' },
  { words: /orchestr|classical|cinematic|ambient|film|epic|choir/, bpm: [66, 80], harmony: 'strings', beat: 'none' },
  { words: /ballad|acoustic|folk|country|lullaby|slow|sad|gentle/, bpm: [72, 88], harmony: 'guitar', beat: 'soft' },
  pop,
]

const instruments: readonly (readonly [RegExp, Harmony])[] = [
  [/guitar|banjo|ukulele|harp\b/, 'guitar'],
  [/piano|keys|rhodes|organ/, 'keys'],
  [/synth|arp/, 'synth'],
  [/string|violin|cello|orchestr|pad\b/, 'strings'],
]

const scales = {
  major: [0, 2, 4, 5, 7, 9, 11],
  minor: [0, 2, 3, 5, 7, 8, 10],
  dorian: [0, 2, 3, 5, 7, 9, 10],
  phrygian: [0, 1, 3, 5, 7, 8, 10],
  lydian: [0, 2, 4, 6, 7, 9, 11],
  mixolydian: [0, 2, 4, 5, 7, 9, 10],
} as const

type Mode = keyof typeof scales

const letters: Readonly<Record<string, number>> = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 }
const sadWords = /sad|dark|melanchol|lonely|emotional|haunt|\brain|\bnight|tears|goodbye|tense/

const majorChords: OneOrMore<OneOrMore<number>> = [
  [0, 4, 5, 3],
  [0, 5, 3, 4],
  [5, 3, 0, 4],
  [0, 3, 5, 4],
]
const minorChords: OneOrMore<OneOrMore<number>> = [
  [0, 5, 2, 6],
  [0, 3, 5, 6],
  [0, 6, 5, 6],
  [0, 2, 6, 3],
]

/** Reads tempo, key, mode, style, instrument and singer out of the prompt; what it leaves open, it decides by chance. */
export function planSong(prompt: string): SongPlan {
  const random = createRandom('song plan', prompt)
  const words = prompt.toLowerCase()
  const style = styles.find((candidate) => candidate.words.test(words)) ?? pop
  const key = parseKey(prompt)
  const mode = key?.mode ?? (sadWords.test(words) ? 'minor' : random.chance(0.7) ? 'major' : 'dorian')
  const scale = scales[mode]
  const isMinor = scale[2] === 3
  return {
    bpm: parseBpm(prompt) ?? random.integer(...style.bpm),
    tonic: key?.tonic ?? random.pick([0, 2, 4, 5, 7, 9]),
    scale,
    isMinor,
    chords: random.pick(isMinor ? minorChords : majorChords),
    sevenths: style.sevenths ?? false,
    harmony: instruments.find(([pattern]) => pattern.test(words))?.[1] ?? style.harmony,
    beat: style.beat,
    singer: chooseSinger(words, random),
  }
}

function parseBpm(prompt: string): number | undefined {
  const match = /(\d{2,3})\s*-?\s*bpm/i.exec(prompt) ?? /bpm\W{0,3}(\d{2,3})/i.exec(prompt)
  return match === null ? undefined : Math.min(200, Math.max(50, Number(match[1])))
}

/** "E minor", "F# major", "Bb dorian", "in the key of D"; a lone letter A is an article, not a key. */
function parseKey(prompt: string): { readonly tonic: number; readonly mode: Mode | undefined } | undefined {
  const named =
    /\b([A-Ga-g])\s?(#|♯|b|♭|-?\s?sharp|-?\s?flat)?\s*-?(major|minor|maj|min|dorian|phrygian|lydian|mixolydian)\b/i.exec(
      prompt,
    ) ?? /\bkey of ([A-G])\s?(#|♯|b\b|♭|sharp|flat)?()/i.exec(prompt)
  if (named === null) return undefined
  const [, letter = 'C', accidental = '', modeName = ''] = named
  const shift = accidental === '' ? 0 : /#|♯|sharp/i.test(accidental) ? 1 : -1
  const mode = (Object.keys(scales) as Mode[]).find(
    (name) => modeName !== '' && name.startsWith(modeName.toLowerCase()),
  )
  return { tonic: ((letters[letter.toUpperCase()] ?? 0) + shift + 12) % 12, mode }
}

function chooseSinger(words: string, random: Random): Singer {
  if (/female|woman|girl|soprano|alto|she\b/.test(words)) return 'high'
  if (/male|\bman\b|baritone|tenor|bass voice|he\b/.test(words)) return 'low'
  return random.pick(['low', 'high'])
}

/** The MIDI note of a scale degree, which may lie below 0 or above 6, with degree 0 in the octave from `lowest` up. */
export function degreeToMidi(plan: Pick<SongPlan, 'tonic' | 'scale'>, degree: number, lowest: number): number {
  const octave = Math.floor(degree / 7)
  const base = lowest + ((((plan.tonic - lowest) % 12) + 12) % 12)
  return base + 12 * octave + (plan.scale[degree - 7 * octave] ?? 0)
}

/** Equal temperament, A4 at 440 Hz. */
export function midiToHz(midi: number): number {
  return 440 * 2 ** ((midi - 69) / 12)
}
