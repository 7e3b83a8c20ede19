import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

const wordDelayMs = 25

/** Sends the words as server-sent events, `data: {"text":"…"}` each, then `data: [DONE]`. */
export async function streamWords(
  words: readonly string[],
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store' })
  for (const text of words) {
    response.write(`data: ${JSON.stringify({ text })}\n\n`)
    await delay(wordDelayMs, undefined, { signal })
  }
  response.end('data: [DONE]\n\n')
}
