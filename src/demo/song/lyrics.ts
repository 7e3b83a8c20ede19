import type { PhonemeName } from '../speech/phonemes.ts'

/** What is sung on one note: consonants, the vowel or diphthong that is held, consonants. */
export interface Syllable {
  readonly onset: readonly PhonemeName[]
  readonly nucleus: readonly PhonemeName[]
  readonly coda: readonly PhonemeName[]
}

export interface LyricLine {
  readonly isChorus: boolean
  readonly words: readonly (readonly Syllable[])[]
}

/** The lines of a lyric, cut at line ends and punctuation; section tags only say what is a chorus. */
export function parseLyrics(lyrics: string): LyricLine[] {
  const lines: LyricLine[] = []
  let isChorus = false
  for (const part of lyrics.split(/(\[[^\]\n]{1,40}\])|[\n,.;:!?]+/)) {
    const text = part?.trim() ?? ''
    if (text.startsWith('[')) {
      isChorus = /chorus|hook/i.test(text) && !/pre/i.test(text)
      continue
    }
    const words = text.split(/[\s\-–—/]+/).flatMap((word) => {
      const syllables = splitWord(word)
      return syllables.length === 0 ? [] : [syllables]
    })
    if (words.length > 0) lines.push({ isChorus, words })
  }
  return lines
}

/** The syllables of one English-looking word; letters of other scripts are sung as "la". */
export function splitWord(word: string): Syllable[] {
  const letters = word
    .normalize('NFD')
    .replace(/[^\p{Letter}]/gu, '')
    .toLowerCase()
  if (letters === '') return []
  const latin = letters.replace(/[^a-z]/g, '')
  if (latin === '') return Array.from({ length: Math.min(12, Math.ceil(letters.length / 2)) }, () => la)
  const known = irregular[latin]
  if (known !== undefined) return [known]
  const pieces = cutSyllables(latin.slice(0, 40))
  return pieces.map((piece) => soundOut(piece, pieces.length === 1))
}

const la: Syllable = { onset: ['l'], nucleus: ['aa'], coda: [] }

/** Common words that are not said as they are spelled. */
const irregular: Readonly<Record<string, Syllable>> = {
  the: { onset: ['th'], nucleus: ['ah'], coda: [] },
  a: { onset: [], nucleus: ['ah'], coda: [] },
  you: { onset: ['y'], nucleus: ['uw'], coda: [] },
  your: { onset: ['y'], nucleus: ['ao', 'er'], coda: [] },
  to: { onset: ['hush', 't'], nucleus: ['uw'], coda: [] },
  do: { onset: ['hum', 't'], nucleus: ['uw'], coda: [] },
  of: { onset: [], nucleus: ['ah'], coda: ['v'] },
  are: { onset: [], nucleus: ['aa', 'er'], coda: [] },
  one: { onset: ['w'], nucleus: ['ah'], coda: ['n'] },
  love: { onset: ['l'], nucleus: ['ah'], coda: ['v'] },
  come: { onset: ['hush', 'k'], nucleus: ['ah'], coda: ['m'] },
  some: { onset: ['s'], nucleus: ['ah'], coda: ['m'] },
  was: { onset: ['w'], nucleus: ['ah'], coda: ['z'] },
  what: { onset: ['w'], nucleus: ['ah'], coda: ['hush', 't'] },
  through: { onset: ['th', 'r'], nucleus: ['uw'], coda: [] },
  there: { onset: ['th'], nucleus: ['eh', 'er'], coda: [] },
}

/** Vowel groups with the consonants before each; of several consonants between vowels the last goes to the next. */
function cutSyllables(word: string): string[] {
  // A final e is silent ("tonight(e)", "plays" keeps its own) but for "the", "me" and "-le".
  const spoken = /[aeiouy][^aeiouy]+e$/.test(word) && !/[^aeiouy]le$/.test(word) ? `${word.slice(0, -1)}_` : word
  const past = /[aeiouy][^aeiouydt]+ed$/.test(spoken) ? `${spoken.slice(0, -2)}d` : spoken
  const pieces = past.match(/[^aeiouy_]*[aeiouy]+(?:[^aeiouy]*$|[^aeiouy]+(?=[^aeiouy][aeiouy]))?/g)
  return pieces ?? [word]
}

