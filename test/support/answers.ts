import type { Answer } from './upstream.ts'

/** What upstreams do in tests. */

export const answerWith =
  (status: number, body: string | Uint8Array = '', headers: Record<string, string | string[]> = {}): Answer =>
  (_call, outgoing) => {
    outgoing.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers })
    outgoing.end(body)
  }

/** Writes these bytes past the server's own framing, and then ends, resets or leaves the connection. */
export const raw =
  (bytes: string, then: 'end' | 'reset' | 'hang' = 'end'): Answer =>
  async (_call, outgoing) => {
    const { socket } = outgoing
    if (bytes !== '') await new Promise<void>((resolve) => socket?.write(bytes, () => resolve()))
    if (then === 'reset') {
      // What was written must have left before the connection goes.
      await new Promise((resolve) => setTimeout(resolve, 20))
      socket?.resetAndDestroy()
    } else if (then === 'end') {
      socket?.end()
    }
  }

export const hang: Answer = () => undefined

/** The answers in turn, the last one for ever. */
export function inTurn(...answers: readonly [Answer, ...Answer[]]): Answer {
  let calls = 0
  return (call, outgoing, incoming) => {
    const answer = answers[Math.min(calls++, answers.length - 1)] ?? answers[0]
    return answer(call, outgoing, incoming)
  }
}

/** Something that happens when a test says so. */
export interface Gate {
  readonly opened: Promise<void>
  readonly open: () => void
}

export function makeGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}
