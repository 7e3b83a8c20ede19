import { parseArgs } from 'node:util'
import { callAdmin } from './call-admin.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { operatorOptions, operatorPlace } from './operator-place.ts'
import { checkReference, say } from './refunds.ts'

/** `turnpike revoke`: a payment's token is worth nothing from now on. */
export async function revoke(args: string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...operatorOptions, json: { type: 'boolean' } },
  })
  const [reference, ...more] = positionals
  if (reference === undefined || more.length > 0)
    throw new CommandError(exitCodes.usage, 'name one payment, by its hash or its reference: turnpike revoke 3f0c…')
  checkReference(reference)
  return say(await callAdmin(operatorPlace(values), `/payments/${reference}/revoke`), values.json)
}
