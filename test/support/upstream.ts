import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What an upstream received, whole. */
export interface ReceivedCall {
  readonly method: string
  /** Path and query as they stood on the request line. */
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

export type Answer = (call: ReceivedCall, outgoing: ServerResponse, incoming: IncomingMessage) => void | Promise<void>

/** A scriptable upstream that remembers every call. */
export interface TestUpstream extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly calls: ReceivedCall[]
  /** How it answers from now on. */
  answer: Answer
}

/** Answers every call with what it received, as JSON. */
export const echo: Answer = (call, outgoing) => {
  outgoing.writeHead(200, { 'content-type': 'application/json' })
  outgoing.end(JSON.stringify({ method: call.method, url: call.url, body: call.body.toString() }))
}

/** @param at the port; 0: any */
export async function openUpstream(answer: Answer = echo, at = 0): Promise<TestUpstream> {
  const calls: ReceivedCall[] = []
  const upstream = { answer }
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = incoming
      const call = { method, url, headers, rawHeaders, body: Buffer.concat(chunks) }
      calls.push(call)
      void upstream.answer(call, outgoing, incoming)
    })
  })
  await new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(upstream, {
    url: `http://127.0.0.1:${port}`,
    port,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}
