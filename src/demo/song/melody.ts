import { createRandom, type Random } from '../random.ts'
import type { LyricLine, Syllable } from './lyrics.ts'
import type { SongPlan } from './plan.ts'

/** A note of the tune. Times are in sixteenths of a bar from the start of the song. */
export interface MelodyNote {
  readonly start: number
  readonly length: number
  /** Scale degree: 0 is the tonic, 7 the tonic an octave up. */
  readonly degree: number
  readonly syllable: Syllable | undefined
}

export interface Bar {
  readonly isChorus: boolean
  readonly syllables: readonly Syllable[]
}

export const stepsPerBar = 16
const easiestSyllablesPerSecond = 4.5

/**
 * Spreads the lines over the song's bars. When there are more lines than bars the song opens with the first ones and
 * ends with the chorus; when there are fewer they come again.
 */
export function layOutBars(lines: readonly LyricLine[], barCount: number, bpm: number): Bar[] {
  const most = Math.max(4, Math.min(stepsPerBar, Math.floor((240 / bpm) * easiestSyllablesPerSecond)))
  const sung = lines.flatMap((line) => cutLine(line, most))
  if (sung.length <= barCount) return Array.from({ length: barCount }, (_, i) => sung[i % sung.length] ?? silentBar)
  const chorus = sung.filter((bar) => bar.isChorus).slice(0, Math.floor(barCount / 2))
  const verse = sung.filter((bar) => chorus.length === 0 || !bar.isChorus).slice(0, barCount - chorus.length)
  return [...verse, ...chorus]
}

const silentBar: Bar = { isChorus: false, syllables: [] }

function cutLine(line: LyricLine, most: number): Bar[] {
  const bars: Syllable[][] = [[]]
  for (const word of line.words) {
    const bar = bars.at(-1)
    if (bar === undefined || (bar.length > 0 && bar.length + word.length > most)) bars.push(word.slice(0, most))
    else bar.push(...word.slice(0, most))
  }
  return bars.map((syllables) => ({ isChorus: line.isChorus, syllables }))
}

/** A tune for the bars: each section keeps one contour, bent to the chord of the bar, so that it is remembered. */
export function composeMelody(plan: SongPlan, bars: readonly Bar[], seed: string): MelodyNote[] {
  const random = createRandom('melody', seed)
  const contours = { verse: drawContour(random, 1), chorus: drawContour(random, 4) }
  const ladder = pentatonic(plan.isMinor)
  const notes: MelodyNote[] = []
  for (const [index, bar] of bars.entries()) {
    const chord = plan.chords[index % plan.chords.length] ?? 0
    const contour = bar.isChorus ? contours.chorus : contours.verse
    const onsets = chooseOnsets(bar.syllables.length || random.integer(4, 6), random)
    // Every second bar answers: it starts the same way and falls at its end.
    const isAnswer = index % 2 === 1
    for (const [i, onset] of onsets.entries()) {
      const next = onsets[i + 1] ?? stepsPerBar - (bar.syllables.length > 12 ? 0 : 1)
      const fall = isAnswer && i >= onsets.length / 2 ? 2 : 0
      const rung = (contour[Math.floor(onset / 2)] ?? 0) - fall
      const free = ladder(rung)
      const isLast = index === bars.length - 1 && i === onsets.length - 1
      const degree = isLast
        ? 7 * Math.round(free / 7)
        : onset % 8 === 0 || next - onset >= 4
          ? nearest(free, chord)
          : free
      notes.push({
        start: index * stepsPerBar + onset,
        length: next - onset + (isLast ? stepsPerBar / 2 : 0),
        degree,
        syllable: bar.syllables[i],
      })
    }
  }
  return notes
}

/** Eight rungs, one an eighth note, moving mostly by step around a centre. */
function drawContour(random: Random, centre: number): number[] {
  const rungs: number[] = []
  let rung = centre + random.integer(-1, 1)
  for (let i = 0; i < 8; i++) {
    rungs.push(rung)
    const pull = rung > centre + 2 ? -1 : rung < centre - 2 ? 1 : 0
    rung += pull !== 0 ? pull : random.pick([-2, -1, -1, 0, 1, 1, 2])
  }
  return rungs
}

/** Five notes of the scale that fit every chord: rung 0 is the tonic. */
function pentatonic(isMinor: boolean): (rung: number) => number {
  const degrees = isMinor ? [0, 2, 3, 4, 6] : [0, 1, 2, 4, 5]
  return (rung) => {
    const octave = Math.floor(rung / 5)
    return 7 * octave + (degrees[rung - 5 * octave] ?? 0)
  }
}

function nearest(degree: number, chord: number): number {
  const distances = [0, 1, -1, 2, -2].map((distance) => degree + distance)
  return distances.find((candidate) => [0, 2, 4].includes((((candidate - chord) % 7) + 7) % 7)) ?? degree
}

/** Where `count` syllables start in a bar: eighths first, strong beats before weak ones, the last one held. */
function chooseOnsets(count: number, random: Random): number[] {
  if (count >= 9) {
    const extra = [13, 5, 9, 1, 15, 7, 11, 3].slice(0, count - 8)
    return [0, 2, 4, 6, 8, 10, 12, 14, ...extra].toSorted((a, b) => a - b).slice(0, stepsPerBar)
  }
  const order = count === 8 ? [14] : []
  const strong = count > 2 ? [0, 12, 8] : [0, 8]
  const weak = random.chance(0.5) ? [4, 6, 2, 10] : [6, 4, 10, 2]
  return [...strong, ...weak, 12, ...order]
    .filter(isFirst)
    .slice(0, count)
    .toSorted((a, b) => a - b)
}

function isFirst(value: number, index: number, all: readonly number[]): boolean {
  return all.indexOf(value) === index
}
