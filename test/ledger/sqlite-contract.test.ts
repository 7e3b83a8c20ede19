import { openSqliteInTemporary } from '../support/ledger/opened-ledger.ts'
import { describeLedger } from '../support/ledger-contract.ts'

describeLedger('SQLite', openSqliteInTemporary)
