const stopWords = new Set(
  `a about above after again against ago all almost along already also although always am among an and any anyone
  anything are around as ask at away back be became because been before began being below between both bring but by
  came can cannot can't come could day did do does doesn't doing don't done down each either else enough even ever
  every everyone everything few find first for from gave get give given go goes going gone got had happen happened
  happens has have having he her here hers him his how however i i'm if in into is isn't it it's its itself just keep
  kind know known last let like little live long look made make makes making many may maybe me might more most much
  must my myself near need never new next no none nor not nothing now of off often oh ok okay old on once one only or
  other our out over own part people perhaps please put quite rather really said same saw say says see seem seen she
  should since so some someone something sometimes soon still such take tell than thank thanks that that's the their
  them then there there's these they thing things think this those though through time to today together told too
  toward two under until up upon us use used using very want wants was wasn't way we well went were what what's when
  where whether which while who whole whom whose why will with within without won't would write yes yet you your
  yours story stories tale poem haiku sentence words short create generate explain describe continue summarize
  summarise document image picture question answer`.split(/\s+/),
)

/** What is longer is not a word but data. */
const longestWord = 40

/** Whether a word carries meaning of its own. */
export function isContentWord(word: string): boolean {
  return word.length > 2 && !stopWords.has(word.toLowerCase())
}

/** The words of a text, as written. */
export function splitWords(text: string): string[] {
  return text.match(/[\p{Letter}\p{Mark}\p{Number}]+(?:['’-][\p{Letter}\p{Mark}\p{Number}]+)*/gu) ?? []
}

/** Sentences, with their closing marks. Headings, list items and table rows count as one each; wrapped lines do not. */
export function splitSentences(text: string): string[] {
  return text
    .replace(/\r/g, '')
    .replace(/[ \t]+/g, ' ')
    .replace(/\n(?! ?(?:\n|[-*•#|>]|\d+[.)]))/g, ' ')
    .split(/(?<=[.!?…。！？]["'”’)]?)\s+|\n+|(?<=[。！？])/u)
    .map((sentence) => sentence.replace(/^\s*(?:[-*•#>|]+|\d+[.)])\s+/, '').trim())
    .filter((sentence) => sentence !== '')
}

/** The words that carry the text, most frequent first and in order of appearance among equals. */
export function findKeywords(text: string, most: number): { readonly word: string; readonly count: number }[] {
  const counts = new Map<string, number>()
  for (const word of splitWords(text)) {
    const lower = word.toLowerCase()
    if (isContentWord(lower) && lower.length <= longestWord && !/^\d+$/.test(lower))
      counts.set(lower, (counts.get(lower) ?? 0) + 1)
  }
  return Array.from(counts, ([word, count]) => ({ word, count }))
    .toSorted((a, b) => b.count - a.count)
    .slice(0, most)
}

/**
 * The things a text names: what follows an article, a possessive or a preposition up to the next small word, so
 * "a story of a little bird" names "little bird".
 */
export function findThings(text: string): string[] {
  const things: string[] = []
  const pattern =
    /(?<![\p{Letter}'’])(?:an?|the|my|his|her|their|our|your|some|two|three)\s+((?:\p{Letter}{1,40}\s+){0,2}\p{Letter}{1,40})/giu
  for (const [, phrase = ''] of text.matchAll(pattern)) {
    const words = phrase.toLowerCase().split(/\s+/)
    // "little" and "old" are small words elsewhere but belong to a thing they stand before.
    const end = words.findIndex((word) => !isContentWord(word) && !/^(little|old|new|long|first|last)$/.test(word))
    const kept = dropTrailingVerb(words.slice(0, end === -1 ? words.length : end))
    const head = kept.at(-1)
    if (head !== undefined && isContentWord(head) && !things.includes(kept.join(' '))) things.push(kept.join(' '))
  }
  return things.filter((thing) => !things.some((other) => other !== thing && other.endsWith(` ${thing}`)))
}

/** "bird loved singing": a thing ends before a word that looks like a verb. */
function dropTrailingVerb(words: readonly string[]): readonly string[] {
  const verb = words.findIndex((word, i) => i > 0 && /(ed|ing|ly)$/.test(word) && word.length > 4)
  return verb === -1 ? words : words.slice(0, verb)
}

/** "a bird", "an owl". */
export function withArticle(thing: string): string {
  return `${/^[aeiou]/i.test(thing) ? 'an' : 'a'} ${thing}`
}

export function capitalize(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
