import { type Input, optionalText, UnusableInput } from '../operation.ts'
import type { OneOrMore } from '../random.ts'

export interface Message {
  readonly speaker: 'user' | 'assistant'
  readonly text: string
}

export interface TextRequest {
  readonly messages: OneOrMore<Message>
  /** The last thing the user said: what is to be answered. */
  readonly question: string
  readonly file: { readonly name: string | undefined; readonly text: string } | undefined
  readonly imageData: string | undefined
}

/** Reading further than this would make one request slow for all. */
const longestText = 200_000

/** Reads the body of POST /generate-text. Roles are taken in any case, as OpenAI's clients write them small. */
export function parseTextRequest(input: Input): TextRequest {
  const list: unknown =
    typeof input['input'] === 'string' ? [{ role: 'user', content: input['input'] }] : input['input']
  if (!Array.isArray(list)) throw new UnusableInput('input must be an array of {role, content} objects')
  const [first, ...rest] = list.slice(-200).map(parseMessage)
  if (first === undefined) throw new UnusableInput('input must hold at least one message')
  const messages: OneOrMore<Message> = [first, ...rest]
  const question = messages.findLast((message) => message.speaker === 'user' && message.text.trim() !== '')?.text
  if (question === undefined) throw new UnusableInput('input must hold a message of the user')
  const fileText = optionalText(input, 'fileContext', longestText)
  return {
    messages,
    question,
    file: fileText === undefined ? undefined : { name: optionalText(input, 'fileName', 200), text: fileText },
    imageData: optionalText(input, 'imageData', Number.POSITIVE_INFINITY),
  }
}

/** Everything that was said, one message a line; of very long conversations the end. */
export function joinMessages(messages: readonly Message[]): string {
  return messages
    .map((message) => message.text)
    .join('\n')
    .slice(-longestText)
}

function parseMessage(value: unknown): Message {
  const message: Input = typeof value === 'object' && value !== null ? { ...value } : {}
  const { role, content } = message
  if (typeof role !== 'string' || typeof content !== 'string') {
    throw new UnusableInput('every message in input needs a role and a content, both strings')
  }
  return { speaker: role.toLowerCase() === 'assistant' ? 'assistant' : 'user', text: content.slice(0, longestText) }
}
