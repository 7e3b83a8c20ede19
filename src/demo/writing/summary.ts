import type { TextRequest } from './conversation.ts'
import { findKeywords, isContentWord, splitSentences, splitWords } from './words.ts'

/** The sentences of the file that say most of what it says, and most about what was asked, in their own order. */
export function summarizeFile(file: NonNullable<TextRequest['file']>, question: string): string {
  const sentences = splitSentences(file.text).slice(0, 5000)
  const keywords = findKeywords(file.text, 40)
  const weights = new Map(keywords.map(({ word, count }) => [word, count]))
  for (const word of splitWords(question)) {
    const lower = word.toLowerCase()
    // What the question asks about outweighs what the file repeats.
    if (isContentWord(lower)) weights.set(lower, (weights.get(lower) ?? 0) + 2 * (keywords[0]?.count ?? 1))
  }
  const wanted = Math.min(4, Math.max(1, Math.ceil(sentences.length / 4)))
  const chosen = sentences
    .map((sentence, index) => ({ sentence, index, score: scoreSentence(sentence, index, weights) }))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, wanted)
    .toSorted((a, b) => a.index - b.index)
    .map(({ sentence }) => (sentence.length > 400 ? `${sentence.slice(0, 400)}…` : sentence))
  const label = file.name ?? 'The document'
  const size = `${label} has ${plural(splitWords(file.text).length, 'word')} in ${plural(sentences.length, 'sentence')}.`
  const terms = keywords.slice(0, 5).map(({ word, count }) => `${word} (${count})`)
  const about = terms.length === 0 ? '' : ` It mostly speaks of ${terms.join(', ')}.`
  return `${size}${about} In short:\n\n${chosen.map((sentence) => `- ${sentence}`).join('\n')}`
}

function scoreSentence(sentence: string, index: number, weights: ReadonlyMap<string, number>): number {
  const words = splitWords(sentence)
  const sum = words.reduce((total, word) => total + (weights.get(word.toLowerCase()) ?? 0), 0)
  // Long sentences hold more words by being long; the first sentence often says what the text is.
  return (sum / Math.sqrt(words.length + 4)) * (index === 0 ? 1.3 : 1)
}

function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}
