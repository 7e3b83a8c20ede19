import { join } from 'node:path'
import type { WalletConfig } from '../config/read-wallets.ts'
import type { Clock } from '../ports/clock.ts'
import type { Wallet } from '../ports/wallet.ts'

/**
 * Makes the adapter that a wallet's settings name; it is not started yet. Its code, and the packages it needs, are
 * loaded only now: who uses another wallet pays nothing for them.
 * @throws WalletError
 */
export async function createWallet(settings: WalletConfig, dataDir: string, clock: Clock): Promise<Wallet> {
  switch (settings.kind) {
    case 'dev': {
      const { openDevWallet } = await import('./dev/dev-wallet.ts')
      // Two of them are two wallets, with seeds of their own.
      const suffix = settings.name === 'dev' ? '' : `-${settings.name}`
      return openDevWallet({ name: settings.name, file: join(dataDir, `dev-wallet${suffix}.sqlite`), clock })
    }
    case 'lnd': {
      const { openLndWallet } = await import('./lnd/lnd-wallet.ts')
      return openLndWallet({ ...settings, clock })
    }
    case 'phoenixd': {
      const { openPhoenixdWallet } = await import('./phoenixd/phoenixd-wallet.ts')
      return openPhoenixdWallet({ ...settings, clock })
    }
    case 'cln': {
      const { openClnWallet } = await import('./cln/cln-wallet.ts')
      return openClnWallet({ ...settings, clock })
    }
    case 'nwc': {
      const { openNwcWallet } = await import('./nwc/nwc-wallet.ts')
      return openNwcWallet({ ...settings, clock })
    }
    case 'lightning_address': {
      const { openLightningAddressWallet } = await import('./lightning-address/lightning-address-wallet.ts')
      return openLightningAddressWallet({ ...settings, clock })
    }
    case 'lnbits': {
      const { openLnbitsWallet } = await import('./lnbits/lnbits-wallet.ts')
      return openLnbitsWallet({ ...settings, clock })
    }
    case 'btcpay': {
      const { openBtcpayWallet } = await import('./btcpay/btcpay-wallet.ts')
      return openBtcpayWallet({ ...settings, clock })
    }
  }
}
