import type { OneOrMore, Random } from '../random.ts'
import { splitWord } from '../song/lyrics.ts'
import { joinMessages, type Message } from './conversation.ts'
import { capitalize, findKeywords } from './words.ts'

/** What can follow the subject, by the number of syllables still missing. */
const afterSubject: Readonly<Record<number, OneOrMore<string>>> = {
  1: ['still', 'now', 'there'],
  2: ['again', 'at dawn', 'once more'],
  3: ['in the rain', 'far from here', 'half asleep'],
  4: ['in the morning', 'as if waiting', 'under the moon'],
}
const middles: OneOrMore<string> = [
  'waits where the river bends',
  'asks nothing and gives it all',
  'slips through the open window',
  'remembers what the rain said',
  'and a light moves on the hill',
  'carried further by the wind',
]
const endings: OneOrMore<string> = [
  'nobody owns it',
  'then the door closes',
  'morning comes slowly',
  'the whole sky listens',
  'one breath, and it goes',
]

/** A haiku on what the user asked about: five, seven and five syllables. */
export function writePoem(messages: readonly Message[], question: string, random: Random): string {
  const told = joinMessages(messages)
  const subject = findKeywords(question, 1)[0]?.word ?? findKeywords(told, 1)[0]?.word ?? 'morning'
  const lines = [fillLine(subject, 5, random), random.pick(middles), random.pick(endings)]
  return lines.map(capitalize).join('\n')
}

/** The subject with words after it until the line has its syllables; a longer subject stands alone. */
function fillLine(subject: string, syllables: number, random: Random): string {
  const rest = afterSubject[syllables - countSyllables(subject)]
  return rest === undefined ? subject : `${subject}, ${random.pick(rest)}`
}

function countSyllables(text: string): number {
  return text.split(' ').reduce((sum, word) => sum + splitWord(word).length, 0)
}
