import type { PriceSpec } from '../pricing/spec.ts'
import type { ConfigPath, Place } from './problem.ts'
import type { ListenAddress } from './scalars.ts'
import type { ServiceKey } from './service-key.ts'

/** The configuration after it was read, completed with defaults and checked; frozen. */
export interface Config {
  /** The file it came from. */
  readonly file: string
  readonly listen: ListenAddress
  readonly admin: { readonly listen: ListenAddress; readonly token: string | undefined }
  readonly health: { readonly listen: ListenAddress } | undefined
  /** Without a slash at the end. */
  readonly publicUrl: string | undefined
  readonly contact: string | undefined
  /** Absolute. */
  readonly dataDir: string
  readonly site: { readonly prefix: string; readonly title: string }
  readonly lightning: {
    readonly wallets: readonly WalletConfig[]
    readonly invoiceExpiryMs: number
    readonly timeoutMs: number
  }
  readonly l402: { readonly tokenTtlMs: number; readonly legacyLsat: boolean }
  readonly shutdown: { readonly graceMs: number }
  readonly reload: { readonly watch: boolean; readonly intervalMs: number }
  readonly log: { readonly level: 'silent' | 'error' | 'warn' | 'info' | 'debug' }
  readonly services: readonly ServiceConfig[]
  /** Where the value at a path of the file stands. */
  readonly locate: (path: ConfigPath) => Place
}

export interface WalletConfig {
  readonly name: string
  readonly kind: 'dev'
  readonly path: ConfigPath
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
  readonly timeouts: Timeouts
  readonly charge: Charge
  readonly stream: boolean
  readonly allowUnframed: boolean
  readonly websocket: boolean
  readonly attempts: number
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
  readonly maxConcurrent: number | undefined
  readonly maxQueued: number | undefined
  readonly ca: string | undefined
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
