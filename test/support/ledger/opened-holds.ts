import { type LedgerWithBooks, openSqliteLedger } from '#src/ledger/sqlite/sqlite-ledger.ts'
import { makeDirectory } from './opened-ledger.ts'
import { now } from './requests.ts'

/** A ledger that keeps held payments, and can be closed and opened again on the same data. */
export interface LedgerWithHolds extends AsyncDisposable {
  /** The one that is open now. */
  readonly ledger: LedgerWithBooks
  reopen(): Promise<void>
}

export async function openHolds(): Promise<LedgerWithHolds> {
  const directory = makeDirectory()
  const open = () =>
    openSqliteLedger({
      directory: directory.path,
      clock: { nowMs: () => now },
      onDeath(cause) {
        throw new Error('the ledger died', { cause })
      },
    })
  let ledger = await open()
  return {
    get ledger() {
      return ledger
    },
    async reopen() {
      await ledger[Symbol.asyncDispose]()
      ledger = await open()
    },
    async [Symbol.asyncDispose]() {
      await ledger[Symbol.asyncDispose]()
      directory[Symbol.dispose]()
    },
  }
}
