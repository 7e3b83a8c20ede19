import { type NwcWalletOptions, openNwcWallet } from '#src/lightning/nwc/nwc-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import type { InvoiceRequest, Settlement, Wallet } from '#src/ports/wallet.ts'
import { FakeNwc, type FakeNwcOptions } from '../support/wallets/fake-nwc.ts'
import { makeRequest } from './dev-setting.ts'

export const sats = (amountMsat = 21_000n): InvoiceRequest => makeRequest({ amountMsat })
export const soon = { timeout: 8_000, interval: 20 }

export interface NwcSetting extends AsyncDisposable {
  readonly fake: FakeNwc
  readonly wallet: Wallet
}

/** A wallet service with its relay, and the adapter for it, not started. */
export async function openShop(
  options: Partial<FakeNwcOptions> = {},
  settings: Partial<NwcWalletOptions> = {},
): Promise<NwcSetting> {
  const fake = await new FakeNwc(options).start()
  const wallet = openNwcWallet({ name: 'nwc', uri: fake.uri, clock: systemClock, unitMsat: 1n, ...settings })
  return {
    fake,
    wallet,
    async [Symbol.asyncDispose]() {
      await wallet[Symbol.asyncDispose]()
      await fake[Symbol.asyncDispose]()
    },
  }
}

/** What the wallet's stream of settlements has told so far. */
export function listen(wallet: Wallet, signal: AbortSignal): Settlement[] {
  const told: Settlement[] = []
  void (async () => {
    for await (const settlement of wallet.settlements?.(undefined, signal) ?? []) told.push(settlement)
  })()
  return told
}
