import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Match } from '../catalog/catalog.ts'
import type { Service } from '../catalog/service.ts'
import { type ErrorCode, GatewayError } from '../errors.ts'
import { reach } from '../failpoints.ts'
import { judgeAppended } from '../l402/caveats.ts'
import type { GenuineToken } from '../l402/token.ts'
import { authorize, type Verdict } from './authorize.ts'
import { makeChallenge, sendChallenge } from './challenge.ts'
import { mustBeDeliverable } from './deliverable.ts'
import { forwardFree } from './forward-free.ts'
import type { Gateway } from './gateway.ts'
import { offerHeld } from './hold/offer-held.ts'
import { withStanding } from './job-resource/before-the-ledger.ts'
import { limitChallenges, limitRequests, limitUnpaidBytes } from './limits/client-limits.ts'
import { paidBody } from './limits/paid-body.ts'
import { judgeUnpaid } from './limits/turnstile.ts'
import { unpaidBody } from './limits/unpaid-body.ts'
import { answerOptions } from './options.ts'
import { quote } from './quote.ts'
import { answerRedemption } from './redeem/answer.ts'
import { redeem } from './redeem/redeem.ts'
import { checkVersion } from './request/framing.ts'
import { clientFacts, headerLines } from './request/headers.ts'
import { readPreferences } from './request/prefer.ts'
import { readRequest, type WholeRequest } from './request/read.ts'
import { readTarget, type Target } from './request/target.ts'
import type { RequestScope } from './scope.ts'

/**
 * The request path, stage by stage: target → match → credential → limits → body → redeem, or quote → challenge. Every
 * refusal is a GatewayError; nothing is sold or spent before the stage that says so.
 */
export async function handle(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
): Promise<void> {
  checkVersion(incoming)
  const method = incoming.method ?? 'GET'
  const target = readTarget(incoming.url ?? '', headerLines(incoming, 'host'), gateway.settings.isOwnHost)
  if (method === 'OPTIONS') return answerOptions(gateway, incoming, outgoing, scope, target)
  const today = gateway.catalog().match(method, target)
  if (today.kind === 'service' && today.service.contract.price === 'free') {
    scope.service = today.service.name
    limitRequests(gateway, scope, today.service, undefined)
    const client = clientFacts(incoming, target, scope.clientAddress)
    return await forwardFree(gateway, incoming, outgoing, scope, { ...today, target, client })
  }
  scope.priced = today.kind !== 'none'
  const verdict = authorize(gateway, headerLines(incoming, 'authorization'))
  const owner = verdict.kind === 'genuine' ? ownerOf(gateway, verdict.token, today, target, method) : undefined
  const arrivedAtMs = gateway.clock.nowMs()
  using undecided = owner && gateway.arrivals.enter(arrivedAtMs)
  const service = owner?.here ?? offered(today)
  scope.service = service.name
  scope.priced = true
  scope.aboutPayment = owner !== undefined
  const request = await receive(gateway, incoming, outgoing, scope, { target, owner, service })
  const reason = owner
    ? await spend(gateway, incoming, outgoing, scope, { ...owner, arrivedAtMs, undecided }, request)
    : reasonOf(verdict)
  if (!reason) return
  // The one that came covers nothing; from here on it is about a new one.
  scope.aboutPayment = false
  if (owner) limitUnpaidBytes(gateway, scope, service, request.parts.body.length)
  await sell(gateway, incoming, outgoing, scope, today, request, reason)
}

interface Receipt {
  readonly target: Target
  readonly owner: Owner | undefined
  readonly service: Service
}

/** Takes the whole request within its limits; what it refuses says of a payment that came with it how that stands. */
async function receive(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  { target, owner, service }: Receipt,
): Promise<WholeRequest> {
  try {
    limitRequests(gateway, scope, service, owner?.token)
    const limits = limitsOf(owner, service)
    const allowance = owner
      ? paidBody(gateway, outgoing, service, owner.token, limits.maxBytes)
      : unpaidBody(gateway, outgoing, scope, service)
    return await readRequest(scope, incoming, target, { ...limits, allowance, turns: gateway.use.reading })
  } catch (thrown) {
    throw owner ? await withStanding(gateway, owner.token, thrown) : thrown
  }
}

/** Why a challenge is the answer. */
interface Reason {
  readonly code: ErrorCode
  readonly detail?: string | undefined
}

/** A genuine token and the service it may be spent on. */
interface Owner {
  readonly token: GenuineToken
  /** As it was sold; undefined when the revision is not known. */
  readonly sold: Service | undefined
  /** Today's, when today's catalog sends the request to the service of that name. */
  readonly today: Service | undefined
  /** The one whose route the request takes: one of the two, or what was on sale between them. */
  readonly here: Service
}

/** When a token came, which is what its times are held against however long the rest takes. */
interface Arrived {
  readonly arrivedAtMs: number
  /** Disposed of once it is decided what the request gets. */
  readonly undecided: Disposable | undefined
}

