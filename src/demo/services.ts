import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createExecutionLog, type ExecutionLog } from './execution-log.ts'
import { createMediaStore, type MediaStore } from './media-store.ts'
import { generateMusic } from './music.ts'
import { type Answer, type Input, type Operation, UnusableInput, WorkFailed } from './operation.ts'
import { serveMedia } from './serve-media.ts'
import { streamWords } from './sse.ts'
import { generateText } from './text.ts'
import { generateVideo } from './video.ts'
import { cloneVoice } from './voice.ts'

export interface DemoServicesOptions {
  /** `host:port`; port 0 takes any free one. */
  readonly listen?: string
  /** Where callers reach `/media`, without a slash at the end. By default these services themselves. */
  readonly publicBase?: string
  readonly voiceDelayMs?: number
  /** How much generated media is kept in memory. */
  readonly mediaBytes?: number
}

interface Services {
  readonly publicBase: string
  readonly voiceDelayMs: number
  readonly media: MediaStore
  readonly log: ExecutionLog
  readonly stopping: AbortSignal
}

const operations: Readonly<Record<string, Operation>> = {
  '/voice-clone': cloneVoice,
  '/generate-music': generateMusic,
  '/music': generateMusic,
  '/generate-text': generateText,
  '/generate-video': generateVideo,
}

const maxBodyBytes = 20 * 1024 * 1024
const maxLogEntries = 10_000

/** Starts the sample generation services on one address. They know nothing of payments: a gateway stands before them. */
export async function startDemoServices(
  options: DemoServicesOptions = {},
): Promise<{ address: string } & AsyncDisposable> {
  const stopping = new AbortController()
  const server = createServer()
  // Longer than a proxy keeps a connection, so that it is the proxy that closes it and no request meets a closed one.
  server.keepAliveTimeout = 65_000
  const address = await listen(server, options.listen ?? '127.0.0.1:0')
  const services: Services = {
    publicBase: options.publicBase ?? `http://${address}/media`,
    voiceDelayMs: options.voiceDelayMs ?? 20_000,
    media: createMediaStore(options.mediaBytes ?? 64 * 1024 * 1024),
    log: createExecutionLog(maxLogEntries),
    stopping: stopping.signal,
  }
  server.on('request', (request, response) => {
    answer(request, response, services).catch((error: unknown) => fail(response, error))
  })
  return {
    address,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function listen(server: Server, hostAndPort: string): Promise<string> {
  const colon = hostAndPort.lastIndexOf(':')
  const host = hostAndPort.slice(0, colon).replace(/^\[|\]$/g, '')
  server.listen({ host, port: Number(hostAndPort.slice(colon + 1)) })
  await once(server, 'listening')
  const bound = server.address()
  if (bound === null || typeof bound === 'string') return hostAndPort
  return bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`
}

async function answer(request: IncomingMessage, response: ServerResponse, services: Services): Promise<void> {
  // Only the path matters here; a base makes every request target parse.
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  const operation = Object.hasOwn(operations, path) ? operations[path] : undefined
  if (operation !== undefined) {
    if (request.method !== 'POST') return refuseMethod(response, 'POST')
    return execute(path, operation, request, response, services)
  }
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (path === '/healthz')
    return isRead ? sendJson(response, 200, { status: 'ok' }) : refuseMethod(response, 'GET, HEAD')
  if (path === '/__log') {
    if (!isRead) return refuseMethod(response, 'GET, HEAD')
    return send(response, 200, 'application/x-ndjson; charset=utf-8', services.log.toJsonLines())
  }
  const media = path.startsWith('/media/') ? services.media.get(path.slice('/media/'.length)) : undefined
  if (media === undefined) return sendJson(response, 404, { error: 'There is nothing at this address.' })
  return isRead ? serveMedia(media, request, response) : refuseMethod(response, 'GET, HEAD')
}

async function execute(
  route: string,
  operation: Operation,
  request: IncomingMessage,
  response: ServerResponse,
  services: Services,
): Promise<void> {
  const body = await readBody(request)
  if (body === undefined) return sendJson(response, 413, { error: `The body may be ${maxBodyBytes} bytes at most.` })
  const { publicBase, voiceDelayMs, media, log } = services
  const execution = log.start({
    route,
    bodySha256: createHash('sha256').update(body).digest('hex'),
    idempotencyKey: request.headers['idempotency-key']?.toString() ?? null,
  })
  const left = new AbortController()
  response.once('close', () => left.abort())
  const signal = AbortSignal.any([left.signal, services.stopping])
  try {
    const result = await operation(parseInput(body), {
      accept: request.headers.accept ?? '',
      voiceDelayMs,
      signal,
      publish(file) {
        media.put(file)
        return `${publicBase}/${file.name}`
      },
    })
    await sendAnswer(response, result, signal)
  } catch (error) {
    fail(response, error)
  } finally {
    log.end(execution, signal.aborted ? null : response.statusCode)
  }
}

/** The whole body, or undefined when it is too long; the rest is then read and dropped, so that the answer arrives. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= maxBodyBytes) chunks.push(chunk)
  }
  return length <= maxBodyBytes ? Buffer.concat(chunks) : undefined
}

function parseInput(body: Buffer): Input {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    throw new UnusableInput('The body must be JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UnusableInput('The body must be a JSON object.')
  }
  return { ...value }
}

async function sendAnswer(response: ServerResponse, result: Answer, signal: AbortSignal): Promise<void> {
  switch (result.kind) {
    case 'json':
      return sendJson(response, 200, result.value)
    case 'text':
      return send(response, 200, 'text/plain; charset=utf-8', result.text)
    case 'words':
      return streamWords(result.words, response, signal)
  }
}

function fail(response: ServerResponse, error: unknown): void {
  // Nobody is left to answer, or the answer has begun: ending it early is all that can be said.
  const isAbort = error instanceof Error && error.name === 'AbortError'
  if (isAbort || response.headersSent || response.socket?.destroyed !== false) return void response.destroy()
  if (error instanceof UnusableInput) return sendJson(response, 400, { error: error.message })
  if (error instanceof WorkFailed) return sendJson(response, 500, { error: error.message })
  console.error(error)
  sendJson(response, 500, { error: 'The sample service failed.' })
}

function refuseMethod(response: ServerResponse, allow: string): void {
  response.setHeader('Allow', allow)
  sendJson(response, 405, { error: `Use ${allow}.` })
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  send(response, status, 'application/json; charset=utf-8', `${JSON.stringify(value)}\n`)
}

function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  // Node leaves the body of an answer to HEAD out by itself.
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(text) }).end(text)
}
