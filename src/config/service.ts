import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { readRateLimits } from './client-limits.ts'
import type {
  Charge,
  ExampleBody,
  ExampleConfig,
  ExampleField,
  ServiceConfig,
  ServiceDefinition,
  Timeouts,
  UpstreamConfig,
} from './config.ts'
import { reason } from './files.ts'
import { readLimits } from './limits.ts'
import { nearest } from './nearest.ts'
import type { ConfigPath } from './problem.ts'
import { maxBodyBytes, type TopInput } from './schema.ts'
import { parsePattern, parseServiceKey, slugOf } from './service-key.ts'
import type { ExampleInput, ServiceInput } from './service-schema.ts'
import { readUpstreamJob } from './upstream-job.ts'

/** One parsed service, its shared upstream and the defaults → {@link ServiceConfig}. */
export interface ServiceContext {
  readonly upstreams: TopInput['upstreams']
  /** The names of all entries of `upstreams`, also of those that could not be read. */
  readonly upstreamNames: readonly string[]
  readonly defaults: TopInput['defaults']
  readonly baseDir: string
  readonly onRead: (file: string, content: Buffer | undefined) => void
  readonly onProblem: (path: ConfigPath, message: string) => void
}

const defaultHoldMs = 20_000
/** Most servers and clients of WebSockets ping at least once a minute. */
const webSocketIdleMs = 5 * 60_000

export function readService(
  keyText: string,
  input: ServiceInput,
  definition: ServiceDefinition,
  context: ServiceContext,
): ServiceConfig | undefined {
  const path: ConfigPath = ['services', keyText]
  const key = parseServiceKey(keyText)
  if ('problem' in key) context.onProblem(path, key.problem)
  const upstream = readUpstream(input, path, context)
  const request = input.request
  const maxBytes = request?.max_bytes ?? context.defaults.request.max_bytes
  if (maxBytes > maxBodyBytes)
    context.onProblem([...path, 'request', 'max_bytes'], 'must be at most 256MiB, since a body is held in memory')
  if (typeof input.timeout === 'object' && input.timeout.websocket_idle !== undefined && !input.websocket)
    context.onProblem(
      [...path, 'timeout', 'websocket_idle'],
      'is for WebSockets, and this service passes none; add `websocket: true`, or take it away',
    )
  if (input.timeout) checkTimeouts(input.timeout, context.defaults.timeout, [...path, 'timeout'], context.onProblem)
  const examples = input.examples.map((example, index) => readExample(example, [...path, 'examples', index], context))
  const contentType = request?.content_type
  if (!upstream || 'problem' in key) return undefined
  return {
    name: input.name ?? slugOf(key),
    keyText,
    key,
    path,
    title: input.title,
    description: input.description,
    price: input.price,
    request: {
      schema: request?.schema,
      query: request?.query,
      contentTypes:
        typeof contentType === 'string' ? [contentType.toLowerCase()] : contentType?.map((type) => type.toLowerCase()),
      maxBytes,
      unknownFields: request?.unknown_fields ?? 'reject',
    },
    upstream,
    upstreamJob:
      input.upstream_job &&
      readUpstreamJob(input.upstream_job, upstream.origin, [...path, 'upstream_job'], context.onProblem),
    timeouts: readTimeouts(input.timeout ?? context.defaults.timeout, context.defaults.timeout, input.websocket),
    charge: readCharge(input.charge),
    stream: input.stream,
    allowUnframed: input.allow_unframed,
    websocket: input.websocket,
    attempts: input.attempts ?? context.defaults.attempts,
    rateLimits: readRateLimits(input.rate_limits, context.defaults.rate_limits),
    access: { allowlist: input.allowlist, blocklist: input.blocklist ?? [] },
    result: {
      ttlMs: input.result?.ttl ?? context.defaults.result.ttl,
      maxBytes: input.result?.max_bytes ?? context.defaults.result.max_bytes,
      schema: input.result?.schema,
    },
    examples,
    definition: { ...definition, name: input.name ?? slugOf(key) },
  }
}

