import { walletsUnderTest } from '../support/wallets/all.ts'
import { walletContract } from '../support/wallets/contract.ts'

walletContract(walletsUnderTest)
