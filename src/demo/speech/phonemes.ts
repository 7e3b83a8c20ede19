/**
 * One sound of speech. The formants are the first three resonances of an adult male mouth, in Hz; loudnesses are
 * relative to a vowel: `voice` from the vocal cords, `breath` noise through the mouth, `hiss` noise made at the teeth
 * or lips around `hissHz`.
 */
export interface Phoneme {
  readonly formants: readonly [number, number, number]
  readonly voice: number
  readonly breath: number
  readonly hiss: number
  readonly hissHz: number
  readonly seconds: number
}

type Formants = Phoneme['formants']

const vowel = (...formants: Formants): Phoneme => sound(formants, { voice: 1, seconds: 0.13 })
const murmur = (voice: number, ...formants: Formants): Phoneme => sound(formants, { voice, seconds: 0.07 })
const fricative = (hissHz: number, hiss: number, voice = 0): Phoneme =>
  sound([350, 1500, 2500], { hiss, hissHz, voice, seconds: 0.09 })
const burst = (hissHz: number): Phoneme => sound([400, 1600, 2500], { hiss: 0.4, hissHz, breath: 0.2, seconds: 0.025 })
const closure = (voice: number): Phoneme => sound([250, 1300, 2400], { voice, seconds: 0.045 })

function sound(formants: Formants, rest: Partial<Phoneme>): Phoneme {
  return { formants, voice: 0, breath: 0, hiss: 0, hissHz: 4000, seconds: 0.1, ...rest }
}

/** Named after ARPAbet. A stop is a closure followed by its burst; a diphthong is two vowels in a row. */
export const phonemes = {
  iy: vowel(270, 2290, 3010),
  ih: vowel(390, 1990, 2550),
  eh: vowel(530, 1840, 2480),
  ae: vowel(660, 1720, 2410),
  aa: vowel(730, 1090, 2440),
  ao: vowel(570, 840, 2410),
  uh: vowel(440, 1020, 2240),
  uw: vowel(300, 870, 2240),
  ah: vowel(640, 1190, 2390),
  er: vowel(490, 1350, 1690),
  m: murmur(0.4, 250, 1000, 2200),
  n: murmur(0.4, 260, 1500, 2500),
  l: murmur(0.6, 360, 1050, 2700),
  r: murmur(0.6, 340, 1100, 1500),
  w: murmur(0.55, 290, 650, 2200),
  y: murmur(0.6, 270, 2200, 3000),
  hh: sound([530, 1500, 2480], { breath: 0.6, seconds: 0.07 }),
  s: fricative(6500, 0.28),
  sh: fricative(3000, 0.35),
  f: fricative(5200, 0.09),
  th: fricative(6000, 0.08),
  v: fricative(4800, 0.06, 0.35),
  z: fricative(6300, 0.16, 0.35),
  hush: closure(0),
  hum: closure(0.12),
  p: burst(900),
  t: burst(4500),
  k: burst(2000),
  silence: sound([450, 1400, 2400], { seconds: 0.1 }),
} satisfies Record<string, Phoneme>

export type PhonemeName = keyof typeof phonemes
