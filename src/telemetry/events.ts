import type { ErrorCode, MoneyStatus } from '../errors.ts'
import type { HoldEvents } from './hold-events.ts'
import type { WalletEvents } from './wallet-events.ts'

/** The limits on what clients and tokens may ask for. */
export type LimitName =
  | 'challenges'
  | 'unpaid_bytes'
  | 'unpaid_bytes_at_once'
  | 'paid_bytes_at_once'
  | 'client'
  | 'token'
  | 'websockets'
  | 'websockets_per_client'

/**
 * What happens in the shop, one function an event. Log lines and metrics are made from these and from nothing else; no
 * argument is ever a preimage, a token, an invoice or anything a buyer wrote.
 */
export interface Events extends WalletEvents, HoldEvents {
  /** One request was answered or broke off. */
  request(line: AccessLine): void
  challenged(service: string, priceMsat: bigint): void
  /** A request got no invoice; `reason` is the code of the wallet's error. */
  notIssued(reason: string): void
  /** A payment was presented for the first time and taken. */
  claimed(job: JobFacts, priceMsat: bigint, first: boolean): void
  captured(job: JobFacts, bytes: number, upstreamMs: number): void
  /** The upstream's answer was a refusal: nothing is spent. */
  refused(job: JobFacts, status: number): void
  failed(
    job: JobFacts,
    failure: { code: ErrorCode; counted: boolean; givenUp: boolean; upstreamStatus: number | undefined },
  ): void
  /** A run ended without the ledger knowing: another one has begun, or nothing can be stored. */
  lost(job: JobFacts, cause: unknown): void
  delivered(job: JobFacts, replayed: boolean): void
  /** An upstream counts as down from now on, or no longer does. @param by what opened it */
  breaker(upstream: string, state: 'open' | 'half_open' | 'closed', by: string | undefined): void
  /** A paid call had its turn at an upstream, or gave up waiting for it. */
  queued(upstream: string, waitedMs: number): void
  /** A request was answered 429. */
  limited(limit: LimitName, service: string): void
  /** A connection was one too many and was closed, or one that waited for a request was closed in its place. */
  connectionClosed(limit: 'all' | 'client', which: 'new' | 'waiting'): void
  /** The same on a listener that is not for buyers. */
  probeClosed(listener: 'admin' | 'health'): void
  /** Fewer connections are taken than the configuration says. */
  fewConnections(taken: number, wanted: number): void
  /** Requests come through a proxy that the configuration does not name: limits per client do not tell them apart. */
  proxyNotTrusted(): void
  /** The files of our own TLS certificate changed. @param problem why they are not used; undefined when they are */
  certificate(problem: unknown): void
  ledgerFailed(operation: string, cause: unknown): void
  /** The process ends while jobs run; the next one takes them up. */
  handedOver(jobs: number): void
  /** @param needRestart settings that changed in the file and cannot change in a running process */
  configAdopted(services: number, needRestart: readonly string[]): void
  /** @param problems one line each, as `turnpike check` says them */
  configRefused(problems: readonly string[]): void
  /** The operator changed a payment or the keys. @param reference a job's id or a key's number */
  commanded(command: OperatorCommand, reference: string | undefined): void
  /** Something that should not happen. */
  unexpected(what: string, cause: unknown, requestId?: string): void
}

export type OperatorCommand = 'revoke' | 'refund' | 'reopen' | 'keys rotate' | 'keys retire'

export interface AccessLine {
  readonly requestId: string
  readonly method: string
  /** The service's name; undefined when none was matched. */
  readonly service: string | undefined
  readonly status: number
  readonly code: ErrorCode | undefined
  readonly money: MoneyStatus | undefined
  readonly paymentRef: string | undefined
  readonly totalMs: number
  /** Our own share of `totalMs`. */
  readonly ownMs: number
  readonly bytesOut: number
  /** The client left before the end. */
  readonly brokenOff: boolean
}

export interface JobFacts {
  readonly service: string
  readonly jobId: string
  readonly epoch: number
}
