import { type Answer, failIfTold, type Input, type OperationContext } from './operation.ts'
import { createRandom } from './random.ts'
import { parseTextRequest, type TextRequest } from './writing/conversation.ts'
import { describeImage } from './writing/image.ts'
import { writePoem } from './writing/poem.ts'
import { writeReply } from './writing/reply.ts'
import { writeStory } from './writing/story.ts'
import { summarizeFile } from './writing/summary.ts'

/** POST /generate-text: an answer made from the conversation, whole or, for `Accept: text/event-stream`, word by word. */
export function generateText(input: Input, context: OperationContext): Answer {
  const text = writeAnswer(parseTextRequest(input))
  if (!context.accept.includes('text/event-stream')) return { kind: 'text', text }
  return { kind: 'words', words: text.match(/\s*\S+/g) ?? [] }
}

function writeAnswer(request: TextRequest): string {
  const { messages, question, file, imageData } = request
  failIfTold(question)
  if (imageData !== undefined) return describeImage(imageData)
  if (file !== undefined) return summarizeFile(file, question)
  const random = createRandom('text', JSON.stringify(messages))
  if (/\b(poem|haiku|verse|rhyme)s?\b/i.test(question)) return writePoem(messages, question, random)
  if (asksForStory(request)) return writeStory(messages, random)
  return writeReply(messages, question, random)
}

function asksForStory({ messages, question }: TextRequest): boolean {
  const story = /\b(story|tale|fable|legend|once upon a time)\b/i
  if (story.test(question)) return true
  const continues = /\b(next|continue|go on|and then|more|ending|what happen\w*|how does it end|finish)\b/i
  return continues.test(question) && messages.some((message) => story.test(message.text))
}
