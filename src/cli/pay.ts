import { parseArgs } from 'node:util'
import { PaymentRefused, payWithDevWallet } from '../client/dev-wallet.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'

export const defaultAdmin = '127.0.0.1:8403'

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
  const preimage = await payOrExplain(adminUrl(values.admin), invoice)
  console.log(values.json ? JSON.stringify({ preimage }) : preimage)
  return exitCodes.ok
}

export const adminUrl = (written: string): string => (/^https?:\/\//i.test(written) ? written : `http://${written}`)

/** @throws CommandError */
export async function payOrExplain(url: string, invoice: string): Promise<string> {
  try {
    return await payWithDevWallet(url, invoice, AbortSignal.timeout(60_000))
  } catch (thrown) {
    if (thrown instanceof PaymentRefused) throw new CommandError(exitCodes.refused, `not paid: ${thrown.message}`)
    throw new CommandError(
      exitCodes.unavailable,
      `no development wallet answers at ${url}; is the gateway running, and is this its --admin address?`,
    )
  }
}
