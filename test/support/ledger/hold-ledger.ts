import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts'

/**
 * A process that owns the ledger in the directory it is told and claims a payment, until it is ended from outside.
 * Usage: node hold-ledger.ts <directory> <claim as JSON>
 */
const [, , directory = '', claim = '{}'] = process.argv
const ledger = await openSqliteLedger({
  directory,
  onDeath(cause) {
    throw cause
  },
})
const { priceMsat, salt, ...rest } = JSON.parse(claim) as Record<string, string>
const request = { ...rest, priceMsat: BigInt(priceMsat ?? '0'), salt: Buffer.from(salt ?? '', 'hex') }
const outcome = await ledger.claim(request as unknown as Parameters<typeof ledger.claim>[0])
process.stdout.write(`${outcome.kind}\n`)
setInterval(() => undefined, 60_000)
