import { z } from 'zod'
import { clientsShape, rateLimits } from './client-limits.ts'
import { holdSection } from './hold-schema.ts'
import { breaker } from './limits-schema.ts'
import { durationMs, filePath, httpUrl, listenAddress, sizeBytes, slug, waitMs } from './scalars.ts'
import { attemptsMeaning, namedUpstream, resultTtl, serviceSchema, timeouts } from './service-schema.ts'
import { walletList } from './wallets.ts'

/**
 * The configuration file. This is the one source of its types, defaults, reference and editor schema. What is checked
 * here can be judged from the file alone; what needs compiling (request schemas, routes, examples) is the catalog's.
 */

const MiB = 2 ** 20
const minute = 60_000
const hour = 60 * minute

const listener = z.strictObject({ listen: listenAddress.describe('Where probes connect') })

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
      timeout: waitMs
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
      hold: holdSection,
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
  shutdown: z
    .strictObject({
      grace: waitMs
        .describe('How long running calls and open answers may take to end when the gateway is told to stop')
        .prefault('30s'),
    })
    .prefault({})
    .describe('Stopping'),
  reload: z
    .strictObject({
      watch: z.boolean().describe('Load the configuration anew when a file of it changes').default(true),
      interval: waitMs.describe('How often the files are looked at').prefault('2s'),
    })
    .prefault({})
    .describe('Changes of this file while the gateway runs; SIGHUP loads it at any time'),
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
