import { join } from 'node:path'
import type { Clock } from '../ports/clock.ts'
import type { Wallet } from '../ports/wallet.ts'
import { openDevWallet } from './dev/dev-wallet.ts'

export interface WalletSettings {
  readonly name: string
  readonly kind: 'dev'
}

/** Makes the adapter that a wallet's settings name; it is not started yet. */
export function createWallet(settings: WalletSettings, dataDir: string, clock: Clock): Wallet {
  switch (settings.kind) {
    case 'dev':
      return openDevWallet({ name: settings.name, file: join(dataDir, 'dev-wallet.sqlite'), clock })
  }
}
