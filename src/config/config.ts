import type { PriceSpec } from '../pricing/spec.ts'
import type { AccessRules } from './address-range.ts'
import type { ClientLimits, RequestLimits, TrustedProxies } from './client-limits.ts'
import type { ConfigPath, Place } from './problem.ts'
import type { WalletConfig } from './read-wallets.ts'
import type { ListenAddress } from './scalars.ts'
import type { ServiceKey } from './service-key.ts'
import type { AnswerPath, UrlTemplate } from './template.ts'

/** The configuration after it was read, completed with defaults and checked; frozen. */
export interface Config {
  /** The file it came from. */
  readonly file: string
  readonly listen: ListenAddress
  readonly admin: { readonly listen: ListenAddress; readonly token: string | undefined }
  readonly health: { readonly listen: ListenAddress } | undefined
  /** Names of files, absolute. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly trustedProxies: TrustedProxies | undefined
  readonly access: AccessRules
  readonly limits: ClientLimits
  /** Without a slash at the end. */
  readonly publicUrl: string | undefined
  readonly contact: string | undefined
  /** Absolute. */
  readonly dataDir: string
  readonly disk: { readonly reserveBytes: number }
  readonly site: { readonly prefix: string; readonly title: string }
  readonly lightning: {
    readonly wallets: readonly WalletConfig[]
    readonly invoiceExpiryMs: number
    readonly timeoutMs: number
    readonly maxOpenInvoices: number
    readonly requireSettled: boolean
  }
  readonly l402: {
    readonly tokenTtlMs: number
    readonly legacyLsat: boolean
    readonly hold: {
      readonly limits: { readonly maxOpen: number; readonly maxBytes: number; readonly maxPerClient: number }
      readonly failures: { readonly perClient: number; readonly perService: number }
    }
  }
  readonly shutdown: { readonly graceMs: number }
  readonly reload: { readonly watch: boolean; readonly intervalMs: number }
  readonly log: { readonly level: 'silent' | 'error' | 'warn' | 'info' | 'debug' }
  readonly services: readonly ServiceConfig[]
  /** Where the value at a path of the file stands. */
  readonly locate: (path: ConfigPath) => Place
}

export interface ServiceConfig {
  readonly name: string
  readonly keyText: string
  readonly key: ServiceKey
  /** Where it stands in the file. */
  readonly path: ConfigPath
  readonly title: string | undefined
  readonly description: string | undefined
  readonly price: PriceSpec | 'free'
  readonly request: RequestConfig
  readonly upstream: UpstreamConfig
  /** The upstream answers with an id and makes the result later. */
  readonly upstreamJob: UpstreamJobConfig | undefined
  readonly timeouts: Timeouts
  readonly charge: Charge
  readonly stream: boolean
  readonly allowUnframed: boolean
  readonly websocket: boolean
  readonly attempts: number
  readonly rateLimits: RequestLimits
  /** Besides the rules of the whole gateway. */
  readonly access: AccessRules
  readonly result: ResultConfig
  readonly examples: readonly ExampleConfig[]
  /** All of it as plain JSON, from which it can be read again without the file. */
  readonly definition: ServiceDefinition
}

export interface RequestConfig {
  /** JSON Schema, not yet compiled. */
  readonly schema: unknown
  readonly query: unknown
  /** Undefined: decided by what the service is. */
  readonly contentTypes: readonly string[] | undefined
  readonly maxBytes: number
  readonly unknownFields: 'reject' | 'allow'
}

export interface ResultConfig {
  readonly ttlMs: number
  readonly maxBytes: number
  /** JSON Schema, not yet compiled. */
  readonly schema: unknown
}

export type Charge = { readonly when: 'upfront' } | { readonly when: 'on_delivery'; readonly holdMs: number }

export interface Timeouts {
  readonly totalMs: number
  readonly firstByteMs: number
  readonly idleMs: number
  /** After which a WebSocket is closed on which no byte went either way. */
  readonly webSocketIdleMs: number
}

export interface UpstreamConfig {
  /** Name of the entry of `upstreams`, or the origin of an inline URL: limits and health belong to it. */
  readonly name: string
  /** `http://host:port`, lower case, default port left out. */
  readonly origin: string
  /** Template of the path; undefined: the path of the request. */
  readonly path: string | undefined
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Lower-case names. */
  readonly forwardHeaders: readonly string[]
  /** Paid calls at the same time; undefined: any number. */
  readonly maxConcurrent: number | undefined
  /** Calls that may wait for their turn. */
  readonly maxQueued: number | undefined
  readonly maxQueueWaitMs: number | undefined
  /** Undefined: nothing was said of it here. */
  readonly breaker: BreakerConfig | 'off' | undefined
  readonly health: HealthConfig | undefined
  readonly ca: string | undefined
}

export interface BreakerConfig {
  /** In a row. */
  readonly failures: number
  /** Above 0, up to 1. */
  readonly ratio: number
  readonly windowMs: number
  readonly cooldownMs: number
}

export interface HealthConfig {
  readonly path: string
  readonly everyMs: number
  readonly timeoutMs: number
  /** Statuses of a good answer; undefined: any 2xx. */
  readonly expect: readonly number[] | undefined
  /** Of the upstream itself; lower-case names. */
  readonly headers: Readonly<Record<string, string>>
}

export interface UpstreamJobConfig {
  /** Where the answer to the request says what the work is called. */
  readonly id:
    | { readonly kind: 'field'; readonly path: AnswerPath }
    /** Lower case. */
    | { readonly kind: 'header'; readonly name: string }
  readonly poll: {
    readonly url: UrlTemplate
    readonly everyMs: number
    /** The pause grows up to this. */
    readonly upToMs: number
    /** Of one call: the request or a question. */
    readonly timeoutMs: number
  }
  readonly state: {
    readonly path: AnswerPath
    readonly done: readonly string[]
    readonly failed: readonly string[]
  }
  readonly result: /** The last answer itself. */
    | { readonly kind: 'answer' }
    | {
        readonly kind: 'field'
        readonly path: AnswerPath
        readonly as: 'json' | 'text' | 'base64'
        readonly contentType: string
      }
    | { readonly kind: 'url'; readonly url: UrlTemplate }
  /** Where URLs may lead: the upstream's own origin first. */
  readonly origins: readonly string[]
}

export interface ExampleConfig {
  readonly title: string | undefined
  readonly path: string | undefined
  readonly query: Readonly<Record<string, string>>
  readonly body: ExampleBody
  readonly at: ConfigPath
}

export type ExampleBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'form'; readonly fields: readonly ExampleField[] }

export type ExampleField =
  | { readonly name: string; readonly text: string }
  | { readonly name: string; readonly filename: string; readonly contentType: string; readonly content: Buffer }

/**
 * A service as plain JSON. `sold` validates and prices; with the key it makes the service revision. `served` is the
 * rest: there `${NAME}` and names of secret files stand as they were written.
 */
export interface ServiceDefinition {
  readonly format: 1
  readonly name: string
  readonly key: string
  readonly sold: Readonly<Record<string, unknown>>
  readonly served: Readonly<Record<string, unknown>>
}
