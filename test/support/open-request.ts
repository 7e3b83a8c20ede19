import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import type { Sent } from './buyer.ts'
import type { TestGateway } from './gateway.ts'

/** An answer that is read as far as a test wants, over a connection of its own. */
export interface OpenedRequest {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly trailers: NodeJS.Dict<string>
  /** Waits until at least this many bytes of the body have come in all. @returns all that has come */
  atLeast(bytes: number): Promise<Buffer>
  /** All of the body; rejects when the connection breaks before its end. */
  whole(): Promise<Buffer>
  /** True once the end of the body has been seen. */
  readonly ended: boolean
  /** Breaks the connection. */
  readonly leave: () => void
  /** Takes no more bytes until `whole` or `atLeast` is asked for. */
  readonly pause: () => void
}

/** Sends a request and resolves with the head of its answer. */
export async function openRequest(
  gateway: Pick<TestGateway, 'url'>,
  { method, path, body, headers }: Sent,
): Promise<OpenedRequest> {
  const { answered } = beginRequest(gateway, { path, body, ...(method && { method }), ...(headers && { headers }) })
  return await answered
}

/** Sends a request without waiting for anything. */
export function beginRequest(
  gateway: Pick<TestGateway, 'url'>,
  { method, path, body, headers }: Sent,
): { readonly answered: Promise<OpenedRequest>; readonly leave: () => void } {
  const { hostname, port } = new URL(gateway.url)
  const text = body === undefined ? undefined : JSON.stringify(body)
  const outgoing = request({
    hostname,
    port,
    path,
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
    agent: false,
  })
  const answered = new Promise<OpenedRequest>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => resolve(follow(incoming)))
  })
  answered.catch(() => undefined)
  outgoing.end(text)
  return { answered, leave: () => outgoing.destroy() }
}

function follow(incoming: IncomingMessage): OpenedRequest {
  const chunks: Buffer[] = []
  let size = 0
  let ended = false
  let changed = Promise.withResolvers<void>()
  const wake = (): void => {
    changed.resolve()
    changed = Promise.withResolvers()
  }
  incoming.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    wake()
  })
  let broken: Error | undefined
  incoming.on('end', () => {
    ended = true
    wake()
  })
  incoming.on('error', (error: Error) => {
    broken = error
    wake()
  })
  const until = async (enough: () => boolean): Promise<Buffer> => {
    incoming.resume()
    while (!enough()) {
      if (broken) throw broken
      await changed.promise
    }
    return Buffer.concat(chunks)
  }
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    get trailers() {
      return incoming.trailers
    },
    get ended() {
      return ended
    },
    atLeast: (bytes) => until(() => size >= bytes),
    whole: () => until(() => ended),
    leave: () => void incoming.destroy(),
    pause: () => void incoming.pause(),
  }
}
