import { createRandom } from '../random.ts'
import { capitalize, findKeywords } from './words.ts'

/** Lyrics about what the prompt names, for callers who let us write them. */
export function writeLyrics(prompt: string): string {
  const random = createRandom('lyrics', prompt)
  const technical = /^(bpm|major|minor|vocals?|vocal|song|music|male|female|tempo|key|sharp|flat)$/
  const words = findKeywords(prompt, 12).map(({ word }) => word)
  const subjects = words.filter((word) => !technical.test(word) && /^\p{Letter}+$/u.test(word))
  const word = (index: number) => subjects[index % Math.max(1, subjects.length)] ?? 'morning'
  const verse = random.pick([
    [`${capitalize(word(0))} in the morning light`, `I will carry ${word(1)} through the night`],
    [`I heard the ${word(0)} call my name`, `And nothing since has been the same`],
    [`There is ${word(0)} on the road tonight`, `And ${word(1)} waiting for the light`],
  ])
  const chorus = random.pick([
    [`Oh ${word(2)} stay with me`, `As far as we can see`],
    [`Sing it ${word(2)} sing it slow`, `There is ${word(0)} everywhere we go`],
  ])
  return ['[Verse]', ...verse, '', '[Chorus]', ...chorus].join('\n')
}
