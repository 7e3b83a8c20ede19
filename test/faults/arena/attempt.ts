import { createHash } from 'node:crypto'
import { type IncomingHttpHeaders, request } from 'node:http'

/** What a buyer saw of one request. */
export interface Answer {
  /** Undefined when no head came. */
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  /** The end of the body was seen, by the rules of HTTP. */
  readonly complete: boolean
  readonly bytes: number
  readonly sha256: string
  /** The beginning of the body. */
  readonly text: string
}

export interface Attempt {
  readonly url: string
  readonly path: string
  readonly body: unknown
  readonly authorization?: string | undefined
  /** Breaks the connection off when this much of the body has come. */
  readonly leaveAtBytes?: number | undefined
}

const textBytes = 16 * 1024
const patienceMs = 60_000

/** Sends one request over a connection of its own. Never rejects: a broken connection is something a buyer sees. */
export function attempt({ url, path, body, authorization, leaveAtBytes }: Attempt): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const digest = createHash('sha256')
  const text: Buffer[] = []
  let status: number | undefined
  let headers: IncomingHttpHeaders = {}
  let bytes = 0
  let settled = false
  const settle = (complete: boolean): void => {
    if (settled) return
    settled = true
    clearTimeout(timer)
    const shown = Buffer.concat(text).subarray(0, textBytes).toString()
    resolve({ status, headers, complete, bytes, sha256: digest.digest('hex'), text: shown })
  }
  // Node reads what came with the same packet to its end after that: without this, half a body would pass for the whole.
  const leave = (): void => {
    settle(false)
    outgoing.destroy()
  }
  const outgoing = request(`${url}${path}`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
  })
  const timer = setTimeout(() => outgoing.destroy(), patienceMs)
  outgoing.on('error', () => settle(false))
  outgoing.on('close', () => settle(false))
  outgoing.on('response', (incoming) => {
    status = incoming.statusCode
    headers = incoming.headers
    if (leaveAtBytes === 0) leave()
    incoming.on('data', (chunk: Buffer) => {
      digest.update(chunk)
      if (bytes < textBytes) text.push(chunk)
      bytes += chunk.length
      if (leaveAtBytes !== undefined && bytes >= leaveAtBytes) leave()
    })
    incoming.on('end', () => settle(incoming.complete))
    incoming.on('error', () => settle(false))
  })
  outgoing.end(JSON.stringify(body))
  return promise
}

export interface ProblemBody {
  readonly code: string
  readonly payment?: { readonly status: string; readonly action: string }
}

/** The problem that an answer of the gateway's own is. */
export function problemIn({ headers, text }: Answer): ProblemBody | undefined {
  if (!headers['content-type']?.includes('json')) return undefined
  try {
    const body = JSON.parse(text) as Partial<ProblemBody>
    return typeof body.code === 'string' ? (body as ProblemBody) : undefined
  } catch {
    return undefined
  }
}
