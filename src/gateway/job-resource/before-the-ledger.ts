import { GatewayError, type MoneyAction } from '../../errors.ts'
import type { GenuineToken } from '../../l402/token.ts'
import { LedgerError } from '../../ports/ledger.ts'
import type { Gateway } from '../gateway.ts'
import { isLetGo } from '../hold/taken-after-all.ts'
import { isHolder, lookAtPayment } from './look.ts'
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

/** What the place that threw says is better where it says something; an address that is not served is so again. */
function unspentAction({ code, action }: GatewayError, standing: MoneyAction): MoneyAction {
  return action === 'none' && code !== 'client_refused' ? standing : action
}

/** @returns undefined where the ledger cannot tell */
async function standingOf(gateway: Gateway, token: GenuineToken): Promise<JobDocument['payment'] | undefined> {
  try {
    const seen = await lookAtPayment(gateway, token)
    // One that is over may have been spent and forgotten.
    if (!seen)
      return gateway.clock.nowMs() < token.terms.validUntil * 1000
        ? { status: 'unspent', action: 'resend_original' }
        : undefined
    // Its wallet is asked first.
    if (isLetGo(seen.record)) return undefined
    return moneyOfJob({ ...seen, running: seen.run !== undefined, canGoOn: false })
  } catch (thrown) {
    if (thrown instanceof LedgerError) return undefined
    throw thrown
  }
}
