import type { Service } from '../../catalog/service.ts'
import { GatewayError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LimitName } from '../../telemetry/events.ts'
import type { Gateway } from '../gateway.ts'
import { ReadingTurns } from '../request/reading-turns.ts'
import type { RequestScope } from '../scope.ts'
import { type BucketRate, Buckets } from './buckets.ts'
import { type AddressRules, clientPrefix, isOwnMachine } from './client-address.ts'
import type { ConnectionRules } from './connections.ts'
import { Turnstile } from './turnstile.ts'
import { type WebSocketRules, WebSockets } from './web-sockets.ts'

/** The rules of today's configuration. */
export interface ClientRules extends ConnectionRules, WebSocketRules {
  readonly addresses: AddressRules
  /** @param address canonical */
  readonly admits: (address: string) => boolean
  /** Undefined: no limit. */
  readonly challenges: BucketRate | undefined
  readonly unpaidBytes: BucketRate | undefined
  readonly unpaidBytesAtOnce: number
}

/** About 10 MB when all are full. */
const maxKeys = 32_768

/** What clients and tokens have used of their limits, for as long as the process lives. */
export class ClientUse {
  readonly challenges: Buckets
  readonly unpaidBytes: Buckets
  readonly clients: Buckets
  readonly tokens: Buckets
  /** For bodies that come in. */
  readonly reading = new ReadingTurns()
  /** For large bodies without a payment. */
  readonly turnstile = new Turnstile()
  /** Bytes of bodies without a payment that are in memory now. */
  heldBytes = 0
  /** The same of bodies that belong to payments, by payment hash. */
  readonly paidBytes = new Map<string, number>()
  readonly webSockets = new WebSockets()
  /** Bytes of refused bodies that were read all the same, of all clients together. */
  readonly discarded: Buckets
  /** Refusals that are not answered yet, on purpose. */
  waitingRefusals = 0
  /** Whether it was said already that a proxy is not trusted. */
  saidProxy = false

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    const buckets = (): Buckets => new Buckets(maxKeys, () => clock.monotonicMs())
    this.challenges = buckets()
    this.unpaidBytes = buckets()
    this.clients = buckets()
    this.tokens = buckets()
    this.discarded = new Buckets(1, () => clock.monotonicMs())
  }
}

/**
 * The limits of one service on all requests to it, paid or not. Nothing is claimed before they are passed, so a token
 * that meets one is as good as before.
 * @param token whose payment hash counts, undefined where none is genuine
 * @throws GatewayError `rate_limited`, `client_refused`
 */
export function limitRequests(
  gateway: Gateway,
  scope: Pick<RequestScope, 'clientAddress'>,
  service: Service,
  token: { readonly paymentHash: string } | undefined,
): void {
  const { name, config } = service
  if (!service.admits(scope.clientAddress)) throw new GatewayError('client_refused')
  const { perClient, perToken } = config.rateLimits
  const { clients, tokens } = gateway.use
  const client = limitedClient(scope)
  if (perClient && client !== undefined)
    refuse(gateway, 'client', service, clients.take(`${name} ${client}`, 1, perClient))
  if (perToken && token) refuse(gateway, 'token', service, tokens.take(`${name} ${token.paymentHash}`, 1, perToken))
}

/**
 * Counts one challenge, just before it is made.
 * @throws GatewayError `rate_limited`
 */
export function limitChallenges(gateway: Gateway, scope: Pick<RequestScope, 'clientAddress'>, service: Service): void {
  const { challenges } = gateway.settings.clients
  const client = limitedClient(scope)
  if (challenges && client !== undefined)
    refuse(gateway, 'challenges', service, gateway.use.challenges.take(client, 1, challenges))
}

/** Some clients throw three challenges away before they pay one. */
const challengesPerPayment = 4

/** A client that pays has its challenges back, so that the limit is on those that come to nothing. */
export function giveBackChallenges({ settings, use }: Gateway, address: string): void {
  const { challenges } = settings.clients
  if (challenges) use.challenges.give(clientPrefix(address), challengesPerPayment, challenges)
}

/** @throws GatewayError `rate_limited` where a challenge would be refused now; to be asked before a body is read */
export function expectChallenge(gateway: Gateway, scope: Pick<RequestScope, 'clientAddress'>, service: Service): void {
  const { challenges } = gateway.settings.clients
  const client = limitedClient(scope)
  if (challenges && client !== undefined)
    refuse(gateway, 'challenges', service, gateway.use.challenges.peek(client, 1, challenges))
}

/** Counts bytes that nobody has paid for. @throws GatewayError `rate_limited` */
export function limitUnpaidBytes(
  gateway: Gateway,
  scope: Pick<RequestScope, 'clientAddress'>,
  service: Service,
  bytes: number,
): void {
  const { unpaidBytes } = gateway.settings.clients
  const client = limitedClient(scope)
  if (unpaidBytes && client !== undefined && bytes > 0)
    refuse(gateway, 'unpaid_bytes', service, gateway.use.unpaidBytes.take(client, bytes, unpaidBytes))
}

const fullRetryMs = 10_000

/**
 * Takes a place for a WebSocket.
 * @returns to be called when both of its ends are closed
 * @throws GatewayError `rate_limited` where the client has too many open, `websockets_full` where all clients have
 */
export function enterWebSocket(
  gateway: Gateway,
  scope: Pick<RequestScope, 'clientAddress'>,
  service: Service,
): () => void {
  const place = gateway.use.webSockets.enter(limitedClient(scope), gateway.settings.clients)
  if (place.kind === 'taken') return place.leave
  if (place.limit === 'client') refuse(gateway, 'websockets_per_client', service, fullRetryMs)
  gateway.events.limited('websockets', service.name)
  throw new GatewayError('websockets_full', undefined, { retryAfterMs: fullRetryMs })
}

/** Waits above this are told as this: a client that comes back later than it had to is no better off. */
const longestRetryMs = 60_000

export function refuse(gateway: Gateway, limit: LimitName, service: Service, waitMs: number): void {
  if (waitMs === 0) return
  gateway.events.limited(limit, service.name)
  throw new GatewayError('rate_limited', undefined, {
    retryAfterMs: Math.min(waitMs, longestRetryMs),
    // Said only where a genuine token came with the request.
    money: 'unspent',
    action: 'retry_same_token',
  })
}

/** Undefined for a client that no limit is for. */
const limitedClient = ({ clientAddress }: Pick<RequestScope, 'clientAddress'>): string | undefined =>
  isOwnMachine(clientAddress) ? undefined : clientPrefix(clientAddress)
