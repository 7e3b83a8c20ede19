import type { OneOrMore, Random } from '../random.ts'
import { joinMessages, type Message } from './conversation.ts'
import { capitalize, findKeywords, splitSentences } from './words.ts'

/** Answers anything else: a sum, a greeting, names, or the user's own words turned over. */
export function writeReply(messages: readonly Message[], question: string, random: Random): string {
  return (
    answerSum(question) ??
    greet(question, random) ??
    inventNames(question, random) ??
    ponder(messages, question, random)
  )
}

function answerSum(question: string): string | undefined {
  const match =
    /(-?\d{1,12}(?:\.\d{1,6})?)\s*([+\-−*×x/÷])\s*(-?\d{1,12}(?:\.\d{1,6})?)(?![\d.]*\s*[+\-−*×x/÷]\s*\d)/.exec(
      question,
    )
  if (match === null) return undefined
  const [, left = '', sign = '', right = ''] = match
  const [a, b] = [Number(left), Number(right)]
  if (sign === '+') return `${left} + ${right} = ${tidy(a + b)}.`
  if (sign === '-' || sign === '−') return `${left} − ${right} = ${tidy(a - b)}.`
  if (sign === '/' || sign === '÷')
    return b === 0 ? `${left} cannot be divided by zero.` : `${left} ÷ ${right} = ${tidy(a / b)}.`
  return `${left} × ${right} = ${tidy(a * b)}.`
}

function tidy(value: number): string {
  return String(Number(value.toPrecision(12)))
}

function greet(question: string, random: Random): string | undefined {
  const match = /^\s*(hello|hi|hey|good (?:morning|evening|day)|hola|bonjour|hallo)\b\W*(.{0,40})$/is.exec(question)
  if (match === null || /\?/.test(question)) return undefined
  const offer = random.pick([
    'Ask me for a story, a haiku or a few names',
    'Send me a document as fileContext and I sum it up, or ask for a story',
  ])
  return `${capitalize((match[1] ?? 'hello').toLowerCase())}! I am the sample text service behind this gateway. ${offer}.`
}

const qualities: OneOrMore<string> = [
  'Copper',
  'Quiet',
  'North',
  'Paper',
  'Second',
  'Golden',
  'Little',
  'Open',
  'Velvet',
  'Plain',
]
const nouns: OneOrMore<string> = [
  'Harbour',
  'Lantern',
  'Thread',
  'Orchard',
  'Compass',
  'Window',
  'Engine',
  'Parade',
  'Letter',
]

const writtenCounts: Readonly<Record<string, number>> = { two: 2, three: 3, four: 4, five: 5, six: 6, ten: 10 }

function inventNames(question: string, random: Random): string | undefined {
  const match = /\b(?:names?|titles?)\s+(?:for|of)\s+(.{2,80})/isu.exec(question)
  if (match === null) return undefined
  const asked =
    /\b(\d{1,2}|two|three|four|five|six|ten)\s/i.exec(question.slice(0, match.index))?.[1]?.toLowerCase() ?? '5'
  const count = Math.min(20, Math.max(1, writtenCounts[asked] ?? Number(asked)))
  const subjects = findKeywords(match[1] ?? '', 3).map(({ word }) => capitalize(word))
  const names = new Set<string>()
  for (let i = 0; i < count * 8 && names.size < count; i++) {
    const subject = subjects[random.integer(0, subjects.length - 1)] ?? 'House'
    const before = `${random.pick(qualities)} ${subject}`
    const after = `${subject} & ${random.pick(nouns)}`
    names.add(random.pick([before, after, `The ${random.pick(nouns)} ${subject}`]))
  }
  return Array.from(names, (name, i) => `${i + 1}. ${name}`).join('\n')
}

/** No model is at work here: the words that matter in the conversation are set against each other. */
function ponder(messages: readonly Message[], question: string, random: Random): string {
  const told = joinMessages(messages)
  const asked = findKeywords(question, 3).map(({ word }) => word)
  const [first, second, third] = [...new Set([...asked, ...findKeywords(told, 6).map(({ word }) => word)])]
  if (first === undefined || second === undefined) return askForMore(question, first)
  const opening = random.pick([
    `Your question turns on ${first}.`,
    `Let me begin with ${first}, because everything else here leans on it.`,
    `${capitalize(first)} is the word to hold on to.`,
  ])
  const relation = random.pick([
    `Take it away and ${second} has nothing to stand on; keep it and ${second} follows almost by itself.`,
    `Next to it stands ${second}, and the two explain each other better than either does alone.`,
    `Most of what can be said about ${second} is really a statement about ${first}.`,
  ])
  const limit =
    third === undefined ? '' : ` Where they part is ${third}: that is where I would look for an example first.`
  const earlier = splitSentences(messages.slice(0, -1).at(-1)?.text ?? '')[0]
  const memory = earlier === undefined ? '' : ` You will remember what was said before: “${earlier.slice(0, 160)}”`
  return `${opening} ${relation}${limit}${memory}\n\n(This is a sample service: it answers from your own words, without a language model.)`
}

function askForMore(question: string, keyword: string | undefined): string {
  const quoted = `You wrote “${question.trim().slice(0, 80)}”.`
  if (keyword === undefined)
    return `${quoted} Give me a subject, and I will write a story, a haiku or a few names about it.`
  return `${quoted} Shall it be a story about ${keyword}, a haiku on ${keyword}, or five names for ${keyword}?`
}
