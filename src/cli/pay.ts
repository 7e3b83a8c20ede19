import { parseArgs } from 'node:util'
import { PaymentRefused, payWithDevWallet } from '../client/dev-wallet.ts'
import { longestHoldMs } from '../ports/hold-wallet.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'

export const defaultAdmin = '127.0.0.1:8403'

/** A little longer than the wallet itself, which says more about it. */
const payTimeoutMs = longestHoldMs + 120_000

/** `turnpike pay`: pays an invoice of the development wallet and prints the preimage. */
export async function pay(args: string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { admin: { type: 'string', default: defaultAdmin }, json: { type: 'boolean' } },
  })
  const [invoice, ...more] = positionals
  if (invoice === undefined || more.length > 0)
    throw new CommandError(exitCodes.usage, 'name one invoice: turnpike pay lnbcrt…')
  try {
    const preimage = await payOrExplain(adminUrl(values.admin), invoice, new AbortController().signal)
    console.log(values.json ? JSON.stringify({ preimage }) : preimage)
    return exitCodes.ok
  } catch (thrown) {
    const notCharged = thrown instanceof CommandError && thrown.exitCode === exitCodes.notDelivered
    if (values.json && notCharged) console.log(JSON.stringify({ payment: 'not-charged', paidMsat: 0 }))
    throw thrown
  }
}

export const adminUrl = (written: string): string => (/^https?:\/\//i.test(written) ? written : `http://${written}`)

/** @throws CommandError; the signal's reason once it aborts */
export async function payOrExplain(url: string, invoice: string, signal: AbortSignal): Promise<string> {
  try {
    return await payWithDevWallet(url, invoice, AbortSignal.any([signal, AbortSignal.timeout(payTimeoutMs)]))
  } catch (thrown) {
    if (signal.aborted) throw signal.reason
    if (thrown instanceof PaymentRefused) throw explained(thrown)
    throw new CommandError(
      exitCodes.unavailable,
      `no development wallet answers at ${url}; is the gateway running, and is this its --admin address?`,
    )
  }
}

function explained({ end, message }: PaymentRefused): CommandError {
  switch (end) {
    case 'let_go':
      return new CommandError(exitCodes.notDelivered, 'Not delivered, not charged: the payment was held, and let go.')
    case 'held':
      return new CommandError(exitCodes.unavailable, message)
    case 'refused':
      return new CommandError(exitCodes.refused, `not paid: ${message}`)
  }
}
