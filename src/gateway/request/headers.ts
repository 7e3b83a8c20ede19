import type { IncomingMessage } from 'node:http'
import type { ClientFacts } from '../../ports/upstream.ts'
import type { Target } from './target.ts'

/** All values of a header, line by line: Node itself keeps only the first of some. */
export function headerLines(incoming: IncomingMessage, name: string): string[] {
  const { rawHeaders } = incoming
  const lines: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const each = rawHeaders[at] ?? ''
    if (each.length === name.length && each.toLowerCase() === name) lines.push(rawHeaders[at + 1] ?? '')
  }
  return lines
}

/** @param address of the client, which is not always that of the connection */
export function clientFacts(incoming: IncomingMessage, target: Target, address: string): ClientFacts {
  return {
    rawHeaders: incoming.rawHeaders,
    address,
    host: target.host,
    scheme: 'encrypted' in incoming.socket ? 'https' : 'http',
  }
}
