import { type AddressInfo, createServer, type Socket } from 'node:net'

/** One request as its bytes stood on the wire towards the upstream. */
export interface WireRequest {
  readonly method: string
  readonly target: string
  /** Names as sent, in order. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

export interface RawUpstream extends AsyncDisposable {
  readonly url: string
  readonly requests: WireRequest[]
  /** Bytes that were no request: an upstream of a correct gateway never sees any. */
  readonly strays: string[]
}

export interface Habits {
  /** Reads no body: whatever follows a head is taken for the next request. Many small servers do this. */
  readonly ignoresBodies?: boolean
}

/** An upstream without an HTTP library between it and the bytes, that counts what it is sent. */
export async function openRawUpstream({ ignoresBodies = false }: Habits = {}): Promise<RawUpstream> {
  const requests: WireRequest[] = []
  const strays: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    let pending = ''
    socket.on('data', (chunk: Buffer) => {
      pending += chunk.toString('latin1')
      for (;;) {
        const cut = cutRequest(pending, ignoresBodies)
        if (!cut) return
        pending = cut.rest
        if (cut.kind === 'stray') {
          strays.push(cut.text)
          continue
        }
        requests.push(cut.request)
        const closes = headerOf(cut.request, 'connection').includes('close')
        const text = JSON.stringify({ method: cut.request.method, target: cut.request.target })
        socket.write(
          `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n${closes ? 'Connection: close\r\n' : ''}\r\n${text}`,
        )
        if (!closes) continue
        socket.end()
        pending = ''
        return
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    strays,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** All values of a header, lower case, in one line. */
export const headerOf = ({ headers }: WireRequest, name: string): string =>
  headers
    .filter(([each]) => each.toLowerCase() === name)
    .map(([, value]) => value.toLowerCase())
    .join(',')

type Cut =
  | { readonly kind: 'request'; readonly request: WireRequest; readonly rest: string }
  | { readonly kind: 'stray'; readonly text: string; readonly rest: string }

/** The first request of the bytes; undefined when it is not all there. */
function cutRequest(bytes: string, ignoresBodies: boolean): Cut | undefined {
  const begin = bytes.search(/[A-Z]+ \S+ HTTP\/1\.[01]\r?\n/)
  if (begin < 0) return undefined
  if (begin > 0) return { kind: 'stray', text: bytes.slice(0, begin), rest: bytes.slice(begin) }
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [requestLine = '', ...lines] = bytes.slice(0, headEnd).split('\r\n')
  const [method = '', target = ''] = requestLine.split(' ')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const head = { method, target, headers, body: '' }
  const rest = bytes.slice(headEnd + 4)
  if (ignoresBodies) return { kind: 'request', request: head, rest }
  if (headerOf(head, 'transfer-encoding').includes('chunked')) {
    const decoded = cutChunks(rest)
    return decoded && { kind: 'request', request: { ...head, body: decoded.body }, rest: decoded.rest }
  }
  const length = Number(headerOf(head, 'content-length') || '0')
  if (rest.length < length) return undefined
  return { kind: 'request', request: { ...head, body: rest.slice(0, length) }, rest: rest.slice(length) }
}

function cutChunks(bytes: string): { readonly body: string; readonly rest: string } | undefined {
  let body = ''
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.slice(at, lineEnd), 16)
    const begin = lineEnd + 2
    if (bytes.length < begin + size + 2) return undefined
    if (size === 0) return { body, rest: bytes.slice(begin + 2) }
    body += bytes.slice(begin, begin + size)
    at = begin + size + 2
  }
}
