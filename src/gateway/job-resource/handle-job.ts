import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../../errors.ts'
import type { GenuineToken } from '../../l402/token.ts'
import { authorize } from '../authorize.ts'
import type { Gateway } from '../gateway.ts'
import { isLetGo, takenAfterAll } from '../hold/taken-after-all.ts'
import { limitRequests } from '../limits/client-limits.ts'
import { headerLines } from '../request/headers.ts'
import { type Preferences, readPreferences } from '../request/prefer.ts'
import type { RequestScope } from '../scope.ts'
import { sendDocument } from './accepted.ts'
import { withStanding } from './before-the-ledger.ts'
import { isHolder } from './look.ts'
import { sendResult } from './result.ts'
import { describeJob } from './status.ts'
import { type JobView, takeUp } from './take-up.ts'
import { waitFor } from './wait-for.ts'

/**
 * The job resource: `/<id>` tells how a job stands, `/<id>/result` gives what it made. Both are for whoever holds the
 * token and preimage of its payment, and a GET of either takes up a job that nobody runs. Never a 402: here nothing is
 * sold.
 * @param path what follows `/jobs/`
 * @throws GatewayError, LedgerError
 */
export async function handleJob(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  path: string,
): Promise<void> {
  const { method } = incoming
  scope.priced = true
  if (method !== 'GET' && method !== 'HEAD') {
    throw new GatewayError('method_not_allowed', 'use GET', { headers: { Allow: 'GET, HEAD, OPTIONS' } })
  }
  const token = holderOf(gateway, headerLines(incoming, 'authorization'))
  const [, id, result] = /^([0-9a-f]{32})(\/result)?$/.exec(path) ?? []
  const record = id === undefined ? undefined : await gateway.ledger.read(token.paymentHash)
  // Whose job an id names is nobody else's business, nor whether it names one.
  if (!record || record.job.id !== id) throw new GatewayError('job_not_found')
  using inside = gateway.deliveries.enter(token.paymentHash)
  void inside
  scope.aboutPayment = true
  scope.service = record.service
  const service = gateway.catalog().byName(record.service)
  try {
    if (service) limitRequests(gateway, scope, service, token)
  } catch (thrown) {
    throw await withStanding(gateway, token, thrown)
  }
  const preferences = readPreferences(headerLines(incoming, 'prefer'))
  if (isLetGo(record)) await takenAfterAll(gateway, record)
  const view = await lookAt(gateway, outgoing, scope, { token, preferences, mayRun: method === 'GET' })
  if (result !== undefined) return await sendResult(gateway, incoming, outgoing, scope, token, view)
  sendDocument(incoming, outgoing, scope, 200, describeJob(gateway.settings, view))
}

interface Look {
  readonly token: GenuineToken
  readonly preferences: Preferences
  readonly mayRun: boolean
}

/** The job as it stands now, or after the time that the buyer would wait. */
async function lookAt(
  gateway: Gateway,
  outgoing: ServerResponse,
  scope: RequestScope,
  { token, preferences, mayRun }: Look,
): Promise<JobView> {
  const view = await takeUp(gateway, token, scope.id, mayRun)
  if (!view.run || preferences.waitMs === 0) return view
  const ended = await scope.wait(waitFor(view.run.outcome, preferences.waitMs, outgoing))
  return ended ? await takeUp(gateway, token, scope.id, false) : view
}

/** Judges the credential by itself, so that what it says of a job's id is nothing. @throws GatewayError 401, 403 */
function holderOf(gateway: Gateway, lines: readonly string[]): GenuineToken {
  const verdict = authorize(gateway, lines)
  if (verdict.kind === 'none') throw new GatewayError('job_unauthorized', 'send the Authorization of its payment')
  if (verdict.kind === 'rejected') throw new GatewayError('job_unauthorized', verdict.detail)
  const { token } = verdict
  if (!isHolder(gateway, token)) throw new GatewayError('job_forbidden')
  return token
}