/** How a word of one syllable says its open vowels: "me", "go", "sky". */
const loneVowels: readonly (readonly [RegExp, readonly PhonemeName[]])[] = [
  [/^[^aeiouy]*e$/, ['iy']],
  [/^[^aeiouy]*o$/, ['ao', 'uw']],
  [/^[^aeiou]*y$|^i$/, ['aa', 'iy']],
]

const vowels: readonly (readonly [RegExp, readonly PhonemeName[]])[] = [
  [/igh|[iy][^aeiouy]_|ind$/, ['aa', 'iy']],
  [/a[^aeiouy]_|ai|ay|ei|ey/, ['eh', 'iy']],
  [/o[^aeiouy]_|oa|oe|ow$/, ['ao', 'uw']],
  [/ou|ow/, ['aa', 'uw']],
  [/oi|oy/, ['ao', 'iy']],
  [/oo|ue|ew|u[^aeiouy]_/, ['uw']],
  [/ee|ea|ie|e[^aeiouy]_/, ['iy']],
  [/au|aw|al$|all|alk|ong|oss/, ['ao']],
  [/[eiu]r/, ['er']],
  [/ar/, ['aa', 'er']],
  [/or/, ['ao', 'er']],
  [/y/, ['iy']],
  [/a/, ['ae']],
  [/e/, ['eh']],
  [/i/, ['ih']],
  [/o/, ['aa']],
  [/u/, ['ah']],
]

function soundOut(spelling: string, isWholeWord: boolean): Syllable {
  const match = /^(y(?=[aeiou])|qu|[^aeiouy]*)([aeiouy]*)(.*)$/.exec(spelling)
  const [, before = '', , after = ''] = match ?? []
  const rules = isWholeWord ? [...loneVowels, ...vowels] : vowels
  const nucleus = rules.find(([pattern]) => pattern.test(spelling))?.[1] ?? (['ah'] as const)
  // Letters that only colour the vowel before them.
  const spoken = after.replace('_', '').replace(/^(gh|w|l(?=k)|r)/, '')
  return { onset: consonants(before), nucleus, coda: consonants(spoken) }
}

const consonantSounds: readonly (readonly [string, readonly PhonemeName[]])[] = [
  ['tch', ['hush', 't', 'sh']],
  ['th', ['th']],
  ['sh', ['sh']],
  ['ch', ['hush', 't', 'sh']],
  ['ph', ['f']],
  ['ng', ['n']],
  ['ck', ['hush', 'k']],
  ['gh', []],
  ['wh', ['w']],
  ['kn', ['n']],
  ['wr', ['r']],
  ['qu', ['hush', 'k', 'w']],
  ['b', ['hum', 'p']],
  ['c', ['hush', 'k']],
  ['d', ['hum', 't']],
  ['f', ['f']],
  ['g', ['hum', 'k']],
  ['h', ['hh']],
  ['j', ['hum', 't', 'sh']],
  ['k', ['hush', 'k']],
  ['l', ['l']],
  ['m', ['m']],
  ['n', ['n']],
  ['p', ['hush', 'p']],
  ['q', ['hush', 'k']],
  ['r', ['r']],
  ['s', ['s']],
  ['t', ['hush', 't']],
  ['v', ['v']],
  ['w', ['w']],
  ['x', ['hush', 'k', 's']],
  ['y', ['y']],
  ['z', ['z']],
]

function consonants(spelling: string): PhonemeName[] {
  const sounds: PhonemeName[] = []
  for (let at = 0; at < spelling.length && sounds.length < 6; ) {
    const found = consonantSounds.find(([letters]) => spelling.startsWith(letters, at))
    sounds.push(...(found?.[1] ?? []))
    // A doubled letter is one sound.
    at += (found?.[0].length ?? 1) + (spelling[at] === spelling[at + 1] ? 1 : 0)
  }
  return sounds
}
