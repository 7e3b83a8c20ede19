import { devHolder } from '../support/wallets/dev-holder.ts'
import { holdContract } from '../support/wallets/hold-contract.ts'
import { lndHolder, nwcHolder } from '../support/wallets/hold-subjects.ts'

holdContract([devHolder, lndHolder, nwcHolder])
