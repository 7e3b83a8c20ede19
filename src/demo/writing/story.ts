import type { OneOrMore, Random } from '../random.ts'
import { joinMessages, type Message } from './conversation.ts'
import { capitalize, findKeywords, findThings, isContentWord, withArticle } from './words.ts'

/** What the conversation has told about the story so far, filled up with inventions. */
interface Cast {
  readonly hero: string
  /** What the hero does, as in "to sing". */
  readonly deed: string
  readonly treasure: string
  /** As it is called when first mentioned, and after that. */
  readonly place: { readonly full: string; readonly short: string }
  readonly friend: string
}

const places: OneOrMore<Cast['place']> = [
  { full: 'a hidden valley full of musical flowers', short: 'the valley' },
  { full: 'a lake that kept the reflections of everyone who ever passed', short: 'the lake' },
  { full: 'a hill where the wind told its own stories', short: 'the hill' },
  { full: 'a village that slept by day and shone by night', short: 'the village' },
  { full: 'the last lighthouse before the open sea', short: 'the lighthouse' },
]
const friends: OneOrMore<string> = ['owl', 'fox', 'miller', 'turtle', 'lamplighter', 'cartographer']
const treasures: OneOrMore<string> = ['echo', 'lantern', 'map', 'silver key', 'letter', 'seed']
const deeds: OneOrMore<string> = ['wander', 'listen', 'wonder', 'dream', 'hope']

/** Goes on with a story, or begins one, with the hero, deeds and things that the conversation named. */
export function writeStory(messages: readonly Message[], random: Random): string {
  const cast = castStory(messages, random)
  const isBegun = messages.some((message) => message.speaker === 'assistant')
  const question = messages.at(-1)?.text ?? ''
  const isEnding = /\b(end|ending|ends|finish|finally|conclude|last)\b/i.test(question)
  const sentences = [
    isBegun ? depart(cast, random) : begin(cast, random),
    trouble(cast, random),
    ...meet(cast, random),
    turn(cast, random),
    isEnding ? close(cast, random) : hang(cast, random),
  ]
  return sentences.map(capitalize).join(' ')
}

function castStory(messages: readonly Message[], random: Random): Cast {
  const told = joinMessages(messages)
  const subject = /\b(?:story|tale|fable|legend|book)\s+(?:of|about|on|with)\s+([^.!?\n]{2,80})/i.exec(told)?.[1] ?? ''
  const hero = chooseHero(findThings(subject)[0] ?? subjectWord(subject), findThings(told)) ?? subjectWord(told)
  const others = findThings(told).filter((thing) => thing !== hero && !lastWord(hero ?? '').includes(lastWord(thing)))
  const [treasure, ...rest] = others
  const place = rest.find((thing) =>
    new RegExp(`\\b(?:in|at|on|to|into|near|over|across)\\s+\\w+\\s+${thing}`, 'i').test(told),
  )
  return {
    hero: `the ${hero ?? 'traveller'}`,
    deed: findDeed(told) ?? random.pick(deeds),
    treasure: `the ${treasure ?? random.pick(treasures)}`,
    place: place === undefined ? random.pick(places) : { full: `the ${place}`, short: `the ${lastWord(place)}` },
    friend: random.pick(friends),
  }
}

/** The fullest name that the conversation gives its hero: "bird" becomes "little bird" once that was said. */
function chooseHero(named: string | undefined, things: readonly string[]): string | undefined {
  const hero = named ?? things[0]
  if (hero === undefined) return undefined
  return things.find((thing) => lastWord(thing) === lastWord(hero) && thing.length > hero.length) ?? hero
}

function subjectWord(text: string): string | undefined {
  return findKeywords(text, 1)[0]?.word
}

function lastWord(phrase: string): string {
  return phrase.split(' ').at(-1) ?? phrase
}

/** The verb in "loved to sing" or "dreamed of flying". */
function findDeed(told: string): string | undefined {
  const pattern =
    /\b(?:lov|lik|want|learn|dream|long|tri|wish|hop|beg[au]n)\p{Letter}{0,3} (to|of) (\p{Letter}{2,20})/giu
  const verbs = Array.from(told.matchAll(pattern), ([, link = '', verb = '']) =>
    link.toLowerCase() === 'of' ? verb.toLowerCase().replace(/ing$/, '') : verb.toLowerCase(),
  )
  return verbs.findLast(isContentWord)
}

function begin({ hero, deed, place }: Cast, random: Random): string {
  const name = hero.slice(4)
  return random.pick([
    `Once, at the edge of ${place.full}, there lived ${withArticle(name)} who loved to ${deed}.`,
    `Nobody at ${place.full} remembered a time before ${hero}, who would ${deed} from the first light on.`,
    `There was once ${withArticle(name)} who wanted nothing more than to ${deed}, even on the way to ${place.full}.`,
  ])
}

function depart({ hero, deed, place }: Cast, random: Random): string {
  return random.pick([
    `The next morning ${hero} went further than ever before and discovered ${place.full}.`,
    `One evening ${hero} stopped to ${deed}, and heard an answer from far away: it came from ${place.full}.`,
    `Before the week was over ${hero} had left home and come to ${place.full}.`,
  ])
}

function trouble({ hero, deed, treasure }: Cast, random: Random): string {
  return random.pick([
    `But a storm came up behind ${hero}, and in the dark there was no sign of ${treasure}.`,
    `But there it was so quiet that ${hero} forgot how to ${deed}, and even ${treasure} seemed to fade.`,
    `But someone had been there first, and ${treasure} was gone.`,
  ])
}

function meet({ hero, deed, friend }: Cast, random: Random): string[] {
  return random.pick([
    [
      `An old ${friend} had watched it all. "Why do you ${deed}?" asked the ${friend}.`,
      `"Because when I ${deed}," said ${hero}, "nobody who hears of it is alone."`,
    ],
    [
      `${capitalize(withArticle(friend))} came down the path and sat beside ${hero}.`,
      `"I used to ${deed} too," said the ${friend}, "until I thought that no one cared."`,
    ],
  ])
}

function turn({ hero, deed, friend, treasure }: Cast, random: Random): string {
  return random.pick([
    `So ${hero} began to ${deed}, softly at first, and the ${friend} joined in until ${treasure} came back to them.`,
    `That night the two of them started to ${deed} together, and by dawn they had found ${treasure}.`,
  ])
}

function close({ hero, deed, place }: Cast, random: Random): string {
  return random.pick([
    `Ever since, all of ${place.short} has known how to ${deed}, and ${hero} has never been alone again. The end.`,
    `And if you pass ${place.short} on a still evening, you can hear ${hero} ${deed} to this day. The end.`,
  ])
}

function hang({ hero, place, treasure }: Cast, random: Random): string {
  return random.pick([
    `Yet far beyond ${place.short}, someone else had noticed, and was already on the way.`,
    `Only then did ${hero} see what was written on ${treasure}: "Turn back before the moon is full."`,
    `${capitalize(hero)} smiled, for behind ${place.short} there was another road, and nobody had walked it yet.`,
  ])
}
