import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import { type GatewayOptions, openGateway, type TestGateway } from './gateway.ts'
import type { Answer, TestUpstream } from './upstream.ts'

/** Small servers in the place of those that the example configurations are written for. */

export const examplesDirectory = join(import.meta.dirname, '../../config/examples')

/** An OpenAI-style chat server: repeats the last message, whole or as events. */
export const chatServer: Answer = (call, outgoing) => {
  if (call.url === '/v1/models') return json(outgoing, { object: 'list', data: [{ id: 'gpt-4o-mini' }] })
  const { messages, stream } = JSON.parse(call.body.toString()) as { messages: { content: string }[]; stream: boolean }
  const content = `You said: ${messages.at(-1)?.content}`
  if (!stream) return json(outgoing, { choices: [{ message: { role: 'assistant', content } }] })
  outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const word of content.split(' ')) outgoing.write(`data: ${JSON.stringify({ delta: word })}\n\n`)
  outgoing.end('data: [DONE]\n\n')
}

/** A transcription server: says how much it was given. */
export const transcriptionServer: Answer = (call, outgoing) => json(outgoing, { text: `${call.body.length} bytes` })

/** What the image server draws. */
export const picture = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')

export const imageServer: Answer = (_call, outgoing) => {
  outgoing.writeHead(200, { 'content-type': 'image/png' })
  outgoing.end(picture)
}

function json(outgoing: Parameters<Answer>[1], value: unknown): void {
  outgoing.writeHead(200, { 'content-type': 'application/json' })
  outgoing.end(JSON.stringify(value))
}

/** An example as it is, but for the addresses it listens on and the one place where its server is. */
export async function openExample(
  name: string,
  upstream: { readonly writtenAs: string; readonly at: TestUpstream },
  options: Partial<GatewayOptions> = {},
): Promise<TestGateway> {
  const text = readFileSync(join(examplesDirectory, name), 'utf8')
  if (!text.includes(upstream.writtenAs)) throw new Error(`${name} does not name ${upstream.writtenAs}`)
  const document = parseDocument(text.replaceAll(upstream.writtenAs, upstream.at.url))
  for (const key of ['listen', 'admin', 'data']) document.delete(key)
  if (document.has('health')) document.setIn(['health', 'listen'], '127.0.0.1:0')
  return await openGateway({ config: String(document), baseDir: examplesDirectory, ...options })
}
