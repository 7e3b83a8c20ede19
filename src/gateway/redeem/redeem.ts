import type { Service } from '../../catalog/service.ts'
import { type ErrorCode, GatewayError } from '../../errors.ts'
import { reach } from '../../failpoints.ts'
import { isBoundTo } from '../../l402/caveats.ts'
import type { GenuineToken } from '../../l402/token.ts'
import type { CallHealth } from '../../ports/guard.ts'
import { type ClaimRequest, LedgerError, type PaymentRecord } from '../../ports/ledger.ts'
import { type Gateway, mismatchGraceMs } from '../gateway.ts'
import { isLetGo, takenAfterAll } from '../hold/taken-after-all.ts'
import { giveBackChallenges } from '../limits/client-limits.ts'
import { admit, type Waiting } from './admit.ts'
import { claimRequest } from './claim-request.ts'
import { confirmSettled } from './confirm-settled.ts'
import type { NotClaimed, RunningJob } from './jobs.ts'
import { claimOrOwe, type Offer, rebindOffer } from './offer.ts'
import { requestHash } from './request-hash.ts'
import { startJob } from './run-job.ts'
import { isWithdrawn, type Situation, situationOf, withdrawn } from './situation.ts'
import { openStored, type StoredResult } from './stored.ts'
import { type StoredRequest, sealRequest } from './stored-request.ts'

/** A request that carries a genuine token of the service it is for. */
export interface Redemption extends StoredRequest {
  readonly token: GenuineToken
  /** What its times are held against: a token that was good when it came does not grow old in the queue. Unix ms. */
  readonly arrivedAtMs: number
  /** The service as it was sold; undefined when this ledger does not know the revision. */
  readonly sold: Service | undefined
  /** Today's service of that name, when today's catalog sends this request there. */
  readonly today: Service | undefined
  readonly requestId: string
  readonly wantsNew: boolean
  readonly waiting: Waiting
  /** Somebody showed the preimage; false where the gateway itself works for a payment that is held. */
  readonly isPresented: boolean
  /** Keeps the request, so that a job nobody waits for can be taken up again. */
  readonly respondAsync: boolean
}

export type RedeemOutcome =
  /** A run is under way, by this request or an earlier one. */
  | { readonly kind: 'running'; readonly job: RunningJob }
  | { readonly kind: 'stored'; readonly stored: StoredResult; readonly record: PaymentRecord }
  /** The token does not cover this: a challenge under today's catalog. */
  | { readonly kind: 'challenge'; readonly code: ErrorCode }

/** Looks at a row that changes under our hands, before the buyer is asked to come back. */
const maxRounds = 8

/**
 * Finds what a payment is worth for this request and takes it where it is due.
 * @throws GatewayError with what became of the payment
 * @throws LedgerError
 */
export async function redeem(gateway: Gateway, redemption: Redemption): Promise<RedeemOutcome> {
  const { token, binding } = redemption
  const { terms, paymentHash } = token
  const hash = requestHash(terms.service, binding)
  const asMinted = isBoundTo(terms, binding)
  const isHead = redemption.method === 'HEAD'
  for (let round = 0; round < maxRounds; round++) {
    const running = await gateway.jobs.running(paymentHash)
    if (running) return await attach(gateway, redemption, running, hash)
    // Asked before the ledger, which may have it noted by then.
    const isNoted = gateway.deliveries.isNoted(paymentHash)
    const record = await gateway.ledger.read(paymentHash)
    if (redemption.isPresented && record && isLetGo(record) && (await takenAfterAll(gateway, record))) continue
    // Whoever asks for a new one each time has not had this one where its answer was lost, and can still have it.
    const wantsNew =
      redemption.wantsNew && (isNoted || record?.job.firstDeliveredAtMs !== undefined || record?.job.pruned === true)
    const situation = situationFor(gateway, { ...redemption, wantsNew }, record, hash, asMinted)
    if (situation.kind !== 'claim' && situation.kind !== 'rebind')
      return await answerSituation(gateway, redemption, situation)
    if (isHead) throw new GatewayError('head_never_claims')
    const rebinds = situation.kind === 'rebind'
    if (!record) await confirmSettled(gateway, paymentHash)
    // A rebound payment runs under what was on sale when it was rebound.
    const sold = (record && gateway.revisions.resolve(record.job.rev)) ?? redemption.sold
    const asSold = { ...redemption, sold }
    const offer = rebinds ? rebindOffer(redemption) : await claimOrOwe(gateway, asSold, hash)
    if ('challenge' in offer) return { kind: 'challenge', code: offer.challenge }
    const admission = await admit(gateway, paymentHash, offer.serving, redemption.waiting)
    if (admission === 'look_again') continue
    if (admission instanceof GatewayError) {
      if (!record) await noteTurnedAway(gateway, asSold, offer, hash, admission)
      throw admission
    }
    using admitted = admission
    let startedHere = false
    const entry = await gateway.jobs.join(paymentHash, hash, async () => {
      startedHere = true
      return admitted.keptBy(await claim(gateway, redemption, { ...offer, hash, rebinds, judged: admitted.report }))
    })
    if (entry === undefined) continue
    switch (entry.kind) {
      case 'busy':
        continue
      case 'attached':
        if (!startedHere) await keepRequest(gateway, redemption, entry.job)
        return { kind: 'running', job: entry.job }
      case 'not_started':
        if (entry.reason === 'expired') return { kind: 'challenge', code: 'token_expired' }
        // The row changed between the look and the claim: look again.
        continue
    }
  }
  throw new GatewayError('ledger_unavailable', 'the state of the payment keeps changing', { retryAfterMs: 1000 })
}

