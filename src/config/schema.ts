import { z } from 'zod'
import { accessShape, clientsShape, rateLimits } from './client-limits.ts'
import { breaker, limitsShape } from './limits-schema.ts'
import { priceSchema } from './price.ts'
import { durationMs, filePath, httpUrl, listenAddress, sizeBytes, slug } from './scalars.ts'
import { upstreamJobSchema } from './upstream-job.ts'
import { walletList } from './wallets.ts'

/**
 * The configuration file. This is the one source of its types, defaults, reference and editor schema. What is checked
 * here can be judged from the file alone; what needs compiling (request schemas, routes, examples) is the catalog's.
 */

const MiB = 2 ** 20
const minute = 60_000
const hour = 60 * minute

const headerName = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'is not a header name: write letters, digits and `-`')
/** By the time this is read, `Name_file` has become `Name`; editors see it as it was written. */
const headerKey = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}(?:_file)?$/, 'is not a header name: write letters, digits and `-`')
const headerValue = z.string().regex(/^[\t\x20-\x7e]*$/, 'may hold only printable ASCII')
const headers = z
  .record(headerKey, headerValue)
  .describe('Headers set on every request to the upstream; they replace what the client sent')
const forwardHeaders = z.array(headerName).describe('Headers of the client that are passed on, besides the usual ones')

/** A JSON Schema; compiled, and judged in full, by the catalog. */
const jsonSchema = z.union([z.record(z.string(), z.unknown()), z.boolean()]).meta({ title: 'JSON Schema' })

const listener = z.strictObject({ listen: listenAddress.describe('Where probes connect') })

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

const namedUpstream = z.strictObject(upstreamShape)
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

const timeouts = z
  .union([
    durationMs,
    z.strictObject({
      total: durationMs.describe('The whole call').optional(),
      first_byte: durationMs.describe('Until the answer begins').optional(),
      idle: durationMs.describe('Between two pieces of the answer').optional(),
    }),
  ])
  .describe('How long a call may take: one time for the whole call, or `{ total, first_byte, idle }`')

const resultTtl = 'How long a stored result is kept for the buyer'
const attemptsMeaning = 'Failed calls after which the payment is given up and due for a refund'

const resultShape = {
  ttl: durationMs.describe(resultTtl).optional(),
  max_bytes: sizeBytes.describe('The largest result').optional(),
}

const requestSection = z.strictObject({
  schema: jsonSchema.describe('JSON Schema (2020-12) of the body; defaults in it are filled in').optional(),
  schema_file: filePath.optional(),
  query: jsonSchema.describe('JSON Schema of the query parameters').optional(),
  query_file: filePath.optional(),
  content_type: z
    .union([z.string(), z.array(z.string()).min(1)])
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

const onDelivery = z.strictObject({
  on_delivery: z
    .strictObject({ hold: durationMs.describe('How long the payment may be held while the work runs') })
    .describe('The money is taken once the result is stored'),
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

/** The whole file. Each service is also read on its own, so that one bad one does not hide the others. */
export const fileSchema = z.strictObject({
  listen: listenAddress.describe('Where buyers connect').prefault('127.0.0.1:8402'),
  admin: z
    .strictObject({
      listen: listenAddress.describe('Where the operator connects; never public').prefault('127.0.0.1:8403'),
      token: z.string().min(16).describe('Bearer token; needed off loopback').optional(),
      token_file: filePath.optional(),
    })
    .prefault({})
    .describe('The operator’s listener: health, metrics, commands'),
  health: listener.describe('A second listener with /livez, /readyz and /metrics only, for probes').optional(),
  tls: z
    .strictObject({
      cert_file: filePath.describe('Certificate and those between it and its authority, PEM; relative to this file'),
      key_file: filePath.describe('Its private key, PEM'),
    })
    .describe('HTTPS (TLS 1.2 or newer) on `listen`; both files are taken up again when they change')
    .optional(),
  ...clientsShape,
  public_url: httpUrl.describe('How buyers reach the gateway, where it differs from `listen`').optional(),
  contact: z.string().describe('Where a buyer can ask for a refund: an address or a URL').optional(),
  data: z
    .string()
    .describe('Directory of ledger, keys and development wallet; relative to this file')
    .default('./data'),
  disk: z
    .strictObject({
      reserve: sizeBytes
        .describe('What has to stay free on the disk of `data` besides room for the largest results under way')
        .prefault('256MiB'),
    })
    .prefault({})
    .describe('Room for results; where it is short nothing is sold and no payment is taken'),
  site: z
    .strictObject({
      prefix: z
        .string()
        .regex(/^\/[A-Za-z0-9._~-]+$/, 'must be one path segment, such as `/l402`')
        .describe('Path under which quotes, jobs and docs live')
        .default('/l402'),
      title: z.string().describe('Name of the shop; stands in invoices').default('Turnpike'),
    })
    .prefault({})
    .describe('Public pages'),
  lightning: z
    .strictObject({
      wallet: walletList.prefault('dev'),
      invoice_expiry: durationMs.describe('How long an invoice can be paid').prefault('10m'),
      timeout: durationMs
        .describe('How long making an invoice may take, whatever number of wallets it takes')
        .prefault('10s'),
      max_open_invoices: z
        .int()
        .min(1)
        .max(1_000_000)
        .describe('Unpaid invoices at one time; above that nothing is sold until some are paid or expire')
        .default(2000),
      require_settled: z
        .boolean()
        .describe('Take a payment only once its wallet says that it has settled, instead of by the preimage alone')
        .default(false),
    })
    .prefault({})
    .describe('Wallets and invoices'),
  l402: z
    .strictObject({
      token_ttl: durationMs.describe('How long a paid token can be used for the first time').prefault('24h'),
      legacy_lsat: z.boolean().describe('Also send an `LSAT` challenge line, for very old clients').default(false),
    })
    .prefault({})
    .describe('Tokens'),
  defaults: z
    .strictObject({
      timeout: timeouts.prefault('60s'),
      result: z
        .strictObject({
          ttl: durationMs.describe(resultTtl).prefault('24h'),
          max_bytes: sizeBytes.describe('The largest result').prefault('64MiB'),
        })
        .prefault({})
        .describe('Results'),
      request: z
        .strictObject({ max_bytes: sizeBytes.describe('The largest body').prefault('1MiB') })
        .prefault({})
        .describe('Requests'),
      attempts: z.int().min(1).max(20).describe(attemptsMeaning).default(3),
      breaker: breaker.optional(),
      rate_limits: rateLimits.optional(),
    })
    .prefault({})
    .describe('What services take over that do not say otherwise'),
  log: z
    .strictObject({
      level: z.enum(['silent', 'error', 'warn', 'info', 'debug']).describe('The least that is logged').default('info'),
    })
    .prefault({})
    .describe('Logging'),
  upstreams: z.record(slug, namedUpstream).describe('Upstreams that several services share').default({}),
  services: z.record(z.string(), serviceSchema).describe('What is sold: `[METHOD ][host]/path` → service'),
})

/** The file without its services. */
export const topSchema = fileSchema.omit({ services: true })
export type TopInput = z.output<typeof topSchema>
export const maxBodyBytes = 256 * MiB
export const longestTokenTtlMs = 366 * 24 * hour
