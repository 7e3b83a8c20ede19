import { openLightningAddressWallet } from '#src/lightning/lightning-address/lightning-address-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { FakeLightningAddress } from './fake-lightning-address.ts'
import { asFakeServer } from './fake-server.ts'
import type { FakeWalletServer, WalletUnderTest } from './subject.ts'

export const lightningAddressUnderTest: WalletUnderTest = {
  kind: 'lightning_address',
  async make() {
    const fake = await new FakeLightningAddress().start()
    const right = { name: 'address', address: fake.address, clock: systemClock, allowLoopback: true }
    const driven = asFakeServer({
      fake,
      makesInvoice: ({ target }) => target.startsWith('/callback/'),
      refusal: { status: 401, body: 'Unauthorized' },
      credentials: [],
    })
    const server: FakeWalletServer = {
      ...driven,
      breakWith(breakage) {
        driven.breakWith(breakage)
        // It is left alone for as long as it asks.
        if (breakage === '429') fake.http.fail({ kind: 'status', status: 429, headers: { 'retry-after': '1' } })
      },
    }
    return {
      fake: server,
      open: async () => openLightningAddressWallet(right),
      async openWith(fault) {
        switch (fault) {
          case 'credential':
            fake.http.fail({ kind: 'status', status: 401, body: 'Unauthorized' })
            return openLightningAddressWallet(right)
          case 'certificate':
            throw new Error('not in the table')
          case 'network':
            return openLightningAddressWallet({ ...right, network: 'bc' })
          case 'unreachable':
            return openLightningAddressWallet({ ...right, address: 'shop@localhost:1' })
        }
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
  lacks: {
    'after a lost reply the same request gets the same invoice':
      'LNURL-pay has no key for repeated requests; the first invoice stays unpaid.',
    'tells a settlement while connected': 'LNURL-pay tells nothing by itself; payments are found by asking.',
    'does not start with a wrong certificate':
      'Its fake speaks plain http on loopback; test/lightning/guarded-get.test.ts has the certificate.',
  },
}