/** Joins the run that is under way, unless the payment was withdrawn since: then it brings nothing any more. */
async function attach(gateway: Gateway, redemption: Redemption, job: RunningJob, hash: string): Promise<RedeemOutcome> {
  const record = await gateway.ledger.read(redemption.token.paymentHash)
  if (record && isWithdrawn(record)) return await answerSituation(gateway, redemption, withdrawn(record))
  if (job.requestHash !== hash) return { kind: 'challenge', code: 'token_in_use' }
  if (redemption.method === 'HEAD') throw new GatewayError('head_never_claims')
  await keepRequest(gateway, redemption, job)
  return { kind: 'running', job }
}

/** It came in time and no run began, for our reasons or since its client left: it outlives its token, as one that failed. */
async function noteTurnedAway(
  gateway: Gateway,
  redemption: Redemption,
  { contract, serving, quote: quoted }: Offer,
  hash: string,
  { code }: GatewayError,
): Promise<void> {
  const facts = { rev: contract.rev, quote: quoted.price.lines, resultTtlMs: serving.config.result.ttlMs }
  try {
    await gateway.ledger.turnAway(claimRequest(gateway, redemption, facts, hash), code)
  } catch (thrown) {
    // The answer is the same, and the token is still good.
    if (!(thrown instanceof LedgerError)) throw thrown
  }
}

interface Claim extends Offer {
  readonly hash: string
  readonly rebinds: boolean
  readonly judged: (health: CallHealth) => void
}

async function claim(
  gateway: Gateway,
  redemption: Redemption,
  offer: Claim,
): Promise<RunningJob | { readonly reason: NotClaimed }> {
  const { token } = redemption
  const { hash, rebinds, judged } = offer
  const { terms, paymentHash } = token
  const { contract, serving: from, quote: quoted } = offer
  const facts = { rev: contract.rev, quote: quoted.price.lines, resultTtlMs: from.config.result.ttlMs }
  const request: ClaimRequest = {
    ...claimRequest(gateway, redemption, facts, hash),
    ...(redemption.respondAsync && { sealedRequest: sealRequest(gateway, token, redemption) }),
  }
  const outcome = rebinds ? await gateway.ledger.rebind(request) : await gateway.ledger.claim(request)
  if (outcome.kind === 'expired') return { reason: 'expired' }
  if (outcome.kind === 'standing') return { reason: outcome.record }
  const { job } = outcome
  reach('claimed')
  gateway.events.claimed({ service: terms.service, jobId: job.id, epoch: job.epoch }, terms.priceMsat, job.epoch === 1)
  if (job.epoch === 1) giveBackChallenges(gateway, redemption.client.address)
  const { serving, params } = offer
  const { prepared } = offer.quote
  const body = prepared.encodeBody()
  const path = serving.upstreamPath(redemption.target, params) ?? offer.contract.upstreamPath(redemption.target, params)
  const { config } = serving
  return startJob(
    gateway,
    {
      paymentHash,
      preimage: token.preimage,
      requestHash: hash,
      salt: Buffer.from(request.salt),
      service: serving,
      judged,
      call: {
        upstream: config.upstream,
        path: `${path ?? redemption.target.path}${prepared.query === '' ? '' : `?${prepared.query}`}`,
        method: redemption.method,
        client: redemption.client,
        free: false,
        requestId: redemption.requestId,
        contentType: body.contentType,
        body: body.bytes,
        timeouts: config.timeouts,
      },
    },
    job,
  )
}

/** Somebody who waited began the job; from now on it must do without anyone. */
async function keepRequest(gateway: Gateway, redemption: Redemption, job: RunningJob): Promise<void> {
  if (!redemption.respondAsync) return
  const { token } = redemption
  await gateway.ledger.keepRequest(token.paymentHash, job.epoch, sealRequest(gateway, token, redemption))
}

function situationFor(
  gateway: Gateway,
  { token, wantsNew, arrivedAtMs }: Redemption,
  record: PaymentRecord | undefined,
  hash: string,
  asMinted: boolean,
): Situation {
  const situation = situationOf({
    record,
    same: record ? record.job.requestHash === hash : asMinted,
    mintedAt: token.mintedAt,
    mintedExpiry: token.terms.validUntil,
    mismatchWindowMs: gateway.settings.invoiceExpiryMs + mismatchGraceMs,
    wantsNew,
    arrivedAtMs,
    nowMs: gateway.clock.nowMs(),
  })
  const isPending = situation.kind === 'error' && situation.code === 'settlement_pending'
  // Nobody is there who could say so one day.
  if (record && isPending && !gateway.holdDesk()?.has(record.wallet))
    return { kind: 'error', code: 'refund_due', reference: record.job.id }
  return situation
}

async function answerSituation(
  gateway: Gateway,
  { token }: Redemption,
  situation: Exclude<Situation, { kind: 'claim' | 'rebind' }>,
): Promise<RedeemOutcome> {
  switch (situation.kind) {
    case 'challenge':
      return { kind: 'challenge', code: situation.code }
    case 'stored':
      return {
        kind: 'stored',
        stored: await openStored(gateway.ledger, situation.record, token.preimage),
        record: situation.record,
      }
    case 'error': {
      const { retryAfterMs, reference, money } = situation
      throw new GatewayError(situation.code, undefined, {
        ...(retryAfterMs !== undefined && { retryAfterMs }),
        ...(reference !== undefined && { reference }),
        ...(money && { money, action: 'none' }),
      })
    }
  }
}
