import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
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
import type { ConfigPath } from './problem.ts'
import { type ExampleInput, type FileInput, maxBodyBytes, type ServiceInput } from './schema.ts'
import { parsePattern, parseServiceKey, slugOf } from './service-key.ts'

/** One parsed service, its shared upstream and the defaults → {@link ServiceConfig}. */
export interface ServiceContext {
  readonly upstreams: FileInput['upstreams']
  readonly defaults: FileInput['defaults']
  readonly baseDir: string
  onProblem(path: ConfigPath, message: string): void
}

const defaultHoldMs = 20_000

export function readService(
  keyText: string,
  input: ServiceInput,
  definition: ServiceDefinition,
  context: ServiceContext,
): ServiceConfig | undefined {
  const path: ConfigPath = ['services', keyText]
  const key = parseServiceKey(keyText)
  if ('problem' in key) {
    context.onProblem(path, key.problem)
    return undefined
  }
  const upstream = readUpstream(input, path, context)
  const request = input.request
  const maxBytes = request?.max_bytes ?? context.defaults.request.max_bytes
  if (maxBytes > maxBodyBytes)
    context.onProblem([...path, 'request', 'max_bytes'], 'is above 256MiB, the most that is held in memory')
  const contentType = request?.content_type
  if (!upstream) return undefined
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
    timeouts: readTimeouts(input.timeout ?? context.defaults.timeout, context.defaults.timeout),
    charge: readCharge(input.charge),
    stream: input.stream,
    allowUnframed: input.allow_unframed,
    websocket: input.websocket,
    attempts: input.attempts ?? context.defaults.attempts,
    result: {
      ttlMs: input.result?.ttl ?? context.defaults.result.ttl,
      maxBytes: input.result?.max_bytes ?? context.defaults.result.max_bytes,
      schema: input.result?.schema,
    },
    examples: input.examples.map((example, index) => readExample(example, [...path, 'examples', index], context)),
    definition: { ...definition, name: input.name ?? slugOf(key) },
  }
}

function readUpstream(input: ServiceInput, path: ConfigPath, context: ServiceContext): UpstreamConfig | undefined {
  const at = [...path, 'upstream']
  const written = typeof input.upstream === 'string' ? { url: input.upstream } : input.upstream
  const shared = 'use' in written ? context.upstreams[written.use] : written
  if ('use' in written && !shared) {
    const names = Object.keys(context.upstreams)
    const known = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`
    context.onProblem([...at, 'use'], `\`${written.use}\` is not an entry of \`upstreams\`; ${known}`)
  }
  if (!shared || !URL.canParse(shared.url)) return undefined
  const url = new URL(shared.url)
  // What follows the host as written: an URL object would encode `:name` and `*` or drop the difference to no path.
  const own = /^https?:\/\/[^/]*(\/.*)?$/i.exec(shared.url)?.[1]
  const template = 'use' in written ? joinPaths(own, written.path) : own
  const parsed = template === undefined ? undefined : parsePattern(template)
  if (parsed && 'problem' in parsed) context.onProblem(at, `the path \`${template}\` ${parsed.problem}`)
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
    maxConcurrent: shared.max_concurrent,
    maxQueued: shared.max_queued,
    ca: shared.ca,
  }
}

/** The path of a shared upstream goes before the path of the service that uses it. */
function joinPaths(shared: string | undefined, own: string | undefined): string | undefined {
  if (own === undefined) return shared
  return shared === undefined ? own : `${shared.replace(/\/$/, '')}${own}`
}

type TimeoutInput = FileInput['defaults']['timeout']

function readTimeouts(input: TimeoutInput, defaults: TimeoutInput): Timeouts {
  const total =
    (typeof input === 'number' ? input : input.total) ??
    (typeof defaults === 'number' ? defaults : defaults.total) ??
    60_000
  const parts = typeof input === 'number' ? {} : input
  return {
    totalMs: total,
    firstByteMs: Math.min(parts.first_byte ?? total, total),
    idleMs: Math.min(parts.idle ?? total, total),
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
      if (typeof value === 'string') return [{ name, text: value }]
      try {
        const content = readFileSync(resolve(context.baseDir, value.file))
        const contentType = value.content_type ?? 'application/octet-stream'
        return [{ name, filename: basename(value.file), contentType, content }]
      } catch (thrown) {
        context.onProblem([...at, 'form', name, 'file'], `cannot be read: ${reason(thrown)}`)
        return []
      }
    })
    return { kind: 'form', fields }
  }
  return input.body === undefined ? { kind: 'none' } : { kind: 'json', value: input.body }
}
