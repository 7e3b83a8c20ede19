import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as a client sent it, and the answer it got. */
export interface Overheard {
  readonly method: string
  readonly url: string
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  readonly body: Buffer
  readonly status: number
}

/** Stands between an unmodified client and the gateway and remembers what they said to each other. */
export interface Wiretap extends AsyncDisposable {
  readonly url: string
  readonly heard: readonly Overheard[]
  /** The statuses of the answers, in order. */
  statuses(): number[]
  forget(): void
}

/** @param target `http://host:port`; may be replaced by assigning to the returned `target` after a restart */
export async function openWiretap(target: string): Promise<Wiretap & { target: string }> {
  const heard: Overheard[] = []
  const tap = { target }
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url = '/', headers, rawHeaders } = incoming
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const body = Buffer.concat(chunks)
      const call = httpRequest(tap.target + url, { method, headers: rawHeaders, agent: false }, (answer) => {
        const { authorization, 'content-type': contentType } = headers
        heard.push({ method, url, authorization, contentType, body, status: answer.statusCode ?? 0 })
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
        answer.pipe(outgoing)
      })
      call.on('error', () => outgoing.destroy())
      call.end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(tap, {
    url: `http://127.0.0.1:${port}`,
    heard,
    statuses: () => heard.map(({ status }) => status),
    forget: () => void heard.splice(0),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}