/** @returns undefined when the token is for another service than this request */
function ownerOf(
  { revisions }: Gateway,
  token: GenuineToken,
  today: Match,
  target: Target,
  method: string,
): Owner | undefined {
  const sold = revisions.resolve(token.terms.rev)
  const leadsHere = (service: Service) =>
    service.contract.route.methods.includes(method) && service.match(target) !== undefined
  const { service: name } = token.terms
  const sameName = today.kind === 'service' && today.service.name === name ? today.service : undefined
  const here = sold && leadsHere(sold) ? sold : (sameName ?? revisions.named(name).find(leadsHere))
  return here && { token, sold, today: sameName, here }
}

function offered(today: Match): Service {
  switch (today.kind) {
    case 'service':
      return today.service
    case 'wrong_method': {
      const allow = [...today.allow, 'OPTIONS'].join(', ')
      throw new GatewayError('method_not_allowed', `use ${today.allow.join(' or ')}`, { headers: { Allow: allow } })
    }
    case 'none':
      throw new GatewayError('not_found')
  }
}

/** What was sold may be larger than what is sold today, and the other way round after a refusal. */
function limitsOf(owner: Owner | undefined, service: Service): { maxBytes: number; contract: Service['contract'] } {
  const others = [owner?.sold, owner?.today].map((each) => each?.contract.maxBodyBytes ?? 0)
  return { maxBytes: Math.max(service.contract.maxBodyBytes, ...others), contract: service.contract }
}

function reasonOf(verdict: Verdict): Reason {
  switch (verdict.kind) {
    case 'none':
      return { code: 'payment_required' }
    case 'rejected':
      return { code: verdict.code, detail: verdict.detail }
    case 'genuine':
      return { code: 'wrong_service', detail: `the token was sold for the service ${verdict.token.terms.service}` }
  }
}

/** @returns why a challenge is due instead, when the token does not cover the request */
async function spend(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  owner: Owner & Arrived,
  request: WholeRequest,
): Promise<Reason | undefined> {
  const { token, arrivedAtMs, undecided } = owner
  scope.paymentRef = request.paymentRef(token.paymentHash)
  const cameAt = Math.floor(arrivedAtMs / 1000)
  const appended = judgeAppended(token.appended, token.terms, request.binding, token.preimage, cameAt)
  switch (appended.kind) {
    case 'expired':
      return { code: 'token_expired', detail: 'an expiry that was added to the token has passed' }
    case 'other_request':
      return { code: 'token_refused', detail: 'the token was narrowed to another request' }
    case 'refused':
      return {
        code: 'token_refused',
        detail: `the caveat \`${appended.caveat}\` that was added to the token cannot hold`,
      }
    case 'hold':
      break
  }
  using inside = gateway.deliveries.enter(token.paymentHash)
  void inside
  const preferences = readPreferences(headerLines(incoming, 'prefer'))
  reach('verified')
  const outcome = await redeem(gateway, {
    ...owner,
    target: request.target,
    method: request.method,
    binding: request.binding,
    parts: request.parts,
    client: request.client,
    requestId: scope.id,
    wantsNew: incoming.headers['l402-new'] === '1',
    waiting: { left: whenLeft(outgoing), wait: (waiting) => scope.wait(waiting) },
    respondAsync: preferences.respondAsync,
    isPresented: true,
  })
  undecided?.[Symbol.dispose]()
  if (outcome.kind === 'challenge') return { code: outcome.code }
  await answerRedemption(gateway, incoming, outgoing, scope, { token, preferences }, outcome)
  return undefined
}

/** One for all: every answer ends so, and an error with a stack for each would cost more than the signal. */
const gone = new Error('the client has its answer, or has left')

/** Aborts when the connection is done with the answer, or gone. */
function whenLeft(outgoing: ServerResponse): AbortSignal {
  if (outgoing.destroyed) return AbortSignal.abort(gone)
  const left = new AbortController()
  outgoing.once('close', () => left.abort(gone))
  return left.signal
}

async function sell(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  today: Match,
  request: WholeRequest,
  { code, detail }: Reason,
): Promise<void> {
  const service = offered(today)
  const params = service.match(request.target) ?? new Map<string, string>()
  const judge = () => quote(service.contract, { ...request.parts, params })
  const { price } = await judgeUnpaid(gateway, outgoing, scope, request.parts.body.length, judge)
  await mustBeDeliverable(gateway, service)
  limitChallenges(gateway, scope, service)
  const sale = { service, price, binding: request.binding, code, detail }
  const desk = service.config.charge.when === 'on_delivery' ? gateway.holdDesk() : undefined
  const challenge = desk
    ? await offerHeld(gateway, desk, scope, sale, request)
    : await makeChallenge(gateway, scope, sale)
  sendChallenge(gateway, incoming, outgoing, scope, sale, challenge)
}
