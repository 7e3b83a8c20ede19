import { GatewayError, type MoneyAction } from '../../errors.ts'
import { judgeAppended } from '../../l402/caveats.ts'
import type { GenuineToken } from '../../l402/token.ts'
import { LedgerError } from '../../ports/ledger.ts'
import { type Gateway, mismatchGraceMs } from '../gateway.ts'
import { isLetGo } from '../hold/taken-after-all.ts'
import { situationOf } from '../redeem/situation.ts'
import { type JobDocument, moneyOfJob } from './status.ts'

/**
 * Makes an error that was thrown before the ledger was asked say of the payment what the ledger says: its token may have
 * been spent long ago, or be owed.
 * @returns what to throw instead
 */
export async function withStanding(gateway: Gateway, token: GenuineToken, thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof GatewayError) || !isHolder(gateway, token)) return thrown
  const standing = await standingOf(gateway, token)
  if (!standing) return thrown
  const { code, message, action: asThrown, options } = thrown
  const { status: money, reference } = standing
  const action = money === 'unspent' ? unspentAction(thrown, standing.action) : standing.action
  if (money === thrown.money && action === asThrown && reference === undefined) return thrown
  return new GatewayError(code, message, {
    ...options,
    money,
    action,
    ...(reference !== undefined && { reference }),
    cause: thrown,
  })
}

/** Not whoever has it narrowed to something else, or to a time that is over. */
function isHolder({ clock }: Gateway, { appended, terms, preimage }: GenuineToken): boolean {
  return judgeAppended(appended, terms, undefined, preimage, Math.floor(clock.nowMs() / 1000)).kind === 'hold'
}

/** What the place that threw says is better where it says something; an address that is not served is so again. */
function unspentAction({ code, action }: GatewayError, standing: MoneyAction): MoneyAction {
  return action === 'none' && code !== 'client_refused' ? standing : action
}

/** @returns undefined where the ledger cannot tell */
async function standingOf(gateway: Gateway, token: GenuineToken): Promise<JobDocument['payment'] | undefined> {
  try {
    const record = await gateway.ledger.read(token.paymentHash)
    const nowMs = gateway.clock.nowMs()
    // One that is over may have been spent and forgotten.
    if (!record)
      return nowMs < token.terms.validUntil * 1000 ? { status: 'unspent', action: 'resend_original' } : undefined
    // Its wallet is asked first.
    if (isLetGo(record)) return undefined
    const situation = situationOf({
      record,
      same: true,
      mintedAt: token.mintedAt,
      mintedExpiry: token.terms.validUntil,
      mismatchWindowMs: gateway.settings.invoiceExpiryMs + mismatchGraceMs,
      wantsNew: false,
      arrivedAtMs: nowMs,
      nowMs,
    })
    const running = record.job.state === 'running' && (await gateway.jobs.running(token.paymentHash)) !== undefined
    return moneyOfJob({ record, situation, running, canGoOn: false, nowMs })
  } catch (thrown) {
    if (thrown instanceof LedgerError) return undefined
    throw thrown
  }
}
