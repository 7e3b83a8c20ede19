import { z } from 'zod'
import { accessShape, rateLimits } from './client-limits.ts'
import { onDelivery } from './hold-schema.ts'
import { limitsShape } from './limits-schema.ts'
import { priceSchema } from './price.ts'
import { durationMs, filePath, httpUrl, sizeBytes, slug, waitMs } from './scalars.ts'
import { upstreamJobSchema } from './upstream-job.ts'

/** The part of the configuration that says what one service is, and where its requests go. */

const headerName = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'is not a header name: write letters, digits and `-`')
/** No call could be made with another value of these, or every payment would look like the same one. */
const gatewaysOwn: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'idempotency-key',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** By the time this is read, `Name_file` has become `Name`; editors see it as it was written. */
const headerKey = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}(?:_file)?$/, 'is not a header name: write letters, digits and `-`')
  .refine(
    (name) => !gatewaysOwn.has(name.toLowerCase()),
    'is for the gateway to set, which knows the connection and the payment',
  )
const headerValue = z.string().regex(/^[\t\x20-\x7e]*$/, 'may hold only printable ASCII')
const headers = z
  .record(headerKey, headerValue)
  .describe('Headers set on every request to the upstream; they replace what the client sent')
const forwardHeaders = z
  .array(headerName)
  .describe(
    'Headers of the client that are passed on, besides the usual ones; never those of a connection, and where something is sold none that asks for less than the whole: `Range`, `If-*`, `Accept-Encoding`',
  )

/** A JSON Schema; compiled, and judged in full, by the catalog. */
const jsonSchema = z.union([z.record(z.string(), z.unknown()), z.boolean()]).meta({ title: 'JSON Schema' })

const upstreamShape = {
  url: httpUrl.describe(
    'Where the service runs. A path in it replaces the path of the request; `:name` and `*` are filled in',
  ),
  headers: headers.optional(),
  forward_headers: forwardHeaders.optional(),
  ...limitsShape,
  ca: z
    .string()
    .describe('PEM certificates of the authorities to trust for this upstream, instead of the usual ones')
    .optional(),
  ca_file: filePath.optional(),
}

export const namedUpstream = z.strictObject(upstreamShape)
export type UpstreamInput = z.output<typeof namedUpstream>

const upstreamRef = z
  .union([
    httpUrl.describe('A URL'),
    z
      .strictObject({
        use: slug.describe('The name of an entry of `upstreams`'),
        path: z
          .string()
          .regex(/^\//, 'must begin with `/`')
          .describe('Path on that upstream; without it the path of the request')
          .optional(),
      })
      .describe('An entry of `upstreams`, with the path on it'),
    z.strictObject(upstreamShape).describe('An upstream of this service alone, written out'),
  ])
  .describe('Where requests go: a URL, an entry of `upstreams`, or both written out')

export const timeouts = z
  .union([
    waitMs,
    z.strictObject({
      total: waitMs.describe('The whole call').optional(),
      first_byte: waitMs.describe('Until the answer begins').optional(),
      idle: waitMs.describe('Between two pieces of the answer').optional(),
      websocket_idle: waitMs
        .describe('A WebSocket on which no byte goes either way for this long is closed; default 5m')
        .optional(),
    }),
  ])
  .describe('How long a call may take: one time for the whole call, or `{ total, first_byte, idle, websocket_idle }`')

export const resultTtl = 'How long a stored result is kept for the buyer'
export const attemptsMeaning = 'Failed calls after which the payment is given up and due for a refund'

const resultShape = {
  ttl: durationMs.describe(resultTtl).optional(),
  max_bytes: sizeBytes.describe('The largest result').optional(),
}

/** Requests are compared by type and subtype alone: with more written here none would ever be taken. */
const mediaType = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*$/,
    'is not a media type: write `image/png`, without parameters and stars',
  )

const requestSection = z.strictObject({
  schema: jsonSchema.describe('JSON Schema (2020-12) of the body; defaults in it are filled in').optional(),
  schema_file: filePath.optional(),
  query: jsonSchema.describe('JSON Schema of the query parameters').optional(),
  query_file: filePath.optional(),
  content_type: z
    .union([mediaType, z.array(mediaType).min(1)])
    .describe('Media types taken; default `application/json` where the body is validated or priced, else any')
    .optional(),
  max_bytes: sizeBytes.describe('The largest body').optional(),
  unknown_fields: z
    .enum(['reject', 'allow'])
    .default('reject')
    .describe('What becomes of body fields and query parameters that the schema does not name'),
})

const formFile = z.strictObject({
  file: filePath,
  content_type: z.string().describe('Its media type; default `application/octet-stream`').optional(),
})

const example = z.strictObject({
  title: z.string().describe('What it shows').optional(),
  path: z
    .string()
    .regex(/^\//, 'must begin with `/`')
    .describe('A path that the key matches, where the key has parameters')
    .optional(),
  query: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .describe('The query parameters')
    .optional(),
  body: z.unknown().describe('The JSON body').optional(),
  body_file: filePath.optional(),
  form: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), formFile]))
    .describe('The fields of a multipart/form-data body')
    .optional(),
})

export const serviceSchema = z.strictObject(
  {
    name: slug.describe('Its name in tokens, ledger and metrics; default: made from the path').optional(),
    title: z.string().describe('A heading for people').optional(),
    description: z.string().describe('A sentence for people').optional(),
    upstream: upstreamRef,
    price: priceSchema,
    charge: z
      .union([z.enum(['upfront', 'on_delivery']), onDelivery], { error: 'write `upfront` or `on_delivery`' })
      .describe('When the money is taken: before the work, or once the result is stored')
      .optional(),
    request: requestSection.describe('What a request must look like').optional(),
    result: z
      .strictObject({
        ...resultShape,
        schema: jsonSchema.describe('JSON Schema that a JSON result must match to count as delivered').optional(),
        schema_file: filePath.optional(),
      })
      .describe('What a result may look like and how long it is kept')
      .optional(),
    upstream_job: upstreamJobSchema
      .describe('For an upstream that answers with an id and makes the result later; `timeout` is for all of it')
      .optional(),
    timeout: timeouts.optional(),
    attempts: z.int().min(1).max(20).describe(attemptsMeaning).optional(),
    rate_limits: rateLimits.optional(),
    ...accessShape,
    stream: z
      .boolean()
      .describe('Send bytes on as they come, instead of once the whole result is stored')
      .default(false),
    allow_unframed: z
      .boolean()
      .describe('Take answers whose end is marked only by the end of the connection, which may be cut short unnoticed')
      .default(false),
    websocket: z.boolean().describe('Pass WebSocket upgrades through (free routes only)').default(false),
    headers: headers.optional(),
    forward_headers: forwardHeaders.optional(),
    examples: z
      .array(example)
      .describe('Requests that are checked and priced at load, and shown to buyers')
      .default([]),
  },
  {
    error: ({ code }) => (code === 'invalid_type' ? 'write `{ upstream: …, price: … }`' : undefined),
  },
)

export type ServiceInput = z.output<typeof serviceSchema>
export type ExampleInput = z.output<typeof example>