function readUpstream(input: ServiceInput, path: ConfigPath, context: ServiceContext): UpstreamConfig | undefined {
  const at = [...path, 'upstream']
  const written = typeof input.upstream === 'string' ? { url: input.upstream } : input.upstream
  const shared = 'use' in written ? context.upstreams[written.use] : written
  if ('use' in written && !context.upstreamNames.includes(written.use)) {
    const names = context.upstreamNames
    const meant = nearest(written.use, names)
    const known = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`
    const hint = meant === undefined ? known : `did you mean \`${meant}\`?`
    context.onProblem([...at, 'use'], `\`${written.use}\` is not an entry of \`upstreams\`; ${hint}`)
  }
  if (!shared || !URL.canParse(shared.url)) return undefined
  const url = new URL(shared.url)
  // What follows the host as written: an URL object would encode `:name` and `*` or drop the difference to no path.
  const own = /^https?:\/\/[^/]*(\/.*)?$/i.exec(shared.url)?.[1]
  const template = 'use' in written ? joinPaths(own, written.path) : own
  const parsed = template === undefined ? undefined : parsePattern(template)
  if (parsed && 'problem' in parsed) context.onProblem(at, `has the path \`${template}\`: ${parsed.problem}`)
  const lower = (headers: Record<string, string> | undefined) =>
    Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
  return {
    name: 'use' in written ? written.use : url.origin,
    origin: url.origin,
    path: template,
    headers: { ...lower(shared.headers), ...lower(input.headers) },
    forwardHeaders: [...(shared.forward_headers ?? []), ...(input.forward_headers ?? [])].map((name) =>
      name.toLowerCase(),
    ),
    ...readLimits(shared, lower(shared.headers), context.defaults),
    ca: shared.ca,
  }
}

/** The path of a shared upstream goes before the path of the service that uses it. */
function joinPaths(shared: string | undefined, own: string | undefined): string | undefined {
  if (own === undefined) return shared
  return shared === undefined ? own : `${shared.replace(/\/$/, '')}${own}`
}

type TimeoutInput = TopInput['defaults']['timeout']

/**
 * One time is for the whole call and stands alone; of several, those that are not given are the file's. A WebSocket has
 * no whole call, so that its time is bounded by none.
 */
function readTimeouts(input: TimeoutInput, defaults: TimeoutInput, isWebSocket: boolean): Timeouts {
  const shared = typeof defaults === 'object' ? defaults : {}
  const parts = typeof input === 'number' ? { total: input } : { ...shared, ...input }
  const totalMs = totalOf(input, defaults)
  return {
    totalMs,
    firstByteMs: Math.min(parts.first_byte ?? totalMs, totalMs),
    idleMs: Math.min(parts.idle ?? totalMs, totalMs),
    webSocketIdleMs: (isWebSocket ? (parts.websocket_idle ?? shared.websocket_idle) : undefined) ?? webSocketIdleMs,
  }
}

const totalOf = (input: TimeoutInput, defaults: TimeoutInput): number =>
  (typeof input === 'number' ? input : input.total) ??
  (typeof defaults === 'number' ? defaults : defaults.total) ??
  60_000

/** A part that is longer than the whole would never be reached. */
export function checkTimeouts(
  input: TimeoutInput,
  defaults: TimeoutInput,
  path: ConfigPath,
  onProblem: ServiceContext['onProblem'],
): void {
  if (typeof input === 'number') return
  const totalMs = totalOf(input, defaults)
  for (const part of ['first_byte', 'idle'] as const) {
    if ((input[part] ?? 0) > totalMs)
      onProblem([...path, part], `is longer than the whole call may take (${totalMs / 1000}s); raise \`total\` too`)
  }
}

function readCharge(input: ServiceInput['charge']): Charge {
  if (input === undefined || input === 'upfront') return { when: 'upfront' }
  return { when: 'on_delivery', holdMs: input === 'on_delivery' ? defaultHoldMs : input.on_delivery.hold }
}

function readExample(input: ExampleInput, at: ConfigPath, context: ServiceContext): ExampleConfig {
  if (input.body !== undefined && input.form !== undefined)
    context.onProblem(at, 'has both `body` and `form`; keep one')
  return {
    title: input.title,
    path: input.path,
    query: Object.fromEntries(Object.entries(input.query ?? {}).map(([name, value]) => [name, String(value)])),
    body: readBody(input, at, context),
    at,
  }
}

function readBody(input: ExampleInput, at: ConfigPath, context: ServiceContext): ExampleBody {
  if (input.form) {
    const fields = Object.entries(input.form).flatMap(([name, value]): ExampleField[] => {
      if (typeof value !== 'object') return [{ name, text: String(value) }]
      const file = resolve(context.baseDir, value.file)
      try {
        const content = readFileSync(file)
        context.onRead(file, content)
        const contentType = value.content_type ?? 'application/octet-stream'
        return [{ name, filename: basename(value.file), contentType, content }]
      } catch (thrown) {
        context.onRead(file, undefined)
        context.onProblem([...at, 'form', name, 'file'], `cannot be read: ${reason(thrown)}`)
        return []
      }
    })
    return { kind: 'form', fields }
  }
  return input.body === undefined ? { kind: 'none' } : { kind: 'json', value: input.body }
}
